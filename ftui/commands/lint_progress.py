"""One line on stderr while a long file is checked: share, rows, rate, time left; then how far rows are compared."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from ftui.core.text import clip, duration

if TYPE_CHECKING:
    from ftui.services.lint import Progress

AFTER_SECONDS = 0.7
EVERY_SECONDS = 0.2


class ProgressLine:
    """Writes over itself; says nothing for files that are done in a moment."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._began = time.monotonic()
        self._last = self._began
        self._path = ""
        self._shown = False

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.path != self._path:
            self._path, self._began, self._last = progress.path, now, now
        if not self.enabled or now - self._began < AFTER_SECONDS or now - self._last < EVERY_SECONDS:
            return
        self._last = now
        columns = shutil.get_terminal_size().columns
        sys.stderr.write(f"\r\x1b[K{clip(self._words(progress, now), max(20, columns - 1))}")
        sys.stderr.flush()
        self._shown = True

    def _words(self, progress: Progress, now: float) -> str:
        name = clip(progress.path, 40)
        if progress.compared is not None:
            return f"{name}  {progress.rows:,} rows read, comparing those that look alike: {progress.compared:.0%}"
        elapsed = now - self._began
        done = min(1.0, progress.done_bytes / progress.total_bytes) if progress.total_bytes else 0.0
        left = f", {duration(elapsed / done - elapsed)} left" if done > 0.02 else ""
        return f"{name}  {done:4.0%}  {progress.rows:,} rows, {progress.rows / elapsed:,.0f}/s{left}"

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False
