"""The supervisor's side of `python -m ftui.services.prepare`: the run's own copy of its data, made once at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from ftui.errors import FtuiError
from ftui.services import space
from ftui.services.runs import Run

_POLL_SECONDS = 0.1
_LAST_BYTES = 4096


def prepare_data(run: Run, is_asked_to_end: Callable[[], bool]) -> None:
    """Copy and check the data of the run in a process of its own; ended early where the run is asked to end.

    Raises FtuiError with the reason of a failure, OSError (ENOSPC) where the disk is full.
    """
    lock = os.open(run.path / "data" / ".preparing", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        # The child inherits the lock: one that outlived its killed supervisor is waited for, not written beside.
        while not _is_locked(lock):
            if is_asked_to_end():
                return
            time.sleep(_POLL_SECONDS)
        with tempfile.TemporaryFile() as complaints:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "ftui.services.prepare", str(run.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                pass_fds=(lock,),
            )
            try:
                while child.poll() is None:
                    if is_asked_to_end():
                        return
                    time.sleep(_POLL_SECONDS)
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()
            size = complaints.seek(0, os.SEEK_END)
            complaints.seek(max(0, size - _LAST_BYTES))
            words = complaints.read().decode("utf-8", "replace").strip()
    finally:
        os.close(lock)
    if child.returncode:
        said = next((number for number in space.DISK_ERRORS if os.strerror(number) in words), None)
        if said is not None or not space.has_room(run.path, space.RESERVE_BYTES):
            number = said or errno.ENOSPC
            raise OSError(number, os.strerror(number), str(run.path / "data"))
        title, _, message = (words.splitlines() or ["The data could not be prepared"])[-1].partition(": ")
        raise FtuiError(title, message)


def _is_locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
