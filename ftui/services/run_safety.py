"""Whose a run is, and whether what lies in it can be trusted: looked at before anything in it is used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ftui.errors import FtuiError

_OPEN = stat.S_IWOTH | stat.S_IWGRP


def refuse_unsafe(folder: Path) -> None:
    """Raise FtuiError where somebody else could have written into a run, or where a link leads out of it.

    A link that stays inside is followed. Where only its owner may enter the run's folder, the modes below it say
    nothing more.
    """
    _refuse_open(folder, folder)
    is_shut = not folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    inside = folder.resolve()
    for root, folders, files in os.walk(folder, followlinks=False):
        for name in (*folders, *files):
            path = Path(root) / name
            try:
                mode = path.lstat().st_mode
            except OSError:
                continue  # gone since the look: a trainer is at work
            if stat.S_ISLNK(mode):
                if not path.resolve().is_relative_to(inside):
                    raise FtuiError(
                        "A link leads out of the run's folder",
                        f"{path} points to {path.readlink()}",
                        "Remove the link; if you did not make it, do not trust this run.",
                    )
            elif not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise FtuiError(
                    "A run holds files and folders only",
                    f"{path} is a pipe, a socket or a device",
                    "Remove it; if you did not make it, do not trust this run.",
                )
            elif not is_shut:
                _refuse_open(path, folder)


def is_safe(folder: Path) -> bool:
    """Whether `refuse_unsafe` says nothing."""
    try:
        refuse_unsafe(folder)
    except (FtuiError, OSError):
        return False
    return True


def _refuse_open(path: Path, folder: Path) -> None:
    status = path.stat()
    if status.st_uid not in (os.getuid(), 0):
        raise FtuiError(
            "Not your run",
            f"{path} belongs to another user",
            f"Copy it: cp -r --no-preserve=mode,ownership {folder} ~/ and use the copy.",
        )
    if status.st_mode & _OPEN:
        raise FtuiError(
            "The run's folder is open to others",
            f"{path} can be written by other users",
            f"chmod -R go-rwx {folder}",
        )
