"""The supervisor of one run: `python -m ftui.services.supervisor RUN_DIR [--detach] [--adopt] [--queue]`.

It lives in its own session with its stdio in a file, so no terminal can take it along. It prepares the data, starts the
trainer as a child in a process group of its own, samples memory once a second, takes requests (stop, pause) from files,
notices hangs, crashes, OOM, NaN and a full disk, applies the plan's recovery policy, and is the only one that writes
state.json and events/supervisor.jsonl. When it dies the trainer goes on, and `--adopt` takes over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftui.core.events import Alert, Attempt, Done, Event, Failed, Phase, Step, to_line
from ftui.core.plan import Plan
from ftui.core.recovery import Decision, Ending, decide_next
from ftui.errors import FtuiError
from ftui.services import alerts, sampling
from ftui.services.files import read_json, write_json
from ftui.services.process import ProcessId, boot_id, identify, is_alive, send, send_group
from ftui.services.runs import Run, State, last_outcome, recorded_state, take_requests, write_state
from ftui.services.tail import EventTail

POLL_SECONDS = 0.25
STOPPED_EXIT_CODE = 75
"""The trainer's exit code after it stopped on request with a checkpoint."""


@dataclass
class Supervisor:
    """What the supervisor knows while it runs; `state` is what state.json says."""

    run: Run
    plan: Plan
    state: State
    trainer: ProcessId | None = None
    child: subprocess.Popen[bytes] | None = None
    tail: EventTail | None = None
    last_sign: float = 0.0
    """Monotonic time of the trainer's last event."""
    asked: str = ""
    """stop, pause, or a signal's name, once the trainer was told to end."""
    asked_at: float = 0.0
    last_step: int | None = None
    step_seconds: list[float] = field(default_factory=list)
    hung: bool = False

    # -- what it says ------------------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Append one event; a full disk must not end the supervision."""
        line = to_line(event).encode()
        with contextlib.suppress(OSError):
            handle = os.open(self.run.supervisor_events, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, line)
            finally:
                os.close(handle)

    def set_state(self, **changes: Any) -> None:
        """Change state.json; where the disk is full it is tried again with the next change."""
        self.state = replace(self.state, **changes)
        with contextlib.suppress(OSError):
            write_state(self.run, self.state)

    # -- one attempt -------------------------------------------------------------------------------------------------

    def start_trainer(self, reason: str, changes: Mapping[str, Any]) -> None:
        """Start the trainer as a child, its output in a file, in its own process group."""
        attempt = self.state.attempt + 1
        overrides = {**(read_json(self.run.path / "overrides.json") or {}), **changes}
        write_json(self.run.path / "overrides.json", overrides)
        with self.run.log.open("ab") as log:
            log.write(f"--- attempt {attempt}: {reason} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode())
            log.flush()
            self.child = subprocess.Popen(
                trainer_command(self.run, self.plan),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=trainer_environment(),
                cwd=self.run.path,
            )
        self.trainer = identify(self.child.pid)
        self.emit(Attempt(attempt, reason, pid=self.child.pid, from_step=self.last_step, changes=changes))
        self.set_state(
            status="running",
            attempt=attempt,
            pid=self.child.pid,
            pid_start_ticks=self.trainer.start_ticks if self.trainer else None,
            reason="",
        )
        self._watch_from_now()

    def adopt_trainer(self, trainer: ProcessId) -> None:
        """Take over a trainer whose supervisor died."""
        self.trainer = trainer
        self.emit(Attempt(self.state.attempt, "adopt", pid=trainer.pid))
        self.set_state(status="running")
        self._watch_from_now(from_start=True)

    def _watch_from_now(self, from_start: bool = False) -> None:
        offset = 0
        if not from_start:
            with contextlib.suppress(OSError):
                offset = self.run.trainer_events.stat().st_size
        self.tail = EventTail(self.run.trainer_events, offset)
        self.last_sign = time.monotonic()
        self.asked, self.asked_at, self.hung = "", 0.0, False

    def watch_trainer(self) -> Ending:
        """Wait for the trainer's end, with samples, requests and the hang check on the way."""
        sampler = sampling.Sampler(self.trainer.pid if self.trainer else os.getpid())
        next_sample = 0.0
        while self._trainer_alive():
            moment = time.monotonic()
            if moment >= next_sample:
                next_sample = moment + 1.0
                if (memory := sampler.sample(self.last_step)) is not None:
                    self.emit(memory)
            self._read_trainer_events()
            self._take_requests()
            self._check_hang(moment)
            self._check_grace(moment)
            time.sleep(POLL_SECONDS)
        sampler.close()
        self._read_trainer_events()
        return self._ending()

    def _trainer_alive(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        return is_alive(self.trainer)

    def _read_trainer_events(self) -> None:
        assert self.tail is not None
        for stamped in self.tail.events():
            self.last_sign = time.monotonic()
            event = stamped.event
            if isinstance(event, Step):
                self.last_step = event.step
                seconds = event.metrics.get("step_seconds")
                if seconds is not None:
                    self.step_seconds = [*self.step_seconds[-50:], seconds]
            elif isinstance(event, Alert) and event.level != "info":
                alerts.send(self.plan, self.run, event.code, event.message)

    def _take_requests(self) -> None:
        for what in take_requests(self.run):
            if what in ("stop", "pause") and not self.asked:
                self.ask_to_end(what)

    def ask_to_end(self, what: str) -> None:
        """Ask the trainer for a checkpoint and its end. `what` is stop, pause or the reason of a signal."""
        self.asked, self.asked_at = what, time.monotonic()
        self.set_state(status="pausing" if what == "pause" else "stopping", reason=what if what.isupper() else "")
        if self.trainer is not None:
            send(self.trainer, signal.SIGTERM)

    def _check_grace(self, moment: float) -> None:
        if self.asked and self.trainer and moment - self.asked_at > self.plan.recovery.stop_grace_seconds:
            self.emit(
                Alert(
                    "warning", "killed", "The trainer did not end in time and was killed; its last checkpoint counts."
                )
            )
            send_group(self.trainer, signal.SIGKILL)
            self.asked_at = moment

    def _check_hang(self, moment: float) -> None:
        median = sorted(self.step_seconds)[len(self.step_seconds) // 2] if self.step_seconds else 0.0
        limit = max(self.plan.recovery.hang_minutes * 60, 20 * median)
        if not self.asked and not self.hung and self.trainer and moment - self.last_sign > limit:
            self.hung = True
            self.emit(Alert("error", "hang", f"No sign of life for {limit:.0f} s: the trainer is killed and resumed."))
            send_group(self.trainer, signal.SIGKILL)

    def _ending(self) -> Ending:
        code = self.child.returncode if self.child is not None else None
        if self.trainer is not None:
            _kill_leftovers(self.trainer)
        outcome = last_outcome(self.run)
        if self.asked in ("stop", "pause"):
            return Ending(self.asked, self.last_step)
        if isinstance(outcome, Done):
            return Ending("finished" if outcome.status == "finished" else "preempted", self.last_step)
        if self.asked:
            return Ending("preempted", self.last_step)
        if self.hung:
            return Ending("hang", self.last_step)
        if isinstance(outcome, Failed):
            return Ending(outcome.reason, self.last_step, f"{outcome.title}: {outcome.message}", outcome.hint)
        return Ending("crash", self.last_step, _exit_words(code))

    # -- all attempts ------------------------------------------------------------------------------------------------

    def supervise(self, adopt: bool) -> str:
        """Run attempts until the plan's policy says that it is over; gives the final status."""
        trainer = self.state.trainer()
        if adopt and trainer is not None and is_alive(trainer):
            self.adopt_trainer(trainer)
        else:
            if "files" not in (read_json(self.run.path / "data" / "manifest.json") or {}):
                self._prepare()
            self.start_trainer("resume" if self.state.attempt else "start", {})
        failures = 0
        while True:
            ending = self.watch_trainer()
            decision = decide_next(self.plan, ending, failures, _current_settings(self.run, self.plan))
            if decision.event:
                self.emit(decision.event)
            if decision.action != "restart":
                return self._finish(decision)
            failures = failures + 1 if decision.counts else failures
            if ending.reason == "disk" and not self._wait_for_space():
                return self._finish(Decision("end", "stopped", "stopped while waiting for disk space"))
            self.start_trainer(decision.reason, decision.changes)

    def _prepare(self) -> None:
        self.emit(Phase("preparing", "reading and checking the data"))
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ftui.services.prepare", str(self.run.path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            title, _, message = (done.stderr.strip().splitlines() or ["The data could not be prepared"])[-1].partition(
                ": "
            )
            raise FtuiError(title, message)

    def _wait_for_space(self) -> bool:
        """Wait until a checkpoint fits again; False when the user gave up on it."""
        need = self.plan.recovery.disk_reserve_mib * 2**20 + _largest_checkpoint(self.run)
        self.set_state(status="paused", reason=f"disk full: {need / 2**20:.0f} MiB are needed on {self.run.path}")
        while _free_bytes(self.run.path) < need:
            for what in take_requests(self.run):
                if what in ("stop", "pause"):
                    return False
            time.sleep(2.0)
        return True

    def _finish(self, decision: Decision) -> str:
        self.set_state(
            status=decision.status,
            reason=decision.reason,
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if decision.status in ("finished", "failed"):
            alerts.send(self.plan, self.run, decision.status, decision.reason or decision.status)
        return decision.status


def trainer_command(run: Run, plan: Plan) -> list[str]:
    """The command line of the trainer: through accelerate where several processes share the work."""
    # -P: the run's folder, which is the working directory, must not be a place that modules are imported from.
    if plan.train.gpus == 1:
        return [sys.executable, "-P", "-m", "ftui.trainer", str(run.path)]
    from ftui.core.launcher import launch_arguments

    return [sys.executable, "-P", *launch_arguments(plan), "-m", "ftui.trainer", str(run.path)]


def trainer_environment() -> dict[str, str]:
    """The trainer's environment: offline, no telemetry, unbuffered output; secrets stay out of argv."""
    quiet = {
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_OFFLINE": "1",
        "WANDB_DISABLED": "true",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    }
    return {**os.environ, **{key: os.environ.get(key, value) for key, value in quiet.items()}}


def _kill_leftovers(trainer: ProcessId) -> None:
    """End what the trainer left in its process group (data-loader workers of a killed trainer)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if trainer.boot_id == boot_id() and os.getpgid(0) != trainer.pid:
            os.killpg(trainer.pid, signal.SIGKILL)


def _current_settings(run: Run, plan: Plan) -> Plan:
    from ftui.core.plan import with_values

    overrides = read_json(run.path / "overrides.json")
    return with_values(plan, overrides) if isinstance(overrides, dict) and overrides else plan


def _exit_words(code: int | None) -> str:
    if code is None:
        return "the trainer vanished"
    if code < 0:
        return f"the trainer was killed by {signal.Signals(-code).name}"
    return f"the trainer ended with exit code {code} and no word; see logs/trainer.log"


def _largest_checkpoint(run: Run) -> int:
    from ftui.services.files import folder_bytes

    sizes = [folder_bytes(path) for path in (run.path / "checkpoints").glob("step-*")]
    return max(sizes, default=0)


def _free_bytes(path: Path) -> int:
    import shutil

    return shutil.disk_usage(path).free


def main(arguments: list[str]) -> int:
    """Become the supervisor of the run, unless it has one already; the exit code says how the run ended."""
    from filelock import FileLock, Timeout

    if "--detach" in arguments:
        # The launcher waits for this parent only; the child belongs to nobody who could leave it as a zombie.
        if os.fork():
            os._exit(0)
        os.setsid()
    os.umask(0o077)
    run = Run(Path(arguments[0]))
    lock = FileLock(run.path / "lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sys.stderr.write("this run already has a supervisor\n")
        return 2
    me = identify(os.getpid())
    assert me is not None
    supervisor = Supervisor(run, run.plan(), recorded_state(run))
    before = supervisor.state
    supervisor.set_state(
        status=before.status if "--adopt" in arguments else "starting",
        supervisor_pid=me.pid,
        supervisor_start_ticks=me.start_ticks,
        boot_id=me.boot_id,
        started=before.started or datetime.now(UTC).isoformat(timespec="seconds"),
        ended="",
    )

    def end(*_: object) -> None:
        if not supervisor.asked:
            supervisor.ask_to_end("SIGTERM")

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if before.boot_id != me.boot_id:
        supervisor.state = replace(supervisor.state, pid=None, pid_start_ticks=None)
    try:
        if "--queue" in arguments:
            from ftui.services.queueing import wait_for_turn

            if not wait_for_turn(run, supervisor.plan):
                supervisor.set_state(status="stopped", reason="taken out of the queue")
                return 0
        status = supervisor.supervise(adopt="--adopt" in arguments)
    except FtuiError as error:
        supervisor.emit(Failed(error.title, error.message, error.hint))
        supervisor.set_state(status="failed", reason=str(error), ended=datetime.now(UTC).isoformat(timespec="seconds"))
        return 1
    except Exception as error:
        from ftui.services.crash import save_traceback

        where = save_traceback(error)
        supervisor.emit(Failed("A bug in ftui's supervisor", f"{type(error).__name__}: {error}", f"Details: {where}"))
        supervisor.set_state(status="failed", reason=f"a bug in ftui's supervisor, see {where}")
        return 1
    finally:
        lock.release()
    return 0 if status in ("finished", "stopped", "paused") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
