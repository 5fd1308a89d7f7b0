"""Room on the disk of a run: how much is free, how much its checkpoints need, and a little kept for last words."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

from ftui.core.plan import Plan
from ftui.core.text import gib
from ftui.errors import FtuiError
from ftui.services.files import folder_bytes, read_json

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
"""Full, over quota, mounted read-only, over the limit of the size of a file."""
RESERVE_BYTES = 128 * 1024
"""Kept in a file, given back when the disk is full: enough to say in state.json and in the events that it is."""
_PROBE_BYTES = 64 * 1024


def is_disk_error(error: OSError) -> bool:
    """Whether the disk, not the program, is why a file could not be written."""
    return error.errno in DISK_ERRORS


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write on the volume of `path`. Raises OSError."""
    return shutil.disk_usage(path).free


def has_room(folder: Path, need_bytes: int) -> bool:
    """Whether so much is free in `folder`, and a file can really be written there (quotas, read-only volumes)."""
    probe = folder / ".room"
    try:
        if free_bytes(folder) < need_bytes:
            return False
        with probe.open("wb") as file:
            file.write(os.urandom(_PROBE_BYTES))
            os.fsync(file.fileno())
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return True


def hold_reserve(folder: Path) -> None:
    """Put a little room aside. Where there is none, there is none."""
    with contextlib.suppress(OSError):
        handle = os.open(folder / ".reserve", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(handle).st_size < RESERVE_BYTES:
                os.write(handle, os.urandom(RESERVE_BYTES))
        finally:
            os.close(handle)


def release_reserve(folder: Path) -> bool:
    """Give the room that was put aside back; whether there was some."""
    try:
        (folder / ".reserve").unlink()
    except OSError:
        return False
    return True


def checkpoint_bytes(folder: Path, plan: Plan) -> int:
    """Bytes of one checkpoint of the run in `folder`: of the largest there is, or what fit.json predicts; 0 if unknown.

    A checkpoint holds the trained weights and the optimizer's state.
    """
    sizes = [folder_bytes(path) for path in folder.glob("checkpoints/step-*")]
    sizes += [folder_bytes(path) for path in folder.glob("stages/*/checkpoints/step-*")]
    return max(sizes, default=0) or predicted_checkpoint_bytes(read_json(folder / "fit.json"), plan)


def predicted_checkpoint_bytes(prediction: object, plan: Plan) -> int:
    """The same from the content of fit.json alone; 0 where it says nothing."""
    components = prediction.get("components") if isinstance(prediction, dict) else None
    if not isinstance(components, dict):
        return 0
    trained = "weights" if plan.method.technique == "full" else "adapters"
    return sum(int(components.get(name) or 0) for name in (trained, "optimizer"))


def needed_bytes(folder: Path, plan: Plan) -> int:
    """What must be free before a training can go on: one more checkpoint and the plan's reserve."""
    return checkpoint_bytes(folder, plan) + plan.recovery.disk_reserve_mib * 2**20


def refuse_small_disk(parent: Path, plan: Plan, prediction: object) -> None:
    """Raise FtuiError where the volume of the runs cannot hold the checkpoints that the plan keeps, and the result.

    At most keep_checkpoints, the best and the one being written exist at a time; the tuned model is one more.
    """
    one = predicted_checkpoint_bytes(prediction, plan)
    need = one * (plan.train.keep_checkpoints + 3) + plan.recovery.disk_reserve_mib * 2**20
    while not parent.exists():
        parent = parent.parent
    free = free_bytes(parent)
    if free < need:
        raise FtuiError(
            "The disk is too small",
            f"{parent} has {gib(free)} free; {plan.train.keep_checkpoints} checkpoints to keep, the best one, one in "
            f"the making and the result take about {gib(need)} (one is {gib(one)}, "
            f"recovery.disk_reserve_mib is {plan.recovery.disk_reserve_mib})",
            "Free some, lower train.keep_checkpoints, or point FTUI_HOME to a larger disk.",
        )
