"""The whole run: read the plan, train each stage, score, and end with exactly one last word, Done or Failed."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from ftui.core.defaults_conflicts import refuse_conflicts
from ftui.core.events import Done
from ftui.core.plan import Plan
from ftui.trainer.emit import Emitter
from ftui.trainer.failure import TrainerError, as_failed
from ftui.trainer.job import Job, read_plan
from ftui.trainer.stopping import STOPPED_EXIT_CODE, Stopped, StopRequest


def run_and_report(folder: Path, emitter: Emitter) -> int:
    """Train what the run directory asks for. Exit code 0 finished, 75 stopped on request, 1 failed."""
    stop = StopRequest()
    stop.install()
    began = time.monotonic()
    job: Job | None = None
    try:
        plan = read_plan(folder)
        job = Job(folder, folder, plan, emitter, stop, base=model_folder(plan))
        refuse_conflicts(plan)
        from ftui.trainer.stages import train_stages

        summary = train_stages(job)
    except (Stopped, KeyboardInterrupt):
        emitter.emit(Done(last_step(job), "stopped", time.monotonic() - began))
        return STOPPED_EXIT_CODE
    except Exception as error:
        # A stop that arrives while a library is in the middle of something can surface as that library's error.
        if stop.asked:
            emitter.emit(Done(last_step(job), "stopped", time.monotonic() - began))
            return STOPPED_EXIT_CODE
        if not isinstance(error, TrainerError):
            traceback.print_exc(file=sys.stderr)
        emitter.emit(as_failed(error, last_step(job)))
        return 1
    emitter.emit(Done(summary.pop("step"), "finished", time.monotonic() - began, summary))
    return 0


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
