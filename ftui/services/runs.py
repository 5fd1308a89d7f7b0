"""Run directories: found and read. The files are the truth; nothing here keeps state."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ftui.core.events import Done, Failed, Step, parse_line
from ftui.core.text import clip
from ftui.errors import FtuiError
from ftui.services.files import read_json, write_json
from ftui.services.paths import runs_folder
from ftui.services.process import ProcessId, boot_id, is_alive
from ftui.services.run_safety import refuse_unsafe
from ftui.services.tail import last_lines

if TYPE_CHECKING:
    from ftui.core.plan import Plan

STATE_VERSION = 1
LIVE = frozenset({"queued", "starting", "running", "pausing", "stopping"})
"""Statuses that only hold while a supervisor or a trainer is alive; so does `paused` while it waits for room."""
ENDED = frozenset({"stopped", "interrupted", "finished", "failed", "paused"})
PREPARED = "prepared"
"""Made, and nothing of it started here (ftui train PLAN --prepare): a job script may start its processes."""
STATUSES = LIVE | ENDED | {PREPARED}
SILENT_SECONDS = 900.0
"""A prepared run whose processes others have started is taken for live until its events say nothing for so long."""
LONGEST_REASON = 4000
"""Characters of a reason that are read: no run has more to say, and a damaged file may."""
STARTING_SECONDS = 60.0
"""A run without a supervisor is waited for so long before it is called interrupted."""


@dataclass(frozen=True, slots=True)
class State:
    """state.json: written by the supervisor only."""

    status: str
    attempt: int = 0
    pid: int | None = None
    """The trainer's."""
    pid_start_ticks: int | None = None
    supervisor_pid: int | None = None
    supervisor_start_ticks: int | None = None
    boot_id: str = ""
    created: str = ""
    started: str = ""
    ended: str = ""
    reason: str = ""
    waiting: str = ""
    """disk: the run is paused, and goes on by itself when there is room; its supervisor is alive."""
    failures: int = 0
    """Restarts that count against recovery.max_restarts."""
    events_from: int = 0
    """Where the current attempt's events begin in events/trainer.jsonl, in bytes."""
    schema_version: int = STATE_VERSION

    @property
    def live(self) -> bool:
        """Whether somebody is at work on the run, or about to be: it cannot be resumed or removed now."""
        return self.status in LIVE or (self.status == "paused" and bool(self.waiting))

    @property
    def elsewhere(self) -> bool:
        """Whether others started its processes, on this machine or another: no supervisor hears what it is asked."""
        return self.status == "running" and self.pid is None and self.supervisor_pid is None

    def trainer(self) -> ProcessId | None:
        """The trainer's identity, or None where none was started."""
        return ProcessId(self.pid, self.pid_start_ticks, self.boot_id) if self.pid and self.pid_start_ticks else None

    def supervisor(self) -> ProcessId | None:
        """The supervisor's identity."""
        if not (self.supervisor_pid and self.supervisor_start_ticks):
            return None
        return ProcessId(self.supervisor_pid, self.supervisor_start_ticks, self.boot_id)


_KINDS: dict[str, tuple[type, ...]] = {
    f.name: {"str": (str,), "int": (int,), "int | None": (int, type(None))}[str(f.type)] for f in fields(State)
}


@dataclass(frozen=True, slots=True)
class Run:
    """A run directory."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, which is the run's id."""
        return self.path.name

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.yaml"

    @property
    def state_file(self) -> Path:
        return self.path / "state.json"

    @property
    def trainer_events(self) -> Path:
        return self.path / "events" / "trainer.jsonl"

    @property
    def supervisor_events(self) -> Path:
        return self.path / "events" / "supervisor.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "logs" / "trainer.log"

    @property
    def requests(self) -> Path:
        return self.path / "requests"

    @property
    def verdict_file(self) -> Path:
        return self.path / "eval" / "verdict.json"

    def plan(self) -> Plan:
        """The run's plan. Raises FtuiError where the file is broken."""
        from ftui.services.plans import load_plan

        return load_plan(self.plan_file)


def write_state(run: Run, state: State) -> None:
    """Replace state.json. Raises OSError (a full disk)."""
    write_json(run.state_file, asdict(state))


def read_state(run: Run) -> State:
    """The state as it truly is: a status that needs a live process is `interrupted` where that process is gone."""
    state = recorded_state(run)
    if state.status == PREPARED:
        return _as_its_events_say(run, state)
    if not state.live or is_alive(state.supervisor()) or is_alive(state.trainer()):
        return state
    if (
        state.status in ("queued", "starting")
        and not state.supervisor_pid
        and _is_young(run.state_file, STARTING_SECONDS)
    ):
        return state  # its supervisor is on its way
    # Who waited for room was about to go on: the trainer's word that the disk is full is not the last one.
    ending = last_outcome(run, state.events_from) if not state.waiting else None
    state = replace(state, waiting="")
    if ending is not None:
        return _ended(state, ending)
    gone = "the machine was restarted" if state.boot_id not in ("", boot_id()) else "its processes are gone"
    words = f"{gone}; it can go on from its last checkpoint"
    return replace(state, status="interrupted", reason=f"{state.reason}; {words}" if state.reason else words)


