"""The directories of runs: made and removed."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from ftui.core.plan import Plan
from ftui.errors import FtuiError
from ftui.services.paths import make_private, runs_folder
from ftui.services.run_requests import refuse_elsewhere
from ftui.services.runs import Run, State, read_state, write_state

LOCK_PATIENCE_SECONDS = 10.0


def create_run(plan: Plan, folder: Path | None = None) -> Run:
    """Make the directory of a new run, with its plan and the state `queued`. Raises FtuiError."""
    from ftui.services.plans import save_plan

    parent = folder or runs_folder()
    stamp = datetime.now(UTC)
    slug = re.sub(r"[^a-z0-9]+", "-", plan.run.name.lower()).strip("-")[:40] or "run"
    try:
        make_private(parent)
        path = _new_folder(parent, f"{stamp:%Y%m%d-%H%M%S}-{slug}")
        for name in ("events", "logs", "data", "checkpoints", "eval", "export", "requests"):
            (path / name).mkdir(mode=0o700)
        run = Run(path)
        save_plan(plan, run.plan_file)
        write_state(run, State(status="queued", created=stamp.isoformat(timespec="seconds")))
    except OSError as error:
        raise FtuiError(
            "The run's folder cannot be made",
            f"{error.filename or parent}: {error.strerror}",
            "FTUI_HOME names another place for runs."
            if error.errno not in (errno.ENOSPC, errno.EDQUOT)
            else "Free some space on that disk.",
        ) from None
    return run


def _new_folder(parent: Path, name: str) -> Path:
    for number in range(1, 1000):
        path = parent / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            return path
    raise FtuiError("The run's folder cannot be made", f"{parent} has a thousand runs called {name}")


def remove_run(run: Run) -> None:
    """Delete a run that is not live. Raises FtuiError."""
    from filelock import FileLock, Timeout

    state = read_state(run)
    if state.elsewhere:
        refuse_elsewhere(run)
    if state.live:
        raise FtuiError(
            "The run is alive", f"{run.name} is {state.status}", f"Stop it first: ftui runs stop {run.name}"
        )
    # Rename first: a removal that is cut off must not leave something that still looks like a run.
    doomed = run.path.with_name(f".removing-{run.name}")
    try:
        # Held by a supervisor: one that has said the last word and is about to leave, or one that somebody else has
        # just started to resume the run.
        with FileLock(run.path / "lock", timeout=LOCK_PATIENCE_SECONDS, mode=0o600):
            if read_state(run).live:
                raise Timeout(str(run.path / "lock"))
            run.path.rename(doomed)
            shutil.rmtree(doomed)
    except Timeout:
        raise FtuiError(
            "The run is alive", f"{run.name} has a supervisor at work", f"Look at it: ftui watch {run.name}"
        ) from None
    except OSError as error:
        raise FtuiError("The run cannot be removed", f"{error.filename or run.path}: {error.strerror}") from None
