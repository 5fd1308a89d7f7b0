"""Events out: the trainer's one way to say anything. One line, one write, into events/trainer.jsonl."""

from __future__ import annotations

import os
from pathlib import Path

from ftui.core.events import Event, Phase, to_line

PENDING_LINES = 10_000
"""Lines kept in memory while the disk is full; older ones are dropped first."""


class Emitter:
    """Appends events to a file. A full disk must not end a training: lines wait and are written later.

    Only the first process of a distributed run writes; the others get `path=None` and stay silent.
    """

    def __init__(self, path: Path | None) -> None:
        self._handle: int | None = None
        self._pending: list[bytes] = []
        if path is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        # A trainer that was killed can have left half a line; the next event must not become part of it.
        size = os.fstat(self._handle).st_size
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            self._pending.append(b"\n")

    def emit(self, event: Event) -> None:
        """Append the event, and whatever could not be written before."""
        if self._handle is None:
            return
        self._pending.append(to_line(event).encode())
        del self._pending[:-PENDING_LINES]
        block = b"".join(self._pending)
        try:
            written = os.write(self._handle, block)
        except OSError:
            return
        self._pending.clear()
        if written < len(block):
            # The rest is cut off in the middle of a line: readers skip it, the next line starts on its own.
            self._pending.append(b"\n")

    def phase(self, name: str, detail: str = "", fraction: float | None = None) -> None:
        """Say what the run is busy with, before it is."""
        self.emit(Phase(name, detail, fraction))
