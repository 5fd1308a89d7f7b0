"""The whole run: read the plan, train each stage, score, and end with exactly one last word, Done or Failed."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from ftui.core.defaults_conflicts import refuse_conflicts
from ftui.core.events import Done, Failed, parse_line
from ftui.core.plan import Plan
from ftui.trainer.emit import Emitter
from ftui.trainer.failure import DISK_EXIT_CODE, TrainerError, as_failed
from ftui.trainer.job import Job, read_plan
from ftui.trainer.stopping import STOPPED_EXIT_CODE, Stopped, StopRequest

_LAST_BYTES = 65536


def run_and_report(folder: Path, emitter: Emitter, stop: StopRequest) -> int:
    """Train what the run directory asks for.

    Exit code 0 finished, 75 stopped on request, 74 the disk is full (its last word may not have fitted), 1 failed.
    """
    began = time.monotonic()
    job: Job | None = None
    try:
        if stop.asked:
            raise Stopped
        plan = read_plan(folder)
        refuse_conflicts(plan)
        job = Job(folder, folder, plan, emitter, stop, base=model_folder(plan))
        from ftui.trainer.quiet import quieten
        from ftui.trainer.stages import train_stages

        quieten()

        summary = train_stages(job)
    except (Stopped, KeyboardInterrupt):
        stop.ignore_more()
        return _stopped(folder, emitter, job, began)
    except Exception as error:
        # A stop that arrives while a library is in the middle of something can surface as that library's error.
        if stop.asked:
            stop.ignore_more()
            return _stopped(folder, emitter, job, began)
        if not isinstance(error, TrainerError):
            with contextlib.suppress(OSError):  # the log may be on the full disk
                traceback.print_exc(file=sys.stderr)
        return _failed(folder, emitter, job, error)
    emitter.emit(Done(summary.pop("step"), "finished", time.monotonic() - began, summary))
    return 0


def _stopped(folder: Path, emitter: Emitter, job: Job | None, began: float) -> int:
    # When another process fails, the launcher ends this one with the same signal that a user's stop sends.
    if not _has_failed(folder):
        emitter.emit(Done(last_step(job), "stopped", time.monotonic() - began))
    return STOPPED_EXIT_CODE


def _failed(folder: Path, emitter: Emitter, job: Job | None, error: Exception) -> int:
    """Say why, unless another process has said it: what follows from its end is not the reason."""
    rank = os.environ.get("RANK", "0")
    failed = as_failed(error, last_step(job))
    if not _has_failed(folder):
        if rank != "0":
            # The one line that another process than the first may write: its last.
            emitter = Emitter(folder / "events" / "trainer.jsonl")
            failed = replace(failed, message=f"process {rank}: {failed.message}")
        emitter.emit(failed)
    return DISK_EXIT_CODE if failed.reason == "disk" else 1


def _has_failed(folder: Path) -> bool:
    """Whether the last event of this attempt is a failure, told by any of its processes."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return False
    try:
        with (folder / "events" / "trainer.jsonl").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return False
    last = parse_line(lines[-1]) if lines else None
    return last is not None and isinstance(last.event, Failed)


def model_folder(plan: Plan) -> str:
    """The local folder that the supervisor resolved the model to. Raises TrainerError where there is none."""
    folder = plan.model.path or plan.model.id
    if not folder or not Path(folder).is_dir():
        raise TrainerError(
            "No such model", f"model.path is {folder!r}, which is no folder", "Check model.id.", reason="data"
        )
    return folder


def last_step(job: Job | None) -> int:
    """The step of the newest checkpoint of the run, 0 where there is none."""
    if job is None:
        return 0
    from ftui.trainer.checkpoints import listed, step_of

    return max((step_of(path) for path in listed(job.folder / "checkpoints")), default=0) + job.step_offset
