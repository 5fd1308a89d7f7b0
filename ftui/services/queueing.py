"""The queue: runs that wait for their turn, one at a time, oldest first.

There is no queue server. Every queued run has its supervisor waiting, and its place follows from the state files of the
others; a lock makes sure that two supervisors do not decide at the same moment. A queued run whose supervisor is gone
(the machine was restarted) gets a new one from the next ftui command.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ftui.core.plan import Plan
from ftui.errors import FtuiError
from ftui.services.files import read_json
from ftui.services.paths import home, make_private
from ftui.services.run_requests import take_requests
from ftui.services.runs import Run, all_runs, last_step, read_state

POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the queue. before: runs that come first. wait_seconds: until they are over; None where unknown.

    is_least: some of those before have not begun, and nobody knows how long they take: it will be longer than that.
    """

    before: int
    wait_seconds: float | None
    is_least: bool


def queue_place(run: Run) -> Place:
    """Where the run stands, and how long those before it will take by their own step times."""
    ahead = _ahead(run)
    known = [seconds for other in ahead if (seconds := remaining_seconds(other)) is not None]
    return Place(len(ahead), sum(known) if known or not ahead else None, is_least=len(known) < len(ahead))


def remaining_seconds(run: Run) -> float | None:
    """Seconds of training left by the run's last step; None before its first. Scoring afterwards is not counted."""
    step = last_step(run)
    seconds = step.metrics.get("step_seconds") if step is not None else None
    return None if step is None or seconds is None else seconds * max(0, step.steps_total - step.step)


def wait_for_turn(run: Run, plan: Plan, is_asked_to_end: Callable[[], bool], begin: Callable[[], None]) -> str:
    """Wait until no run comes before this one and the memory is free, and call `begin` at that moment.

    Gives "" when it is this run's turn, otherwise what ended the waiting: stop, pause, or signal.
    """
    from filelock import FileLock

    turn = FileLock(make_private(home()) / "queue.lock", mode=0o600)
    while True:
        asked = next((what for what in take_requests(run) if what in ("stop", "pause")), "")
        if asked or is_asked_to_end():
            return asked or "signal"
        with turn:
            if not _ahead(run) and has_memory(run, plan):
                begin()  # said before the lock is given back: the next in the queue must see it
                return ""
        time.sleep(POLL_SECONDS)


def _ahead(run: Run) -> list[Run]:
    ahead = []
    for other in all_runs(run.path.parent):
        if other.name == run.name:
            continue
        try:
            state = read_state(other)
        except FtuiError:
            continue  # made by a newer ftui: this one cannot know
        if state.elsewhere:
            continue  # nobody here started it, and it may be at work on another machine
        is_before = other.name < run.name if state.status == "queued" else state.live and not state.waiting
        if is_before:
            ahead.append(other)
    return ahead


def has_memory(run: Run, plan: Plan) -> bool:
    """Whether the predicted peak fits what is free now on the devices that the run will take.

    Without a prediction there is nothing to wait for.
    """
    prediction = read_json(run.path / "fit.json")
    if not isinstance(prediction, dict):
        return True
    free = _free_gpu_bytes()
    if free is None:
        need = prediction.get("predicted_allocated_bytes")
        return need is None or _free_host_bytes() >= need
    need = (prediction.get("predicted_device_bytes") or {}).get("expected")
    return need is None or all(bytes_ >= need for bytes_ in free[: plan.train.gpus])


def _free_host_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _free_gpu_bytes() -> list[int] | None:
    """Free bytes of the GPUs in the order in which a trainer sees them; None without a GPU or a driver that answers."""
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        named = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else pynvml.nvmlDeviceGetHandleByUUID(name)
            for name in named or [str(index) for index in range(count)]
        ]
        return [int(pynvml.nvmlDeviceGetMemoryInfo(handle).free) for handle in handles] or None
    except Exception:
        # No driver or a broken one: nothing can be asked, so nothing is waited for.
        return None
