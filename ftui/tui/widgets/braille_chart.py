"""A line chart of braille dots that repaints only the cells that changed."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from textual import events
from textual.binding import Binding

from ftui.core.text import cell_width, clip
from ftui.tui.glyphs import UNICODE, Glyphs
from ftui.tui.widgets.axes import linear_ticks, log_ticks, nice_end, nice_range, short_number
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.raster import Bucket, Canvas, buckets

_FEWEST_ROWS, _FEWEST_COLUMNS = 4, 16


@dataclass(frozen=True)
class Curve:
    """One curve. xs must not decrease; ys holds finite numbers.

    points: mark each point with `glyph`; line: join them.
    ends: a letter at the last point, which tells curves apart without colour.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    look: str = "bright"
    points: bool = False
    glyph: str = ""
    ends: str = ""
    line: bool = True


class BrailleChart(Lines, can_focus=True):
    """Curves over steps: legend with the latest values (or those under the cursor), y and x axes, zoom, log scale."""

    BINDINGS = [
        Binding("left", "move(-1)", "Cursor left", show=False, id="chart.left"),
        Binding("right", "move(1)", "Cursor right", show=False, id="chart.right"),
        Binding("shift+left", "move(-10)", "Cursor left by ten", show=False, id="chart.left10"),
        Binding("shift+right", "move(10)", "Cursor right by ten", show=False, id="chart.right10"),
        Binding("home", "edge(0)", "Cursor to the start", show=False, id="chart.home"),
        Binding("end", "edge(1)", "Cursor to the end", show=False, id="chart.end"),
        Binding("plus,equals_sign", "zoom(0.5)", "Zoom in", show=False, key_display="+", id="chart.in"),
        Binding("minus", "zoom(2)", "Zoom out", show=False, key_display="-", id="chart.out"),
        Binding("0", "whole", "Whole run, no cursor", show=False, id="chart.whole"),
        Binding("y", "log", "Log scale", show=False, id="chart.log"),
    ]

    def __init__(
        self,
        *,
        glyphs: Glyphs = UNICODE,
        unit: str = "",
        empty: str = "No values yet.",
        log: bool = False,
        axis: str = "step",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.glyphs, self.unit, self.empty, self.log_scale, self.axis = glyphs, unit, empty, log, axis
        self._curves: Sequence[Curve] = ()
        self._limit: float | None = None
        self._window: tuple[float, float] | None = None
        self._cursor: float | None = None
        self._range: tuple[float, float] | None = None

    def show(self, curves: Sequence[Curve], limit: float | None = None) -> None:
        """Draw these curves. limit: where the x-axis will end one day (all steps of the run), if that is known."""
        self._curves, self._limit = curves, limit
        self.redraw()

    @property
    def curves(self) -> Sequence[Curve]:
        """What is drawn."""
        return [curve for curve in self._curves if len(curve.xs)]

    @property
    def cursor(self) -> float | None:
        """The x under the cursor, or None."""
        return self._cursor

    # -- what the keys do

    def action_move(self, columns: int) -> None:
        start, end = self._domain()
        here = self._cursor if self._cursor is not None else min(end, self._last())
        stride = max(1.0, (end - start) / max(1, self._plot_width()))
        self._cursor = min(self._last(), max(self._first(), round(here + columns * stride)))
        if self._window and not start <= self._cursor <= end:
            self._window = _shifted((start, end), self._cursor)
        self.redraw()

    def action_edge(self, last: int) -> None:
        self._cursor = self._last() if last else self._first()
        if self._window:
            self._window = _shifted(self._window, self._cursor)
        self.redraw()

    def action_zoom(self, factor: float) -> None:
        start, end = self._domain()
        width = (end - start) * factor
        if width >= self._last() - self._first() and factor > 1:
            self._window = None
        elif width >= 8:
            middle = self._cursor if self._cursor is not None else min(end, self._last())
            share = (middle - start) / ((end - start) or 1.0)
            self._window = (middle - width * share, middle + width * (1 - share))
        self._range = None
        self.redraw()

    def action_whole(self) -> None:
        self._window = self._cursor = self._range = None
        self.redraw()

    def action_log(self) -> None:
        self.log_scale = not self.log_scale
        self._range = None
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        start, end = self._domain()
        offset = event.get_content_offset(self)
        if offset is not None and self._curves and offset.x >= self._gutter:
            share = (offset.x - self._gutter) / max(1, self._plot_width())
            self._cursor = min(self._last(), max(self._first(), round(start + share * (end - start))))
            self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    # -- drawing

    _gutter = 6

    def redraw(self) -> None:
        """Draw again from the data, at the present size."""
        width, height = self.content_size
        if width < _FEWEST_COLUMNS or height < _FEWEST_ROWS:
            self.set_rows([self._legend(width)] if width and height else [])
            return
        if not any(len(curve.xs) for curve in self._curves):
            self.set_rows([((clip(self.empty, width), "dim"),)])
            return
        self.set_rows(self._chart(width, height))

    def _chart(self, width: int, height: int) -> list[Row]:
        start, end = self._domain()
        plot_rows = height - 3
        tick_count = max(2, min(6, plot_rows // 2))
        columns = max(1, width - self._gutter) * (1 if self.glyphs.ascii else 2)
        binned = [buckets(curve.xs, curve.ys, start, end, columns) for curve in self._curves]
        low, high = self._settle(binned, tick_count)
        canvas = Canvas(
            max(1, width - self._gutter),
            plot_rows,
            low,
            high,
            ascii_only=self.glyphs.ascii,
            log=self.log_scale and low > 0,
        )
        for curve, bins in zip(self._curves, binned, strict=True):
            if curve.line:
                canvas.line(bins, curve.look)
        for curve in self._curves:
            if curve.points and len(curve.xs) <= columns // 2:
                self._mark_points(canvas, curve, start, end)
            if curve.ends and len(curve.xs) and start <= curve.xs[-1] <= end:
                canvas.point((curve.xs[-1] - start) / (end - start), curve.ys[-1], curve.ends, curve.look)
        if self._cursor is not None and start <= self._cursor <= end:
            canvas.upright((self._cursor - start) / (end - start), self.glyphs.bar, "mark")
        ticks = (log_ticks if canvas.log else linear_ticks)(low, high, tick_count)
        labels = _at_rows(ticks, canvas, self.glyphs.ascii, low, high)
        rows = [self._legend(width)]
        for y, drawn in enumerate(canvas.rows()):
            label = labels.get(y, "")[: self._gutter - 1]
            rows.append(((f"{label:>{self._gutter - 1}}", "dim"), (self.glyphs.bar, "faint"), *drawn))
        corner = "+" if self.glyphs.ascii else "└"
        rows.append(((" " * (self._gutter - 1) + corner + self.glyphs.dash * canvas.width, "faint"),))
        rows.append(((self._x_labels(start, end, canvas.width), "dim"),))
        return rows

    def _mark_points(self, canvas: Canvas, curve: Curve, start: float, end: float) -> None:
        for x, y in zip(curve.xs, curve.ys, strict=True):
            if start <= x <= end:
                canvas.point((x - start) / (end - start), y, curve.glyph or self.glyphs.point, curve.look)

    def _settle(self, binned: Sequence[Sequence[Bucket | None]], ticks: int) -> tuple[float, float]:
        """The y range: round numbers, kept from the last drawing while the curve still fits it well."""
        lows = [b.low for bins in binned for b in bins if b is not None]
        highs = [b.high for bins in binned for b in bins if b is not None]
        if not lows:
            return self._range or (0.0, 1.0)
        low, high = min(lows), max(highs)
        if self.log_scale:
            positive = [value for value in (*lows, *highs) if value > 0]
            if positive:
                low, high = min(positive), max(high, min(positive) * 1.1)
                self._range = (10 ** (math.floor(math.log10(low) * 4) / 4), 10 ** (math.ceil(math.log10(high) * 4) / 4))
                return self._range
        kept = self._range
        if kept and kept[0] <= low and high <= kept[1] and (high - low) >= 0.6 * (kept[1] - kept[0]):
            return kept
        # Finer than the ticks, so that a small chart does not give half its rows to nothing.
        self._range = nice_range(low, high, ticks * 4)
        return self._range

    def _legend(self, width: int) -> Row:
        """Names with the values at the cursor, or the latest ones."""
        spans: list[tuple[str, str]] = []
        for curve in self._curves:
            value = _value_at(curve, self._cursor)
            if value is None:
                continue
            sign = curve.glyph or (self.glyphs.point if curve.points else self.glyphs.dash)
            name = clip(curve.name, 24) + " " if curve.name else ""
            spans += [(f"{sign} ", curve.look), (name, "dim"), (f"{value:.4g}{self.unit}  ", "strong")]
        if self._cursor is not None:
            spans.append((f"{self.axis} {self._cursor:,.0f}", "mark"))
        if self.log_scale:
            spans.append((" log", "dim"))
        if self._window:
            spans.append((" zoom", "dim"))
        return _fitted(spans, width)

    def _x_labels(self, start: float, end: float, width: int) -> str:
        line = [" "] * (self._gutter + width)
        free = 0
        for tick in linear_ticks(start, end, max(2, width // 14)):
            label = short_number(tick, end - start)
            at = self._gutter + round((tick - start) / (end - start) * (width - 1)) - len(label) // 2
            at = min(max(at, self._gutter), len(line) - len(label))
            if at >= free:
                line[at : at + len(label)] = label
                free = at + len(label) + 2
        return "".join(line)

    def _domain(self) -> tuple[float, float]:
        if self._window:
            return self._window
        first = min(self._first(), 0.0) if self._limit is not None else self._first()
        return first, max(first + 1.0, first + nice_end(self._last() - first, self._limit))

    def _first(self) -> float:
        return min((curve.xs[0] for curve in self._curves if len(curve.xs)), default=0.0)

    def _last(self) -> float:
        return max((curve.xs[-1] for curve in self._curves if len(curve.xs)), default=0.0)

    def _plot_width(self) -> int:
        return max(1, self.content_size.width - self._gutter)


def _value_at(curve: Curve, x: float | None) -> float | None:
    """The last value at or before x (the latest where x is None)."""
    if not len(curve.xs):
        return None
    index = len(curve.xs) - 1 if x is None else bisect_right(curve.xs, x) - 1
    return curve.ys[index] if index >= 0 else None


def _shifted(window: tuple[float, float], x: float) -> tuple[float, float]:
    """The window moved just as far as it takes to hold x."""
    start, end = window
    move = min(0.0, x - start) + max(0.0, x - end)
    return start + move, end + move


def _at_rows(ticks: Sequence[float], canvas: Canvas, ascii_only: bool, low: float, high: float) -> dict[int, str]:
    step = min((b - a for a, b in pairwise(ticks)), default=high - low)
    if canvas.log:
        step = 0.0
    return {canvas.row_of(tick) // (1 if ascii_only else 4): short_number(tick, step) for tick in ticks}


def _fitted(spans: list[tuple[str, str]], width: int) -> Row:
    fitted: list[tuple[str, str]] = []
    for text, look in spans:
        room = width - sum(cell_width(part) for part, _ in fitted)
        if room <= 0:
            break
        fitted.append((clip(text, room) if cell_width(text) > room else text, look))
    return tuple(fitted)
