"""Curves as characters: points to dots, dots to braille cells (or ASCII), each cell with one look."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from ftui.tui.widgets.lines import Row

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of the braille dot at (row in cell, column in cell)."""
_ASCII_INK = {"faint": ".", "bright": "*"}


@dataclass(frozen=True)
class Bucket:
    """The points of a curve within one column of dots."""

    low: float
    high: float
    first: float
    last: float


def buckets(xs: Sequence[float], ys: Sequence[float], start: float, end: float, columns: int) -> list[Bucket | None]:
    """Points in `columns` equal parts of [start, end]; every extreme survives. xs must not decrease.

    Slicing between bisected bounds keeps this at C speed: sixteen thousand points take about a millisecond.
    """
    found: list[Bucket | None] = []
    width = (end - start) / columns
    here = bisect_left(xs, start)
    for column in range(columns):
        last_column = column == columns - 1
        there = _after(xs, end, here) if last_column else bisect_left(xs, start + (column + 1) * width, here)
        if there > here:
            part = ys[here:there]
            found.append(Bucket(min(part), max(part), part[0], part[-1]))
        else:
            found.append(None)
        here = there
    return found


def _after(xs: Sequence[float], end: float, low: int) -> int:
    index = bisect_left(xs, end, low)
    while index < len(xs) and xs[index] <= end:
        index += 1
    return index


class Canvas:
    """A grid of cells to draw curves on; a later curve covers an earlier one cell by cell."""

    def __init__(self, width: int, height: int, low: float, high: float, *, ascii_only: bool, log: bool) -> None:
        self.width, self.height, self.ascii_only, self.log = width, height, ascii_only, log
        self.columns = width if ascii_only else width * 2
        self.dots = height if ascii_only else height * 4
        self._low = math.log10(low) if log else low
        self._scale = (self.dots - 1) / (((math.log10(high) if log else high) - self._low) or 1.0)
        self._cells = [[" "] * width for _ in range(height)]
        self._looks = [["text"] * width for _ in range(height)]

    def row_of(self, value: float) -> int:
        """The dot row of a value, 0 at the top. On a log axis what is not positive lies at the bottom."""
        if self.log:
            value = math.log10(value) if value > 0 else self._low
        row = round((self.dots - 1) - (value - self._low) * self._scale)
        return min(self.dots - 1, max(0, row))

    def line(self, curve: Sequence[Bucket | None], look: str) -> None:
        """Draw a curve, joined across columns that hold no point."""
        if self.ascii_only:
            self._line_ascii(curve, look)
            return
        bits = [bytearray(self.width) for _ in range(self.height)]
        before: tuple[int, int] | None = None
        for column, bucket in enumerate(curve):
            if bucket is None:
                continue
            top, bottom = self.row_of(bucket.high), self.row_of(bucket.low)
            if before is not None:
                left, row = before
                _join(bits, left, row, column, self.row_of(bucket.first))
            for dot in range(top, bottom + 1):
                bits[dot >> 2][column >> 1] |= _DOTS[dot & 3][column & 1]
            before = (column, self.row_of(bucket.last))
        for y, line in enumerate(bits):
            for x, ink in enumerate(line):
                if ink:
                    self._cells[y][x], self._looks[y][x] = chr(0x2800 + ink), look

    def _line_ascii(self, curve: Sequence[Bucket | None], look: str) -> None:
        ink = _ASCII_INK.get(look, "x")
        for column, bucket in enumerate(curve):
            if bucket is not None:
                for y in range(self.row_of(bucket.high), self.row_of(bucket.low) + 1):
                    self._cells[y][column], self._looks[y][column] = ink, look

    def point(self, fraction: float, value: float, character: str, look: str) -> None:
        """Draw one character at `fraction` (0 to 1) of the width."""
        x = min(self.width - 1, max(0, int(fraction * self.width)))
        y = self.row_of(value) // (1 if self.ascii_only else 4)
        self._cells[y][x], self._looks[y][x] = character, look

    def upright(self, fraction: float, character: str, look: str) -> None:
        """Draw an upright line behind everything at `fraction` of the width."""
        x = min(self.width - 1, max(0, int(fraction * self.width)))
        for y in range(self.height):
            if self._cells[y][x] == " ":
                self._cells[y][x], self._looks[y][x] = character, look

    def rows(self) -> list[Row]:
        """The canvas as rows of spans."""
        return [_spans(cells, looks) for cells, looks in zip(self._cells, self._looks, strict=True)]


def _join(bits: list[bytearray], left: int, row: int, right: int, target: int) -> None:
    """Dots from (left, row) to (right, target), without its two ends."""
    steps = max(right - left, abs(target - row))
    for step in range(1, steps):
        x = left + round((right - left) * step / steps)
        y = row + round((target - row) * step / steps)
        bits[y >> 2][x >> 1] |= _DOTS[y & 3][x & 1]


def _spans(cells: list[str], looks: list[str]) -> Row:
    spans: list[tuple[str, str]] = []
    start = 0
    for x in range(1, len(cells) + 1):
        if x == len(cells) or looks[x] != looks[start]:
            spans.append(("".join(cells[start:x]), looks[start]))
            start = x
    return tuple(spans)
