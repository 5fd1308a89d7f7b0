"""The queue: runs that wait for their turn, one at a time, oldest first.

There is no queue server. Every queued run has its supervisor waiting, and its place follows from the state files of the
others; a lock makes sure that two supervisors do not decide at the same moment.
"""

from __future__ import annotations

import time

from ftui.core.plan import Plan
from ftui.services.files import read_json
from ftui.services.paths import home, make_private
from ftui.services.runs import LIVE, Run, read_state, take_requests

POLL_SECONDS = 2.0


def queue_place(run: Run) -> int:
    """How many live or earlier queued runs come before this one: 0 means that it is next."""
    return len(_ahead(run))


def wait_for_turn(run: Run, plan: Plan) -> bool:
    """Wait until no run comes before this one and the memory is free; False when it was asked to stop meanwhile."""
    from filelock import FileLock

    turn = FileLock(make_private(home()) / "queue.lock", mode=0o600)
    while True:
        if any(what in ("stop", "pause") for what in take_requests(run)):
            return False
        with turn:
            if not _ahead(run) and _has_room(run):
                return True
        time.sleep(POLL_SECONDS)


def _ahead(run: Run) -> list[str]:
    ahead = []
    for folder in run.path.parent.iterdir():
        other = Run(folder)
        if other.name == run.name or not other.state_file.exists():
            continue
        status = read_state(other).status
        if (status in LIVE and status != "queued") or (status == "queued" and other.name < run.name):
            ahead.append(other.name)
    return ahead


def _has_room(run: Run) -> bool:
    """Whether the predicted peak fits what is free now; without a prediction or a GPU there is nothing to wait for."""
    prediction = read_json(run.path / "fit.json")
    need = prediction.get("predicted_device_bytes", {}).get("expected") if isinstance(prediction, dict) else None
    free = _free_gpu_bytes()
    return need is None or free is None or free >= need


def _free_gpu_bytes() -> int | None:
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return max((int(pynvml.nvmlDeviceGetMemoryInfo(handle).free) for handle in handles), default=None)
    except Exception:
        # No driver or a broken one: nothing can be asked, so nothing is waited for.
        return None
