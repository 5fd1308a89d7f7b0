"""The supervisor of one run: `python -m ftui.services.supervisor RUN_DIR [--detach] [--adopt | --queue] [--after WHO]`.

WHO is the supervisor that the run had when this one was started, as `process.short_id` writes it ("-" for none). Two
commands may start one at the same moment; the one that comes second finds another name in state.json, and leaves.

It lives in its own session with its stdio in a file, so no terminal can take it along, and is the only one that writes
state.json and events/supervisor.jsonl. When it dies the trainer goes on, and `--adopt` takes over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from ftui.core.events import Failed
from ftui.errors import FtuiError
from ftui.services import alerts, space
from ftui.services.process import identify, is_alive, short_id
from ftui.services.run_requests import take_requests
from ftui.services.runs import Run, State, read_state, recorded_state, write_state
from ftui.services.supervision import Supervisor, now
from ftui.services.supervisor_voice import Voice

LOCK_PATIENCE_SECONDS = 5.0


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
    if not run.plan_file.is_file():
        sys.stderr.write(f"{run.path}: no run is there; was it removed?\n")  # the lock would bring its folder back
        return 2
    lock = FileLock(run.path / "lock", mode=0o600)
    try:
        # A moment's patience: a supervisor that has just said "paused" is about to leave.
        lock.acquire(timeout=LOCK_PATIENCE_SECONDS)
    except Timeout:
        sys.stderr.write("this run already has a supervisor\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error.filename or run.path}: {error.strerror}\n")  # removed, or on a disk that is gone
        return 2
    try:
        expected = arguments[arguments.index("--after") + 1] if "--after" in arguments else None
        if expected is not None and expected != short_id(recorded_state(run).supervisor()):
            sys.stderr.write("another command was faster: this run has had a new supervisor\n")
            return 2
        return _supervise(run, adopt="--adopt" in arguments, queue="--queue" in arguments)
    except FtuiError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        lock.release()
        alerts.wait()


def _supervise(run: Run, *, adopt: bool, queue: bool) -> int:
    me = identify(os.getpid())
    assert me is not None
    before = recorded_state(run)
    if (adopt or queue) and not _is_wanted(run, before, queue=queue):
        return 0
    if not (adopt or queue) and before.supervisor_pid is not None:
        take_requests(run)  # resumed: what nobody took before the run ended was not asked of what begins now
    # A trainer of before the last reboot is gone, and its pid may be anybody's.
    known = before if before.boot_id == me.boot_id else replace(before, pid=None, pid_start_ticks=None)
    try:
        plan = run.plan()
    except FtuiError as error:
        if queue:
            _fail(Voice(run, known), error)  # its turn would never come, and each ftui command would try again
        raise
    supervisor = Supervisor(run, plan, known)
    voice = supervisor.voice

    def note(*_: object) -> None:
        supervisor.signalled = True

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    space.hold_reserve(run.path)
    voice.set(
        status="queued" if queue else before.status if adopt else "starting",
        supervisor_pid=me.pid,
        supervisor_start_ticks=me.start_ticks,
        boot_id=me.boot_id,
        started=before.started or now(),
        reason=before.reason if adopt else "",
        ended="",
        waiting="",
        failures=before.failures if adopt else 0,
    )
    try:
        if queue:
            from ftui.services.queueing import wait_for_turn

            asked = wait_for_turn(
                run, supervisor.plan, lambda: supervisor.signalled, lambda: voice.set(status="starting")
            )
            if asked:
                # A machine that shuts down does not take a run out of the queue: the next ftui command puts it back.
                out = asked in ("stop", "pause")
                voice.set(status="stopped" if out else "queued", reason="taken out of the queue" if out else "")
                return 0
        status = supervisor.supervise(adopt)
    except FtuiError as error:
        _fail(voice, error)
        alerts.send(supervisor.plan, run, "failed", str(error))
        return 1
    except Exception as error:
        from ftui.services.crash import save_traceback

        where = save_traceback(error)
        voice.emit(Failed("A bug in ftui's supervisor", f"{type(error).__name__}: {error}", f"Details: {where}"))
        if not is_alive(supervisor.trainer):  # a trainer that lives is adopted by the next ftui command
            voice.set(status="failed", reason=f"a bug in ftui's supervisor, see {where}", ended=now())
        return 1
    finally:
        with contextlib.suppress(OSError):
            space.release_reserve(run.path)
    return 0 if status in ("finished", "stopped", "paused") else 1


def _fail(voice: Voice, error: FtuiError) -> None:
    voice.emit(Failed(error.title, error.message, error.hint))
    voice.set(status="failed", reason=str(error), ended=now())


def _is_wanted(run: Run, before: State, *, queue: bool) -> bool:
    """Whether the run still is as its adopter saw it: it may have ended, or have been ended, in the meantime."""
    if queue:
        return before.status == "queued"
    if not before.live or is_alive(before.trainer()):
        return before.live
    # The trainer ended by its own word, or while it was asked to end: that is the truth, and nothing to start again.
    truth = read_state(run)
    if truth.status == "interrupted" and before.status in ("starting", "running"):
        return True
    write_state(run, truth)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
