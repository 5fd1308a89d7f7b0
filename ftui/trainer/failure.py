"""How a training fails: one sentence for the user, one reason for the supervisor's recovery policy."""

from __future__ import annotations

import errno
import re

from ftui.core.events import Failed
from ftui.errors import FtuiError

DISK_EXIT_CODE = 74
"""EX_IOERR: the disk is full, said by the exit code because the events may not fit on that disk."""
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class TrainerError(FtuiError):
    """A failure with its reason (oom, nan, disk, data, gpu_lost, error) and the step where it happened.

    need_bytes: where the disk is full, how much must be free before it makes sense to go on.
    """

    def __init__(
        self,
        title: str,
        message: str = "",
        hint: str = "",
        reason: str = "error",
        step: int | None = None,
        need_bytes: int | None = None,
    ) -> None:
        super().__init__(title, message, hint)
        self.reason = reason
        self.step = step
        self.need_bytes = need_bytes


# What torch and the CUDA runtime say, in words that have been stable for years.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|DefaultCPUAllocator: can't allocate memory|CUBLAS_STATUS_ALLOC_FAILED|not enough memory", re.I
)
_DISK_FULL = re.compile(r"No space left|Disk quota exceeded|PytorchStreamWriter failed writing|unexpected pos \d+ vs")
_GPU_LOST = re.compile(
    r"GPU is lost|fallen off the bus|unspecified launch failure|uncorrectable (?:NVLink|ECC) error|"
    r"CUDA error: (?:unknown error|hardware stack error|device not ready)|NVML_ERROR_GPU_IS_LOST",
    re.I,
)
# The program's fault, not the card's; CUDA tells of it after the call that caused it.
_BAD_KERNEL = re.compile(r"device-side assert|an illegal memory access|misaligned address", re.I)
_BLOCKING = "CUDA_LAUNCH_BLOCKING=1 ftui runs resume RUN puts the right line into logs/trainer.log."


def as_failed(error: BaseException, step: int | None = None) -> Failed:
    """Give the last event of a training that ended with `error`."""
    if isinstance(error, TrainerError):
        where = error.step if error.step else step
        return Failed(error.title, error.message, error.hint, error.reason, where, error.need_bytes)
    if isinstance(error, FtuiError):
        return Failed(error.title, error.message, error.hint, "data", step)
    words = _first_line(error)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
        return Failed("Out of memory", words, "A smaller micro-batch, checkpointing or QLoRA needs less.", "oom", step)
    if (isinstance(error, OSError) and error.errno in _DISK_ERRORS) or _DISK_FULL.search(str(error)):
        return Failed("The disk is full", words, "Free some space; the run goes on by itself.", "disk", step)
    if _GPU_LOST.search(str(error)):
        return Failed("The GPU stopped answering", words, "See `nvidia-smi` and the kernel's log.", "gpu_lost", step)
    if _BAD_KERNEL.search(str(error)):
        return Failed("A GPU kernel failed", words, _BLOCKING, "error", step)
    kind = type(error).__name__
    return Failed("The training failed", f"{kind}: {words}", "The whole story is in logs/trainer.log.", "error", step)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:500] if lines else type(error).__name__
