"""Looking after runs: a supervisor for each that needs one, the true state for each that nobody looks after."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ftui.errors import FtuiError
from ftui.services.process import is_alive, short_id
from ftui.services.run_safety import is_safe
from ftui.services.runs import Run, State, all_runs, read_state, recorded_state, write_state

SUPERVISOR_START_SECONDS = 60.0
CARE_SECONDS, LONGEST_CARE_SECONDS = 2.0, 300.0


def adopt_orphans(folder: Path | None = None, refused: Callable[[Run, FtuiError], None] | None = None) -> list[Run]:
    """Give a new supervisor to every run whose trainer lives on without one, and to every queued run that lost its own.

    Runs that ended while nobody looked get their true state. A run that somebody else could have written into is left
    alone. One that cannot be adopted (its disk is full, say) is no reason to leave the others; `refused` is told.
    """
    adopted = []
    for run in all_runs(folder):
        try:
            if adopt(run):
                adopted.append(run)
        except FtuiError as error:
            if refused is not None:
                refused(run, error)
    return adopted


def adopt(run: Run) -> bool:
    """Give this run a new supervisor where it lost its own and needs one; whether it did. Raises FtuiError."""
    state = recorded_state(run)
    if not state.live or is_alive(state.supervisor()) or not is_safe(run.path):
        return False
    if is_alive(state.trainer()):
        spawn_supervisor(run, "--adopt", after=state)
        return True
    if state.status == "queued" and state.supervisor_pid:
        spawn_supervisor(run, "--queue", after=state)
        return True
    if state.supervisor_pid is not None:
        settle(run)  # one that never had a supervisor is about to get its first
    return False


class Care:
    """What a viewer does for the run that it watches: a new supervisor where the old one died, ever less often.

    A supervisor that dies each time will not live by being started each second.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._pause_seconds = CARE_SECONDS
        self._next = float("-inf")

    def is_orphan(self) -> bool:
        """Whether the run's supervisor died while there was something to look after. Raises FtuiError."""
        state = recorded_state(self.run)
        return state.live and state.supervisor() is not None and not is_alive(state.supervisor())

    def is_due(self) -> bool:
        """Whether the run is an orphan that should be adopted now. Raises FtuiError."""
        return time.monotonic() >= self._next and self.is_orphan()

    def adopt(self) -> None:
        """Try it; takes a second or more. Where it fails (a full disk, say) the trainer lives, and a later try may."""
        self._next = time.monotonic() + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_CARE_SECONDS)
        with contextlib.suppress(FtuiError):
            adopt(self.run)


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


def spawn_supervisor(run: Run, *flags: str, after: State) -> None:
    """Start a supervisor in a session of its own and wait until the run has one. Raises FtuiError.

    after: the state that it is started upon. Where another command has given the run a supervisor since, that one
    stays, and this is no error.
    """
    before = after.supervisor()
    log = run.path / "logs" / "supervisor.log"
    command = [sys.executable, "-P", "-m", "ftui.services.supervisor", str(run.path), "--detach", *flags]
    try:
        # The supervisor inherits one end and never writes: its end is the end of the file for the other.
        sign_of_life, held = os.pipe()
        try:
            with log.open("ab") as output:
                log.chmod(0o600)
                done = subprocess.run(
                    [*command, "--after", short_id(before)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=run.path,
                    check=False,
                    pass_fds=[held],
                    start_new_session=True,  # from its first moment on: Ctrl+C and a hang-up are not for it
                )
        except BaseException:
            os.close(sign_of_life)
            raise
        finally:
            os.close(held)
    except OSError as error:
        raise FtuiError("The supervisor cannot be started", f"{error.filename or run.path}: {error.strerror}") from None
    try:
        until = time.monotonic() + SUPERVISOR_START_SECONDS
        while time.monotonic() < until and run.path.is_dir():
            # Asked before the state is read: what it wrote before it ended is then still seen.
            is_over = bool(done.returncode) or (_is_at_end(sign_of_life) and not _has_supervisor(run))
            state = recorded_state(run)
            # An adopter that finds the run at its end writes that end, and no name of its own.
            if state.supervisor() not in (None, before) or (after.live and not state.live):
                return
            if is_over:
                break
            time.sleep(0.02)
    finally:
        os.close(sign_of_life)
    if not run.path.is_dir():
        raise FtuiError("The run was removed", str(run.path), "ftui runs list shows what is there.")
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no word from it"]
    raise FtuiError("The supervisor did not start", last[0], f"Its log: {log}")


def _is_at_end(pipe: int) -> bool:
    """Whether nobody holds the other end of the pipe any more."""
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    return bool(ready.poll(0))


def _has_supervisor(run: Run) -> bool:
    """Whether somebody holds the run's lock: another supervisor, which is about to write its name."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(run.path / "lock", timeout=0, mode=0o600):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def wait_for_end(run: Run, seconds: float) -> State:
    """The state once it is no longer live, or after `seconds`."""
    until = time.monotonic() + seconds
    while (state := read_state(run)).live and time.monotonic() < until:
        time.sleep(0.1)
    return state
