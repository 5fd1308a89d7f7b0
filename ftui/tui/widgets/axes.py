"""Axes: ranges that stay still, ticks at round numbers, labels as short as they can be."""

from __future__ import annotations

import math

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_step(span: float, ticks: int) -> float:
    """The round step (1, 2, 2.5 or 5 times a power of ten) that divides `span` into at most `ticks` parts."""
    if not (span > 0 and math.isfinite(span)):
        return 1.0
    raw = span / max(1, ticks)
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _STEPS if step * power >= raw * (1 - 1e-9))


def nice_range(low: float, high: float, ticks: int) -> tuple[float, float]:
    """The smallest range between round numbers that holds both; never empty."""
    if high - low < 1e-12 * max(1.0, abs(low), abs(high)):
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    step = nice_step(high - low, ticks)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return bottom, top if top > bottom else bottom + step


def nice_end(last: float, limit: float | None) -> float:
    """Where an x-axis that grows ends: a round number at or above `last`, at least 20, at most `limit`.

    It moves seldom, so that a growing curve repaints only its tip: by a quarter each time, and from two fifths of the
    limit on not any more.
    """
    if limit and 0.4 * limit <= last <= limit:
        return limit
    end = 20.0
    if last > end:
        power = 10.0 ** math.floor(math.log10(last))
        end = next(step * power for step in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.4, 8, 10) if step * power >= last)
    return max(last, min(end, limit)) if limit and limit >= last else end


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them."""
    step = nice_step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Powers of ten between two positive bounds, with 2 and 5 between them where there is room."""
    if low <= 0 or high <= low:
        return []
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**p for p in powers for f in factors if low * (1 - 1e-9) <= f * 10.0**p <= high * (1 + 1e-9)]
        if len(ticks) <= count:
            break
    if len(ticks) > count:
        ticks = ticks[:: math.ceil(len(ticks) / count)]
    return ticks if len(ticks) > 1 else linear_ticks(low, high, count)


def short_number(value: float, step: float = 0.0) -> str:
    """The number in few characters; `step` is the distance to its neighbours and sets how many digits matter."""
    size = abs(value)
    if value == 0:
        return "0"
    if size >= 1e15 or size < 1e-3 or 0 < step < 1e-3:
        mantissa, _, power = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(power)}"
    for limit, scale, unit in ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if size >= limit:
            return f"{value / scale:.{_digits(step / scale, 2)}f}{unit}"
    if step:
        return f"{value:.{_digits(step, 4)}f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def _digits(step: float, most: int) -> int:
    if step <= 0:
        return 1
    for digits in range(most):
        if abs(step * 10**digits - round(step * 10**digits)) < 1e-6:
            return digits
    return most