def _ended(state: State, ending: Done | Failed) -> State:
    """The state after the trainer's last word."""
    if isinstance(ending, Failed):
        return replace(state, status="failed", reason=clip(f"{ending.title}: {ending.message}", 300))
    return replace(state, status="finished" if ending.status == "finished" else "stopped")


def _as_its_events_say(run: Run, state: State) -> State:
    """The state of a prepared run, whose processes others start where this machine may not see them."""
    try:
        has_begun = run.trainer_events.stat().st_size > 0
    except OSError:
        has_begun = False
    if not has_begun:
        return replace(state, reason="nothing of it runs yet")
    if (ending := last_outcome(run)) is not None:
        return _ended(state, ending)
    if _is_young(run.trainer_events, SILENT_SECONDS):
        return replace(state, status="running", reason="its processes were started by others")
    words = "its processes, started by others, say nothing any more; it can go on from its last checkpoint"
    return replace(state, status="interrupted", reason=words)


def recorded_state(run: Run) -> State:
    """state.json as written. Raises FtuiError where a newer ftui wrote it; a broken one reads as interrupted."""
    data = read_json(run.state_file) if run.state_file.is_file() else None  # a pipe would be waited for
    if not isinstance(data, dict):
        return State(status="interrupted", reason="state.json is missing or broken")
    version = data.get("schema_version")
    if isinstance(version, int) and version > STATE_VERSION:
        raise FtuiError(
            "The run was made by a newer ftui",
            f"{run.name}: state.json has schema_version {version}, this ftui reads up to {STATE_VERSION}",
            "Update ftui: pip install -U ftui-wizard",
        )
    known = {name: data[name] for name in _KINDS if name in data}
    for name, value in known.items():
        if not isinstance(value, _KINDS[name]):
            return State(status="interrupted", reason=f"state.json is broken: {name} is {value!r}"[:200])
    if known.get("status") not in STATUSES:
        return State(status="interrupted", reason="state.json holds no known status")
    return State(**{**known, "reason": known.get("reason", "")[:LONGEST_REASON]})


def last_outcome(run: Run, events_from: int = 0) -> Done | Failed | None:
    """How the trainer's last attempt ended by its own word, or None where it did not say.

    events_from: where the attempt's events begin in the file; an earlier attempt's last word is not this one's.
    """
    try:
        if run.trainer_events.stat().st_size <= events_from:
            return None
    except OSError:
        return None
    for line in reversed(last_lines(run.trainer_events)):
        stamped = parse_line(line)
        if stamped is None:
            continue
        if isinstance(stamped.event, Done | Failed):
            return stamped.event
        return None
    return None


def last_step(run: Run) -> Step | None:
    """The newest step event, or None before the first."""
    for size in (16384, 262144):
        for line in reversed(last_lines(run.trainer_events, size)):
            if b'"kind":"step"' in line:
                stamped = parse_line(line)
                if stamped is not None and isinstance(stamped.event, Step):
                    return stamped.event
    return None


def all_runs(folder: Path | None = None) -> list[Run]:
    """The run directories, newest first, unread. Links are none."""
    parent = folder or runs_folder()
    try:
        with os.scandir(parent) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != "."]
    except OSError:
        return []
    # os.path, not Path: the list of two hundred runs opens with every screen.
    return [Run(parent / name) for name in sorted(names, reverse=True) if os.path.lexists(f"{parent}/{name}/plan.yaml")]


def find_run(reference: str, folder: Path | None = None) -> Run:
    """The run named by a folder's path, its whole name, a unique part of it, or `last`. Raises FtuiError."""
    parent = folder or runs_folder()
    as_path = Path(reference).expanduser()
    if "/" in reference and (as_path / "plan.yaml").is_file():
        return checked_owner(Run(as_path.absolute()))
    names = [run.name for run in reversed(all_runs(parent))]
    if not names:
        raise FtuiError("No such run", f"{reference!r}: there are no runs in {parent} yet", "Start one: ftui demo")
    if reference == "last":
        return checked_owner(Run(parent / names[-1]))
    if reference in names:
        return checked_owner(Run(parent / reference))
    found = [name for name in names if reference in name] if reference else []
    if len(found) == 1:
        return checked_owner(Run(parent / found[0]))
    if found:
        listed = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise FtuiError("Which run?", f"{reference!r} fits {len(found)} runs: {listed}", "Type more of the name.")
    raise FtuiError("No such run", f"{reference!r} is not in {parent}", "ftui runs list shows them all.")


def checked_owner(run: Run) -> Run:
    """The run, unless somebody else could have written into it or a link leads out of it. Raises FtuiError."""
    refuse_unsafe(run.path)
    return run


def _is_young(path: Path, seconds: float) -> bool:
    """Whether the file was written within so many seconds, by a clock that may have been set back since."""
    try:
        return abs(datetime.now(UTC).timestamp() - path.stat().st_mtime) < seconds
    except OSError:
        return False
