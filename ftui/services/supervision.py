"""Supervising one run: attempt after attempt, until the plan's recovery policy says that it is over.

The supervisor prepares the data, starts the trainer as a child in a process group of its own, samples memory once a
second, takes requests (stop, pause) from files, and notices hangs, crashes, OOM, NaN and a full disk.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftui.core.events import Alert, Attempt, Failed, Phase
from ftui.core.plan import Plan
from ftui.core.recovery import Decision, Ending, decide_next
from ftui.errors import FtuiError
from ftui.services import alerts, space
from ftui.services.attempt import kill_leftovers, open_gate, refuse_gate, spawn_gated, trainer_command
from ftui.services.ending import asked_reason, how_it_ended
from ftui.services.files import read_json, write_json
from ftui.services.preparing import prepare_data
from ftui.services.process import ProcessId, identify, is_alive, send, send_group
from ftui.services.run_requests import take_requests
from ftui.services.runs import Run, State
from ftui.services.supervisor_voice import Voice
from ftui.services.trainer_watch import Ears

POLL_SECONDS = 0.25
SPACE_POLL_SECONDS = 2.0


class Supervisor:
    """One run under supervision. `voice` writes its state and events, `ears` hear the trainer."""

    def __init__(self, run: Run, plan: Plan, state: State) -> None:
        self.run, self.plan = run, plan
        self.voice = Voice(run, state)
        self.ears = Ears(run, plan)
        self.trainer: ProcessId | None = None
        self.child: Any = None
        """The trainer as a child process; None for an adopted one."""
        self.asked = ""
        """stop, pause, or a signal's name, once the run was asked to end."""
        self.asked_at = 0.0
        self.signalled = False
        """SIGTERM came. Acted upon at the next look, not in the handler, which may interrupt a write of the state."""
        self.hung = False

    # -- one attempt -------------------------------------------------------------------------------------------------

    def start_trainer(self, reason: str, changes: Mapping[str, Any]) -> None:
        """Start the trainer as a child. Raises OSError where the disk is full: then nothing was started."""
        if changes:
            overrides = read_json(self.run.path / "overrides.json") or {}
            write_json(self.run.path / "overrides.json", {**overrides, **changes})
        attempt = self.voice.state.attempt + 1
        self.ears.listen_from(_size(self.run.trainer_events))
        child = spawn_gated(self.run, trainer_command(self.run, self.plan), f"attempt {attempt}: {reason}")
        self.trainer, self.child, self.hung = identify(child.pid), child, False
        try:
            self.voice.must_set(
                status="running",
                attempt=attempt,
                pid=child.pid,
                pid_start_ticks=self.trainer.start_ticks if self.trainer else None,
                events_from=self.ears.offset,
                reason="",
                waiting="",
            )
        except OSError:
            refuse_gate(child)
            raise
        last = self.ears.last_step
        self.voice.emit(Attempt(attempt, reason, pid=child.pid, from_step=last, changes=changes))
        open_gate(child)

    def adopt_trainer(self, trainer: ProcessId) -> None:
        """Take over a trainer whose supervisor died, with what that one had been asked."""
        self.trainer, self.child, self.hung = trainer, None, False
        self.ears.catch_up(self.voice.state.events_from)
        self.voice.emit(Attempt(self.voice.state.attempt, "adopt", pid=trainer.pid))
        before = self.voice.state.status
        if before in ("stopping", "pausing"):
            self.ask_to_end("pause" if before == "pausing" else "stop")
        else:
            self.voice.set(status="running")

    def watch_trainer(self) -> Ending:
        """Wait for the trainer's end, with samples, requests and the hang check on the way."""
        from ftui.services.sampling import Sampler

        sampler = Sampler(self.trainer.pid if self.trainer else os.getpid())
        next_sample = 0.0
        while self._trainer_alive():
            moment = time.monotonic()
            if moment >= next_sample:
                next_sample = moment + 1.0
                if (memory := sampler.sample(self.ears.last_step)) is not None:
                    self.voice.emit(memory)
                self.voice.retry()
            self.ears.hear()
            self._take_requests()
            self._check_hang(moment)
            self._check_grace(moment)
            time.sleep(POLL_SECONDS)
        sampler.close()
        self.ears.hear_all()
        if self.trainer is not None:
            kill_leftovers(self.trainer)
        code = self.child.returncode if self.child is not None else None
        return how_it_ended(self.run, self.ears, code, asked=self.asked, hung=self.hung)

    def _trainer_alive(self) -> bool:
        return self.child.poll() is None if self.child is not None else is_alive(self.trainer)

    def _take_requests(self) -> None:
        if self.signalled and not self.asked:
            self.ask_to_end("SIGTERM")
        for what in take_requests(self.run):
            if not self.asked:
                self.ask_to_end(what)
            elif (self.asked, what) == ("pause", "stop"):
                self.asked = what  # the same end by another name: the trainer has been told
                self.voice.set(status="stopping")

    def _is_asked_to_end(self) -> bool:
        self._take_requests()
        return bool(self.asked)

    def ask_to_end(self, what: str) -> None:
        """Ask the trainer for a checkpoint and its end. `what` is stop, pause or the name of a signal."""
        self.asked, self.asked_at = what, time.monotonic()
        status = "pausing" if what == "pause" else "stopping"
        self.voice.set(status=status, waiting="", reason=what if what.isupper() else "")
        self._tell_trainer()

    def _tell_trainer(self) -> None:
        if self.trainer is not None:
            send(self.trainer, signal.SIGTERM)

    def _check_grace(self, moment: float) -> None:
        if self.asked and self.trainer and moment - self.asked_at > self.plan.recovery.stop_grace_seconds:
            words = "The trainer did not end in time and was killed; its last checkpoint counts."
            self.voice.emit(Alert("warning", "killed", words))
            send_group(self.trainer, signal.SIGKILL)
            self.asked_at = moment

    def _check_hang(self, moment: float) -> None:
        limit = self.ears.hang_seconds()
        if not self.asked and not self.hung and self.trainer and moment - self.ears.last_sign > limit:
            self.hung = True
            words = f"No sign of life for {limit:.0f} s: the trainer is killed and resumed."
            self.voice.emit(Alert("error", "hang", words, step=self.ears.last_step))
            send_group(self.trainer, signal.SIGKILL)

    # -- all attempts ------------------------------------------------------------------------------------------------

    def supervise(self, adopt: bool) -> str:
        """Run attempts until the plan's policy says that it is over; gives the final status."""
        trainer = self.voice.state.trainer() if adopt else None
        decision = Decision("restart", reason="resume" if self.voice.state.attempt else "start")
        self._say_what_was_forced()
        while True:
            ending = self._one_attempt(decision, trainer if is_alive(trainer) else None)
            trainer = None
            if ending.reason == "disk" and not self.asked:
                need = ending.need_bytes or space.needed_bytes(self.run.path, self.plan)
                if space.has_room(self.run.path, need):
                    # There is room: whatever refused to write, waiting for room would be waiting for ever.
                    ending = replace(ending, reason="crash")
                else:
                    ending = replace(ending, need_bytes=need, words=self._room_words(need))
            decision = decide_next(self.plan, ending, self.voice.state.failures, self._current_settings())
            if decision.event:
                self.voice.emit(decision.event)
            if decision.action == "restart":
                self.voice.set(failures=self.voice.state.failures + decision.counts)
                if ending.reason == "disk":
                    self._wait_for_space(ending.need_bytes or 0)
            if self.asked and decision.action == "restart":
                decision = decide_next(self.plan, Ending(asked_reason(self.asked)), 0, self.plan)
            if decision.action != "restart":
                return self._finish(decision, ending)

    def _one_attempt(self, decision: Decision, adopted: ProcessId | None) -> Ending:
        """Prepare, start and watch one attempt, or go on with the adopted one; a full disk is an ending like others."""
        if adopted is not None:
            self.adopt_trainer(adopted)
            return self.watch_trainer()
        self.trainer = self.child = None
        try:
            if "files" not in (read_json(self.run.path / "data" / "manifest.json") or {}):
                self.voice.emit(Phase("preparing", "reading and checking the data"))
                prepare_data(self.run, self._is_asked_to_end)
            if self._is_asked_to_end():
                return Ending(asked_reason(self.asked))
            self.start_trainer(decision.reason, decision.changes)
        except OSError as error:
            if not space.is_disk_error(error):
                raise
            self.trainer = self.child = None
            return Ending("disk", self.ears.last_step, f"{error.strerror}: {error.filename or self.run.path}")
        if self._is_asked_to_end():
            self._tell_trainer()  # asked between the look and the start
        return self.watch_trainer()

    def _say_what_was_forced(self) -> None:
        record = read_json(self.run.path / "forced.json")
        last = record[-1] if isinstance(record, list) and record else {}
        if isinstance(last, dict) and last.get("from_attempt") == self.voice.state.attempt + 1:
            changed = "; ".join(str(change) for change in last.get("changed", []))
            self.voice.emit(Alert("warning", "forced", f"Resumed with --force although its inputs changed: {changed}"))

    def _wait_for_space(self, need_bytes: int) -> None:
        """Wait until so much is free again, or until the run is asked to end."""
        self.trainer = self.child = None
        while not self.asked and not space.has_room(self.run.path, need_bytes):
            # Said again each time: on a full disk the words themselves may not have fitted.
            self.voice.set(status="paused", waiting="disk", reason=self._room_words(need_bytes))
            time.sleep(SPACE_POLL_SECONDS)
            self._take_requests()
        space.hold_reserve(self.run.path)
        self.voice.retry()

    def _room_words(self, need_bytes: int) -> str:
        mib = 2**20
        free = space.free_bytes(self.run.path)
        return (
            f"the disk is full: {self.run.path} has {free / mib:,.0f} MiB free and needs {-(-need_bytes // mib):,} MiB;"
            " the run goes on by itself when there is room"
        )

    def _current_settings(self) -> Plan:
        from ftui.core.plan import with_values

        overrides = read_json(self.run.path / "overrides.json")
        return with_values(self.plan, overrides) if isinstance(overrides, dict) and overrides else self.plan

    def _finish(self, decision: Decision, ending: Ending) -> str:
        if decision.status == "failed" and self.ears.failed is None:
            # The trainer could not say why it ended; without this, only state.json would.
            self.voice.emit(Failed("The run has failed", decision.reason, reason=ending.reason, step=ending.step))
        self.voice.set(
            status=decision.status, reason=decision.reason, waiting="", ended=now(), pid=None, pid_start_ticks=None
        )
        if decision.status in ("finished", "failed"):
            alerts.send(self.plan, self.run, decision.status, decision.reason or decision.status)
        if decision.status == "finished":
            from ftui.services.prediction import remember_peak

            with contextlib.suppress(OSError, FtuiError):  # a lost measurement costs the next prediction, not this run
                remember_peak(self.run)
        if decision.status == "finished" and self.run.verdict_file.exists():
            from ftui.services.report import write_reports

            with contextlib.suppress(OSError, FtuiError):  # `ftui eval` writes it again
                write_reports(self.run)
        return decision.status


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
