"""How an attempt of a run ended, by what the trainer said, what it was asked, and how its process went."""

from __future__ import annotations

import signal

from ftui.core.events import Failed
from ftui.core.recovery import Ending
from ftui.services import space
from ftui.services.attempt import exit_words
from ftui.services.runs import Run
from ftui.services.trainer_watch import Ears

DISK_EXIT_CODE = 74
"""The trainer's exit code where the disk is full: its last event may not have fitted on that disk."""


def how_it_ended(run: Run, ears: Ears, code: int | None, *, asked: str, hung: bool) -> Ending:
    """The ending of the attempt that the ears have heard out.

    code: the trainer's exit code, negative for a signal; None for an adopted trainer, which is nobody's child.
    asked: what the run was asked (stop, pause, a signal's name), or "". hung: it was killed for its silence.
    """
    done, failed, step = ears.done, ears.failed, ears.last_step
    if done is not None and done.status == "finished":
        return Ending("finished", step)
    if asked:
        return Ending(asked_reason(asked), step)
    if done is not None or code == -signal.SIGTERM:
        return Ending("preempted", step)
    if hung:
        return Ending("hang", step, "it hung")
    if failed is not None:
        return Ending(failed.reason, step, _failed_words(failed), failed.hint, failed.need_bytes)
    if code == DISK_EXIT_CODE or not space.has_room(run.path, space.RESERVE_BYTES):
        return Ending("disk", step, "the disk is full")
    return Ending("crash", step, exit_words(code))


def asked_reason(asked: str) -> str:
    """The reason of an ending that somebody asked for: stop, pause, or preempted by a signal."""
    return asked if asked in ("stop", "pause") else "preempted"


def _failed_words(failed: Failed) -> str:
    words = f"{failed.title}: {failed.message}"
    if failed.reason != "gpu_lost":
        return words
    from ftui.services.driver_words import driver_words

    said = driver_words()
    return words + (f" The driver said: {said}" if said else " The kernel's log, as far as it may be read, is silent.")
