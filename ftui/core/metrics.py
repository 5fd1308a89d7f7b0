"""Numbers that a viewer makes from step events: smoothing, time left, throughput, and curves that fit a chart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ftui.core.events import Alert, Done, Event, Failed

RECENT_STEPS = 50
"""Time left rests on this many last steps: a run that slowed down must not be judged by its first hour."""
SPREAD_STEPS = 5
"""Fewer timed steps than this say nothing about spread; the band is then a plain half to double."""


def ema(values: Sequence[float | None], alpha: float) -> list[float | None]:
    """Exponential moving average, one value per input: y = alpha * x + (1 - alpha) * y, corrected for its start.

    The correction divides by the weight seen so far (as Adam does), so the first value is itself, not alpha of it.
    Missing and non-finite inputs repeat the average so far (None before the first number).
    alpha: 0 < alpha <= 1; raises ValueError otherwise.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must be above 0 and at most 1, not {alpha}")
    smoothed: list[float | None] = []
    total, weight = 0.0, 0.0
    for value in values:
        if value is not None and math.isfinite(value):
            total, weight = ema_step(total, weight, value, alpha)
        smoothed.append(total / weight if weight else None)
    return smoothed


def ema_step(total: float, weight: float, value: float, alpha: float) -> tuple[float, float]:
    """(total, weight) of an exponential moving average after one more finite value; the average is total / weight."""
    return alpha * value + (1 - alpha) * total, alpha + (1 - alpha) * weight


def eta_seconds(step_seconds: Sequence[float | None], steps_left: int) -> tuple[float, float, float] | None:
    """Seconds until `steps_left` more steps are done, as (low, expected, high); None before the first timed step.

    expected is the mean of the last steps times the steps left (evaluations and checkpoints come on top: a caller that
    wants them in passes step times that include them). low and high hold about 95 % of runs whose steps vary as the
    last ones did, and are never narrower than 5 %, because machines drift.
    """
    timed = [s for s in step_seconds if s is not None and math.isfinite(s) and s >= 0]
    # The first step pays for warming up (allocator, kernels, caches).
    recent = (timed[1:] if len(timed) > 1 else timed)[-RECENT_STEPS:]
    if steps_left <= 0:
        return (0.0, 0.0, 0.0)
    if not recent:
        return None
    mean = statistics.fmean(recent)
    expected = mean * steps_left
    if len(recent) < SPREAD_STEPS:
        return (expected / 2, expected, expected * 2)
    # The error of a mean of n steps, and of the mean it was estimated from.
    error = statistics.stdev(recent) * math.sqrt(1 / steps_left + 1 / len(recent))
    share = max(0.05, 2 * error / mean) if mean else 0.05
    return (expected * max(0.0, 1 - share), expected, expected * (1 + share))


def tokens_per_second(tokens: Sequence[int], seconds: Sequence[float], window: int = 20) -> float | None:
    """Throughput over the last `window` steps: tokens done divided by the time they took; None without time."""
    done, took = sum(tokens[-window:]), sum(seconds[-window:])
    return done / took if took > 0 else None


@dataclass(frozen=True, slots=True)
class Column:
    """The points of a curve that fall into one chart column."""

    low: float
    high: float
    first: float
    last: float


def downsample(xs: Sequence[float], ys: Sequence[float | None], columns: int) -> list[Column | None]:
    """Give `columns` buckets of equal width between the first and the last x; None where no point falls.

    Every extreme survives: a spike of one step in a million is still in its column's `high`. Points whose y is missing
    or not finite are left out. xs must not decrease; raises ValueError where lengths differ or columns < 1.
    """
    if len(xs) != len(ys):
        raise ValueError(f"{len(xs)} xs but {len(ys)} ys")
    if columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}")
    buckets: list[Column | None] = [None] * columns
    if not xs:
        return buckets
    start, width = xs[0], xs[-1] - xs[0]
    scale = columns / width if width > 0 else 0.0
    for x, y in zip(xs, ys, strict=True):
        if y is None or not math.isfinite(y):
            continue
        index = min(columns - 1, int((x - start) * scale))
        old = buckets[index]
        buckets[index] = Column(y, y, y, y) if old is None else Column(min(old.low, y), max(old.high, y), old.first, y)
    return buckets


def settled(events: Iterable[Event]) -> list[Event]:
    """The events of one trainer file as if nothing had been done twice.

    A trainer that goes on from the checkpoint of step N says so with an Alert of code "resumed" and step N; everything
    told before that about later steps is void. What has no step (phases, the end of an attempt) stays.
    """
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Alert) and event.code == "resumed" and event.step is not None:
            back_to = event.step
            kept = [old for old in kept if _step_of(old) <= back_to]
        kept.append(event)
    return kept


def _step_of(event: Event) -> int:
    step = getattr(event, "step", None)
    # The end of an attempt carries the step it reached, and stays true.
    return 0 if step is None or isinstance(event, Done | Failed) else step
