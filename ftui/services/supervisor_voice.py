"""What a supervisor says: state.json and events/supervisor.jsonl, also when the disk is full for a while."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ftui.core.events import Event, to_line
from ftui.core.outbox import Outbox
from ftui.core.secrets import redact, secrets_of
from ftui.services import space
from ftui.services.runs import Run, State, write_state


class Voice:
    """Says each event once and the state as it is. What the disk refuses waits here and is said later."""

    def __init__(self, run: Run, state: State) -> None:
        self.run, self.state = run, state
        self._secrets = secrets_of(os.environ)
        self._outbox = Outbox()
        self._unsaid = False
        self._is_clean_start = False

    def emit(self, event: Event) -> None:
        """Append one event."""
        self._outbox.put(to_line(event, secrets=self._secrets).encode())
        if not self._flush() and space.release_reserve(self.run.path):
            self._flush()

    def set(self, **changes: Any) -> None:
        """Change state.json; a full disk is no error here."""
        try:
            self.must_set(**changes)
        except OSError:
            self._unsaid = True

    def must_set(self, **changes: Any) -> None:
        """Change state.json. Raises OSError where the disk is full; the state in memory has changed all the same."""
        if "reason" in changes:
            changes["reason"] = redact(changes["reason"], known=self._secrets)
        self.state = replace(self.state, **changes)
        try:
            write_state(self.run, self.state)
        except OSError as error:
            if not (space.is_disk_error(error) and space.release_reserve(self.run.path)):
                raise
            write_state(self.run, self.state)
        self._unsaid = False

    def retry(self) -> None:
        """Say what could not be said before."""
        if self._outbox:
            self._flush()
        if self._unsaid:
            self.set()

    def _flush(self) -> bool:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            handle = os.open(self.run.supervisor_events, flags, 0o600)
            try:
                block = self._outbox.waiting()
                if not self._is_clean_start:
                    # A supervisor that was killed can have left half a line.
                    size = os.fstat(handle).st_size
                    if size and os.pread(handle, 1, size - 1) != b"\n":
                        os.write(handle, b"\n")
                    self._is_clean_start = True
                self._outbox.wrote(os.write(handle, block))
            finally:
                os.close(handle)
        except OSError:
            return False
        return not self._outbox
