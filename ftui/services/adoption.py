"""Looking after runs: a supervisor for each that needs one, the true state for each that nobody looks after."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ftui.errors import FtuiError
from ftui.services.process import is_alive
from ftui.services.run_safety import is_safe
from ftui.services.runs import Run, State, all_runs, read_state, recorded_state, write_state

SUPERVISOR_START_SECONDS = 20.0


def adopt_orphans(folder: Path | None = None) -> list[Run]:
    """Give a new supervisor to every run whose trainer lives on without one, and to every queued run that lost its own.

    Runs that ended while nobody looked get their true state. A run that somebody else could have written into is left
    alone.
    """
    adopted = []
    for run in all_runs(folder):
        try:
            state = recorded_state(run)
        except FtuiError:
            continue
        if not state.live or is_alive(state.supervisor()) or not is_safe(run.path):
            continue
        if is_alive(state.trainer()):
            spawn_supervisor(run, "--adopt")
            adopted.append(run)
        elif state.status == "queued" and state.supervisor_pid:
            spawn_supervisor(run, "--queue")
            adopted.append(run)
        elif state.supervisor_pid is not None:
            settle(run)  # one that never had a supervisor was only prepared: others start its processes
    return adopted


def settle(run: Run) -> State:
    """Write the true state of a run that nobody supervises any more, and give it."""
    from filelock import FileLock, Timeout

    state = read_state(run)
    if state != recorded_state(run):
        try:
            with FileLock(run.path / "lock", timeout=0, mode=0o600):
                write_state(run, read_state(run))
        except (Timeout, OSError):
            pass  # somebody else is on it, or the disk is full: the next command will see to it
    return state


def spawn_supervisor(run: Run, *flags: str) -> None:
    """Start the supervisor in a session of its own and wait until it has said that it is there. Raises FtuiError."""
    before = recorded_state(run).supervisor()
    log = run.path / "logs" / "supervisor.log"
    try:
        with log.open("ab") as output:
            log.chmod(0o600)
            done = subprocess.run(
                [sys.executable, "-P", "-m", "ftui.services.supervisor", str(run.path), "--detach", *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=run.path,
                check=False,
            )
    except OSError as error:
        raise FtuiError("The supervisor cannot be started", f"{error.filename or run.path}: {error.strerror}") from None
    until = time.monotonic() + SUPERVISOR_START_SECONDS
    while time.monotonic() < until:
        state = recorded_state(run)
        if state.supervisor() not in (None, before):
            return
        if done.returncode:
            break
        time.sleep(0.02)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no word from it"]
    raise FtuiError("The supervisor did not start", last[0], f"Its log: {log}")


def wait_for_end(run: Run, seconds: float) -> State:
    """The state once it is no longer live, or after `seconds`."""
    until = time.monotonic() + seconds
    while (state := read_state(run)).live and time.monotonic() < until:
        time.sleep(0.1)
    return state
