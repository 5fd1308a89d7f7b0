"""A bar for memory: what is used, what is there, and a mark where the peak was predicted."""

from __future__ import annotations

from dataclasses import dataclass

from ftui.core.text import clip, gib
from ftui.tui.glyphs import UNICODE, Glyphs
from ftui.tui.widgets.lines import Lines, Row


@dataclass(frozen=True)
class Gauge:
    """One bar. `peak_bytes`: the most it has been; `predicted_bytes`: the peak that was predicted before the run.

    predicted: what was predicted, where that is not the peak of all that the bar shows.
    """

    name: str
    used_bytes: float
    total_bytes: float
    peak_bytes: float | None = None
    predicted_bytes: float | None = None
    note: str = ""
    predicted: str = "predicted peak"


class Meters(Lines):
    """Bars one above the other, the predicted peak marked below; notes follow, where there is room."""

    def __init__(
        self, *, glyphs: Glyphs = UNICODE, empty: str = "No memory figures yet.", id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.glyphs, self.empty = glyphs, empty
        self._gauges: tuple[Gauge, ...] = ()

    def show(self, gauges: tuple[Gauge, ...]) -> None:
        """Draw these gauges."""
        self._gauges = gauges
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw again at the present size."""
        width = self.content_size.width
        if not width:
            return
        if not self._gauges:
            self.set_rows([((clip(self.empty, width), "dim"),)])
            return
        names = min(14, max(len(gauge.name) for gauge in self._gauges))
        rows = [row for gauge in self._gauges for row in gauge_rows(gauge, names, width, self.glyphs)]
        notes = [((clip(f"{gauge.name:<{names}} {gauge.note}", width), "dim"),) for gauge in self._gauges if gauge.note]
        self.set_rows([*rows, *notes])


def gauge_rows(gauge: Gauge, name_cells: int, width: int, glyphs: Glyphs) -> list[Row]:
    """The bar with its figures, and below it the mark of the predicted peak."""
    figures = f" {gib(gauge.used_bytes)} of {gib(gauge.total_bytes)}"
    indent = name_cells + 1
    bar_cells = max(6, min(60, width - indent - len(figures)))
    share = gauge.used_bytes / gauge.total_bytes if gauge.total_bytes else 0.0
    filled = min(bar_cells, round(share * bar_cells))
    look = "fail" if share > 0.97 else "warn" if share > 0.9 else "bright"
    bar: list[tuple[str, str]] = [(glyphs.full * filled, look), (glyphs.empty * (bar_cells - filled), "faint")]
    rows: list[Row] = [((f"{clip(gauge.name, name_cells):<{indent}}", "text"), *bar, (figures, "strong"))]
    if gauge.predicted_bytes and gauge.total_bytes:
        at = indent + min(bar_cells - 1, max(0, round(gauge.predicted_bytes / gauge.total_bytes * bar_cells)))
        rows.append(_mark_row(_labels(gauge), at, width, glyphs))
    return rows


def _labels(gauge: Gauge) -> list[str]:
    """What stands beside the mark, the longest first."""
    assert gauge.predicted_bytes is not None
    predicted = f"{gauge.predicted} {gib(gauge.predicted_bytes)}"
    if gauge.predicted_bytes > gauge.total_bytes:
        return [f"{predicted}: more than there is", predicted]
    longer = [f"{predicted}, measured {gib(gauge.peak_bytes)}"] if gauge.peak_bytes else []
    return [*longer, predicted, f"predicted {gib(gauge.predicted_bytes)}"]


def _mark_row(labels: list[str], at: int, width: int, glyphs: Glyphs) -> Row:
    """The mark in its column, with the longest label that fits on one of its sides."""
    for label in labels:
        if at + 2 + len(label) <= width:
            return ((" " * at, "text"), (glyphs.mark, "mark"), (f" {label}", "dim"))
        if len(label) + 1 <= at:
            return ((f"{label} ".rjust(at), "dim"), (glyphs.mark, "mark"))
    return ((" " * at, "text"), (glyphs.mark, "mark"))
