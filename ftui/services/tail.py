"""Follow an event file that somebody else writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ftui.core.events import Stamped, parse_line

_LONGEST_LINE_BYTES = 4 * 1024 * 1024


class LineTail:
    """Whole lines of a growing file, from an offset on. A half-written last line waits for its rest.

    A file that was replaced or became shorter is read from its start again. A line longer than 4 MiB is skipped:
    no event is that long, and it must not fill memory.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self._inode = 0
        self._skipping = False

    def poll(self, max_bytes: int = 1 << 20) -> list[bytes]:
        """The lines that came since the last call, at most about `max_bytes` of them; [] where there are none."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size < self.offset or (self._inode and status.st_ino != self._inode):
                    self.offset, self._skipping = 0, False
                self._inode = status.st_ino
                if status.st_size == self.offset:
                    return []
                file.seek(self.offset)
                block = file.read(max_bytes)
        except OSError:
            return []
        end = block.rfind(b"\n") + 1
        if not end:
            if self._skipping or len(block) >= min(max_bytes, _LONGEST_LINE_BYTES):
                self.offset += len(block)
                self._skipping = True
            return []
        self.offset += end
        lines = block[: end - 1].split(b"\n")  # not splitlines: a progress bar rewrites its line with \r
        if self._skipping:
            self._skipping = False
            lines = lines[1:]
        return lines

    def at_end(self) -> bool:
        """Whether nothing more could be read right now."""
        try:
            return self.path.stat().st_size <= self.offset
        except OSError:
            return True


class EventTail(LineTail):
    """The events of a growing file. Lines that are not whole, known events are left out."""

    def events(self, max_bytes: int = 1 << 20) -> list[Stamped]:
        """The events that came since the last call."""
        return [event for line in self.poll(max_bytes) if (event := parse_line(line)) is not None]


def last_lines(path: Path, max_bytes: int = 16384) -> list[bytes]:
    """The whole lines in the last `max_bytes` of a file; [] where it cannot be read."""
    if not path.is_file():
        return []  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(0, size - max_bytes)
            file.seek(start)
            block = file.read(max_bytes)
    except OSError:
        return []
    lines = block.split(b"\n")
    return lines[1 if start else 0 : -1]


def scattered_lines(path: Path, pieces: int, piece_bytes: int) -> Iterator[list[bytes]]:
    """The whole lines in `pieces` parts of a file, evenly apart, the first at its start and the last at its end.

    For a first look at a file that takes long to read. Nothing where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            last = max(0, size - piece_bytes)
            for piece in range(pieces):
                start = last * piece // max(1, pieces - 1)
                file.seek(start)
                lines = file.read(piece_bytes).split(b"\n")
                yield lines[1 if start else 0 : -1]
    except OSError:
        return
