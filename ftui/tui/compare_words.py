"""Several runs beside each other in words: their metrics, their curves, and everything that differs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ftui.core.evaluate import LOWER_IS_BETTER
from ftui.core.text import cell_width, clip, gib
from ftui.services.compare import Comparison
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.braille_chart import Curve
from ftui.tui.widgets.lines import Row

LETTERS = "ABCDEFGH"
LOOKS = ("bright", "second", "third", "ok", "fail", "accent", "warn", "text")
MOST_RUNS = len(LETTERS)
_LOWER = frozenset({"lowest held-out loss", "last train loss", "peak bytes"})
_NAME_CELLS = 24


def run_rows(names: Sequence[str], comparison: Comparison | None, width: int) -> list[Row]:
    """Which letter is which run, and what came of it."""
    rows: list[Row] = []
    for index, name in enumerate(names):
        said = ""
        if comparison is not None and index < len(comparison.statuses):
            verdict = comparison.verdicts[index] if index < len(comparison.verdicts) else ""
            said = "  ".join(part for part in (comparison.statuses[index], _verdict(verdict)) if part)
        rows.append(((f"{LETTERS[index]} ", LOOKS[index]), (clip(name, width - 32), "strong"), (f"  {said}", "dim")))
    return rows


def _verdict(verdict: object) -> str:
    return clip(str(verdict or ""), 20).replace("DONT_SHIP", "DON'T SHIP")


def metric_rows(comparison: Comparison, width: int, glyphs: Glyphs) -> list[Row]:
    """One metric a row, one run a column; the best value is marked where better is known."""
    cells = min(18, _column_cells(len(comparison.runs), width))
    rows = [_heading(comparison, cells)]
    for name, values in comparison.metrics.items():
        best = _best(name, values)
        row: list[tuple[str, str]] = [
            (_padded(name.replace("_", " ").replace("peak bytes", "peak memory"), _NAME_CELLS), "text")
        ]
        for index, value in enumerate(values):
            mark = glyphs.good if index in best else " "
            row += [(f"{_figure(name, value):>{cells - 2}}", "strong" if index in best else "text"), (f" {mark}", "ok")]
        rows.append(tuple(row))
    if not comparison.metrics:
        rows.append((("None of them has a metric yet.", "dim"),))
    return rows


def _best(name: str, values: Sequence[float | None]) -> set[int]:
    known = [value for value in values if value is not None]
    if len(known) < 2 or min(known) == max(known):
        return set()
    lower = name in _LOWER or name.removeprefix("tuned ") in LOWER_IS_BETTER
    if not lower and not name.startswith("tuned "):
        return set()
    winner = min(known) if lower else max(known)
    return {index for index, value in enumerate(values) if value == winner}


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return gib(value) if name.endswith("bytes") else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def difference_rows(comparison: Comparison, width: int) -> list[Row]:
    """Everything that differs, by where it comes from."""
    if not comparison.differences:
        return [(("Plan, data, model and versions are the same.", "ok"),)]
    cells = _column_cells(len(comparison.runs), width)
    groups: dict[str, list[str]] = {"Plan": [], "Data and model": [], "Versions": []}
    for name in comparison.differences:
        where = "Versions" if name.startswith("version ") else "Plan" if "." in name else "Data and model"
        groups[where].append(name)
    rows = [_heading(comparison, cells)]
    for title, names in groups.items():
        if names:
            rows.append(((title, "accent"),))
        for name in names:
            row: list[tuple[str, str]] = [(_padded(name.removeprefix("version "), _NAME_CELLS), "text")]
            row += [(_padded(_shown(value), cells, right=True), "strong") for value in comparison.differences[name]]
            rows.append(tuple(row))
    return rows


def _heading(comparison: Comparison, cells: int) -> Row:
    letters = [(f"{LETTERS[index]:>{cells - 2}}  ", LOOKS[index]) for index in range(len(comparison.runs))]
    return ((" " * _NAME_CELLS, "dim"), *letters)


def _column_cells(runs: int, width: int) -> int:
    return max(10, min(28, (width - _NAME_CELLS) // max(1, runs)))


def _padded(text: str, cells: int, *, right: bool = False) -> str:
    shown = clip(text, cells - 2)
    space = " " * (cells - 2 - cell_width(shown))
    return (space + shown if right else shown + space) + "  "


def _shown(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)


def curves(comparison: Comparison, *, train: bool) -> list[Curve]:
    """The runs' curves for one chart, each with its letter at its end."""
    series = comparison.train_curves if train else comparison.curves
    return [
        Curve(
            LETTERS[index] if train else "",
            [float(step) for step, _ in points],
            [loss for _, loss in points],
            LOOKS[index],
            points=not train,
            glyph=LETTERS[index] if not train else "",
            ends=LETTERS[index],
        )
        for index, points in enumerate(series)
        if points
    ]
