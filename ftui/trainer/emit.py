"""Events out: the trainer's one way to say anything. One line, one write, into events/trainer.jsonl."""

from __future__ import annotations

import os
from pathlib import Path

from ftui.core.events import Event, Phase, to_line
from ftui.core.outbox import Outbox
from ftui.core.secrets import secrets_of


class Emitter:
    """Appends events to a file. A full disk must not end a training: lines wait and are written later.

    Only the first process of a distributed run writes; the others get `path=None` and stay silent.
    """

    def __init__(self, path: Path | None) -> None:
        self._handle: int | None = None
        self._outbox = Outbox()
        self._secrets = secrets_of(os.environ)
        if path is None:
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        # A trainer that was killed can have left half a line; the next event must not become part of it.
        size = os.fstat(self._handle).st_size
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            self._outbox.put(b"\n")

    def emit(self, event: Event) -> None:
        """Append the event, and whatever could not be written before."""
        if self._handle is None:
            return
        self._outbox.put(to_line(event, secrets=self._secrets).encode())
        self.flush()

    def flush(self) -> bool:
        """Try to write what waits; whether nothing waits any more."""
        if self._handle is None:
            return True
        try:
            self._outbox.wrote(os.write(self._handle, self._outbox.waiting()))
        except OSError:
            return False
        return not self._outbox

    def phase(self, name: str, detail: str = "", fraction: float | None = None) -> None:
        """Say what the run is busy with, before it is."""
        self.emit(Phase(name, detail, fraction))
