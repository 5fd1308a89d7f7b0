"""Curves of any length in bounded memory."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence

CAPACITY = 16384


class Series:
    """The points of one metric, in two flat arrays of doubles.

    Beyond `capacity` points every two buckets of neighbours become one, of which the lowest and the highest point are
    kept: a run of a million steps looks the same on a screen and takes no more memory than one of sixteen thousand.
    """

    __slots__ = ("_loose", "_stride", "capacity", "xs", "ys")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.xs = array("d")
        self.ys = array("d")
        self.capacity = capacity
        self._stride = 1  # points that a bucket stands for; buckets of more than one keep two of them
        self._loose = 0  # index of the first point that is not in a bucket yet

    def __len__(self) -> int:
        return len(self.xs)

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.ys[-1] if self.ys else None

    def append(self, x: float, y: float | None) -> None:
        """Add a point; see `extend`."""
        if y is not None:
            self.extend((x,), (y,))

    def extend(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Add points; those that are not finite are left out. An x that goes back replaces what followed it.

        That is how a run looks that was resumed from a checkpoint: the steps after it are done again.
        """
        if not all(map(math.isfinite, ys)):
            kept = [index for index, y in enumerate(ys) if math.isfinite(y)]
            xs, ys = [xs[index] for index in kept], [ys[index] for index in kept]
        start = 0
        for index in [i for i in range(1, len(xs)) if xs[i] <= xs[i - 1]]:
            self._extend(xs[start:index], ys[start:index])
            start = index
        self._extend(xs[start:], ys[start:])

    def _extend(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Add points whose xs increase."""
        if self.xs and len(xs) and xs[0] <= self.xs[-1]:
            self._cut(xs[0])
        done = 0
        while done < len(xs):
            room = self.capacity - len(self.xs) if self._stride == 1 else self._stride - (len(self.xs) - self._loose)
            self.xs.extend(xs[done : done + room])
            self.ys.extend(ys[done : done + room])
            done += room
            if self._stride > 1 and len(self.xs) - self._loose >= self._stride:
                self._close_bucket()
            if len(self.xs) >= self.capacity:
                self._thin()

    def _cut(self, x: float) -> None:
        keep = bisect_left(self.xs, x)
        del self.xs[keep:], self.ys[keep:]
        self._loose = min(self._loose, keep)

    def _close_bucket(self) -> None:
        picked = _extremes(self.ys, self._loose, len(self.ys))
        xs, ys = [self.xs[i] for i in picked], [self.ys[i] for i in picked]
        del self.xs[self._loose :], self.ys[self._loose :]
        self.xs.extend(xs)
        self.ys.extend(ys)
        self._loose = len(self.xs)

    def _thin(self) -> None:
        xs, ys = array("d"), array("d")
        for start in range(0, len(self.xs), 4):
            for index in _extremes(self.ys, start, min(start + 4, len(self.ys))):
                xs.append(self.xs[index])
                ys.append(self.ys[index])
        self.xs, self.ys = xs, ys
        self._stride = 4 if self._stride == 1 else self._stride * 2
        self._loose = len(xs)


def _extremes(ys: array[float], start: int, end: int) -> list[int]:
    """The indices of the lowest and the highest of ys[start:end], in order."""
    part = ys[start:end]
    low, high = start + part.index(min(part)), start + part.index(max(part))
    return [low] if low == high else [min(low, high), max(low, high)]


class Average:
    """A running exponential average, corrected for its start (as core.metrics.ema, one value at a time)."""

    __slots__ = ("_total", "_weight", "alpha")

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self._total = self._weight = 0.0

    def add_all(self, values: Iterable[float]) -> list[float]:
        """Take the values in and give the average after each; what is not finite is given back as it is."""
        total, weight, alpha, rest = self._total, self._weight, self.alpha, 1 - self.alpha
        averages = []
        for value in values:
            if math.isfinite(value):
                total = alpha * value + rest * total
                weight = alpha + rest * weight
                averages.append(total / weight)
            else:
                averages.append(value)
        self._total, self._weight = total, weight
        return averages
