"""A clock that jumps back and forth by hours while a run is under way, in all of its processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from fault_kit import Row, Stage, begin, judge, wait_for_end

from ftui.services.runs import Run
from ftui.services.tail import EventTail

_SITE = """
import time as _time
from datetime import UTC, datetime, timedelta

def _offset():
    # Every two seconds another place in time, up to a day away, and mostly backwards from there.
    return (0, 86400, -7200, 60, -86400, 3600)[int(_time.monotonic() / 2) % 6]

_real = _time.time
_time.time = lambda: _real() + _offset()
import ftui.core.events as _events
_events.now = lambda: datetime.now(UTC) + timedelta(seconds=_offset())
"""


@contextmanager
def jumping_clock(place: Path) -> Iterator[None]:
    """Processes started inside see a clock that jumps every two seconds."""
    place.mkdir()
    (place / "sitecustomize.py").write_text(_SITE)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{place}{os.pathsep}{before}" if before else str(place)
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def jumps(count: int, stage: Stage, place: Path) -> Row:
    """Run `count` runs under a clock that jumps."""
    row = Row("clock that jumps")
    for number in range(count):
        with jumping_clock(place / f"clock-{number}"):
            run = begin(stage.model, stage.rows, f"clock-{number}", hang_minutes=1.0)
        judge(row, run, stage, wait_for_end(run))
        row.tried += _jumps_in(run)
    row.count("jumps of up to a day stand in the events", row.tried)
    return row


def _jumps_in(run: Run) -> int:
    times = [s.time for path in (run.trainer_events, run.supervisor_events) for s in EventTail(path).events(64 << 20)]
    return sum(abs((b - a).total_seconds()) > 30 for a, b in pairwise(times))
