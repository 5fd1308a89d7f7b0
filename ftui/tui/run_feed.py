"""The files of a run directory as a viewer reads them: a little at a time, nothing written, no writer needed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan
from ftui.core.text import safe_log
from ftui.errors import FtuiError
from ftui.services.adoption import Care
from ftui.services.decided import advice_against
from ftui.services.files import read_json
from ftui.services.runs import Run, State, read_state
from ftui.services.tail import LineTail, scattered_lines
from ftui.tui.run_view import RunView

SLICE_SECONDS = 0.03
"""Reading a long run goes on in slices of this, so that a key press is answered between two of them."""
_SLICE_BYTES = 256 * 1024
_LOG_START_BYTES = 512 * 1024
"""A log is read from this far before its end: the whole of it is in the file."""
_STATE_EVERY_SECONDS = 1.0
_LONG_BYTES = 24 << 20
_PIECES, _PIECE_BYTES = 96, 48 * 1024
"""Event files longer than this together are shown roughly at first, from so many pieces of each."""


class RunFeed:
    """One run, followed. `drain` reads what is new into `view`; nothing here raises because of a file."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._whole = RunView()
        self._rough: RunView | None = None
        self.state = State(status="queued")
        self.gone = False
        self.orphaned = False
        """The run lost its supervisor: it gets a new one by `care`."""
        self.care = Care(run)
        self._tails = [LineTail(run.trainer_events), LineTail(run.supervisor_events)]
        self._log = LineTail(run.log, offset=max(0, _size(run.log) - _LOG_START_BYTES))
        self._looked = float("-inf")
        self.plan: Plan | None = None
        self.prediction: Mapping[str, Any] = {}
        self.verdict: Mapping[str, Any] = {}
        self.advice_against = advice_against(run.path)
        """What the questionnaire advised instead of this run."""

    @property
    def view(self) -> RunView:
        """What is known of the run: all that was read, or a rough picture of it while a long run is being read."""
        return self._rough or self._whole

    @property
    def rough(self) -> bool:
        """Whether `view` is only a rough picture."""
        return self._rough is not None

    def skim(self) -> Iterator[None]:
        """Make a rough picture of a run that takes long to read; yields between slices of work."""
        if self._whole.event_count or sum(_size(tail.path) for tail in self._tails) < _LONG_BYTES:
            return
        rough = RunView()
        for tail in self._tails:
            for lines in scattered_lines(tail.path, _PIECES, _PIECE_BYTES):
                rough.read(lines)
                yield
        self._rough = rough

    def drain(self, seconds: float) -> bool:
        """Read events for at most about `seconds`; True where there is more to read."""
        until = time.perf_counter() + seconds
        more = True
        while more:
            more = False
            for tail in self._tails:
                lines = tail.poll(_SLICE_BYTES)
                if not lines and not tail.at_end():
                    lines = tail.poll(8 << 20)  # a line longer than a slice
                if lines:
                    self._whole.read(lines)
                    more = more or not tail.at_end()
            if time.perf_counter() >= until:
                break
        if not more:
            self._take_whole()
        return more

    def _take_whole(self) -> None:
        if self._rough is not None:
            if self._rough.smoothing != self._whole.smoothing:
                self._whole.smooth(self._rough.smoothing)
            self._rough = None

    def fraction_read(self) -> float:
        """How much of the event files has been read, 0 to 1."""
        sizes = sum(_size(tail.path) for tail in self._tails)
        return min(1.0, sum(tail.offset for tail in self._tails) / sizes) if sizes else 1.0

    def log_lines(self) -> list[str]:
        """Log lines that came since the last call, safe to show."""
        lines = self._log.poll(_SLICE_BYTES)
        return [line for raw in lines for line in safe_log(raw[:20_000].decode("utf-8", "replace")).split("\n")]

    def look(self, *, force: bool = False) -> bool:
        """Read the small files again if it is time; True where one of them says something new."""
        now = time.monotonic()
        if not force and now - self._looked < _STATE_EVERY_SECONDS:
            return False
        self._looked = now
        before = (self.state, self.gone, self.verdict, self.prediction)
        self.gone = not self.run.path.is_dir()
        if self.gone:
            return before[1] is False
        with contextlib.suppress(FtuiError, OSError, TypeError):
            self.state = read_state(self.run)
            self.orphaned = self.care.is_orphan()
        if self.plan is None:
            with contextlib.suppress(FtuiError, OSError):
                self.plan = self.run.plan()
        self.verdict = _mapping(self.run.verdict_file) or self.verdict
        self.prediction = self.prediction or _mapping(self.run.path / "fit.json")
        return before != (self.state, self.gone, self.verdict, self.prediction)

    @property
    def live(self) -> bool:
        """Whether a process of this run is (or is about to be) alive."""
        return not self.gone and self.state.live

    def predicted_bytes(self, device: str) -> float | None:
        """The predicted peak of the GPU ("gpu") or of the trainer's own tensors ("host"), where there was one."""
        whole = self.prediction.get("predicted_device_bytes")
        value = whole.get("expected") if isinstance(whole, Mapping) else whole
        if device == "host" and not isinstance(value, int | float):
            value = self.prediction.get("predicted_allocated_bytes")  # the figure that the plan was started with
        return float(value) if isinstance(value, int | float) else None


async def whole_view(run: Run) -> RunView:
    """All events of another run, read in slices, so that the screen goes on meanwhile."""
    feed = RunFeed(run)
    while feed.drain(SLICE_SECONDS):
        await asyncio.sleep(0.002)
    return feed.view


def _mapping(path: Path) -> Mapping[str, Any]:
    value = read_json(path)
    return value if isinstance(value, dict) else {}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
