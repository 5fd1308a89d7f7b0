"""Lines on their way to a file that may refuse them for a while: a full disk must neither end a run nor lose a word."""

from __future__ import annotations

from collections import deque

LIMIT_LINES = 10_000
"""So many lines wait in memory; after that the oldest whole ones are given up."""


class Outbox:
    """Holds lines until they are written, in order, each once. Does no I/O: the owner writes and says how much went."""

    def __init__(self, limit_lines: int = LIMIT_LINES) -> None:
        self._lines: deque[bytes] = deque()
        self._limit = limit_lines
        self._is_cut = False
        """Whether the first line's beginning is in the file already."""

    def __bool__(self) -> bool:
        return bool(self._lines)

    def put(self, line: bytes) -> None:
        """Add a line, its newline included."""
        self._lines.append(line)
        if len(self._lines) > self._limit:
            # The rest of a cut line stays: without it the file would hold half a line glued to the next.
            del self._lines[1 if self._is_cut else 0]

    def waiting(self) -> bytes:
        """All that waits, as one block to write."""
        return b"".join(self._lines)

    def wrote(self, count_bytes: int) -> None:
        """Forget the first bytes of the block: they are in the file."""
        while self._lines and count_bytes >= len(self._lines[0]):
            count_bytes -= len(self._lines.popleft())
            self._is_cut = False
        if count_bytes:
            self._lines[0] = self._lines[0][count_bytes:]
            self._is_cut = True
