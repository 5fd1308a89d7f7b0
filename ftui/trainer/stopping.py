"""Stopping on request: SIGTERM or SIGINT ends the training after the current step, with a checkpoint."""

from __future__ import annotations

import signal
from types import FrameType

STOPPED_EXIT_CODE = 75
"""EX_TEMPFAIL: stopped on request, can go on from its checkpoint."""


class Stopped(BaseException):
    """The run was asked to stop at a moment with nothing to save. Not an Exception: no library may swallow it."""


class StopRequest:
    """Remembers that somebody asked. Inside a training step nothing is interrupted; elsewhere `Stopped` is raised."""

    def __init__(self) -> None:
        self.asked = False
        self._is_installed = False
        self.stepping = False
        """True while the training loop runs and will look at `asked` itself."""

    def install(self) -> None:
        """Take SIGTERM and SIGINT; only the main thread may."""
        self._is_installed = True
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)

    def ignore_more(self) -> None:
        """Once the stop is under way: whoever asks again (SLURM asks every process, twice) must not cut it off."""
        if self._is_installed:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if not self.stepping:
            raise Stopped
