"""What columns and types are like over a whole file: types that change, formats that are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftui.core.formats import UNKNOWN, Format, detect_format
from ftui.core.lint.model import Context, Facts, Reporter, pointer_step
from ftui.core.text import plural

MAX_SHAPES = 256
_PLAIN_SHAPE = ("messages",)


class Totals:
    """Shapes (column tuples) and types of the columns, each with a count and the row where it came first."""

    def __init__(self) -> None:
        self.shapes: dict[tuple[str, ...], list[int]] = {}
        self.formats: dict[str, list[int]] = {}
        self.types: dict[tuple[str, str], list[int]] = {}
        self.seen_plain = False
        self.plain_rows = 0
        """Plain rows (see Row.plain) after the first one: they bring no new column and no new type."""

    def merge(self, later: Totals, rows_before: int) -> None:
        self.seen_plain = self.seen_plain or later.seen_plain
        self.plain_rows += later.plain_rows
        for key, (count, first) in later.shapes.items():
            count_in(self.shapes, key, first + rows_before, count)
        for name, (count, first) in later.formats.items():
            count_in(self.formats, name, first + rows_before, count)
        for kind, (count, first) in later.types.items():
            count_in(self.types, kind, first + rows_before, count)


def count_in(table: dict[Any, list[int]], key: Any, row: int, times: int = 1) -> bool:
    """Count a key; True when it is new."""
    entry = table.get(key)
    if entry is not None:
        entry[0] += times
        return False
    if len(table) >= MAX_SHAPES:
        return False
    table[key] = [times, row]
    return True


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    if totals.plain_rows:
        totals.shapes[_PLAIN_SHAPE][0] += totals.plain_rows
        totals.formats["chat"][0] += totals.plain_rows
        totals.types[("messages", "list")][0] += totals.plain_rows
        totals.types[("messages[].content", "str")][0] += totals.plain_rows
    _formats(totals, report)
    by_column: dict[str, dict[str, list[int]]] = {}
    for (column, kind), entry in totals.types.items():
        by_column.setdefault(column, {})["number" if kind in ("int", "float") else kind] = entry
    for column, kinds in by_column.items():
        if len(kinds) > 1:
            _drift(column, kinds, report)


_TYPE_WORDS = {"str": "text", "list": "a list", "dict": "an object", "number": "a number", "bool": "true or false"}


def _drift(column: str, kinds: dict[str, list[int]], report: Reporter) -> None:
    ordered = sorted(kinds.items(), key=lambda item: -item[1][0])
    counts = ", ".join(f"{_TYPE_WORDS.get(kind, kind)} {count:,} times" for kind, (count, _) in ordered)
    report.row, report.line = ordered[1][1][1], None
    place = "" if "[]" in column else "/" + pointer_step(column)
    report("SCH304", place, f"{column[:60]!r} is {counts}: Arrow stops where the type changes")


def _formats(totals: Totals, report: Reporter) -> None:
    """Rows that lack a column of the commonest format, and rows of other formats."""
    if len(totals.formats) < 2:
        return
    main_shape = max(totals.shapes, key=lambda shape: (bool(detect(shape).kind), totals.shapes[shape][0]))
    main = detect(main_shape)
    needed = [column for name, column in main.columns if name in _NEEDED]
    explained: set[str] = set()
    for shape, (count, first) in totals.shapes.items():
        missing = [column for column in needed if column not in shape]
        other = detect(shape)
        if missing and len(missing) < len(needed) and other.name != main.name:
            report.row, report.line = first, None
            report(
                "SCH309", "", f"{plural(count, 'row')} without the column {', '.join(missing)}, which the others have"
            )
            explained.add(other.name)
    for name, (count, first) in totals.formats.items():
        if name not in (main.name, "unknown") and name not in explained and not _siblings(name, main.name):
            report.row, report.line = first, None
            report("SCH302", "", f"{plural(count, 'row')} of the format {name}, the others are {main.name}")


_NEEDED = frozenset({"messages", "instruction", "output", "prompt", "completion", "text", "chosen", "rejected", "label",
                     "completions", "labels"})  # fmt: skip


def _siblings(one: str, other: str) -> bool:
    """Chat rows without an answer look like prompts; the row rules say what is wrong with them."""
    return {one, other} == {"chat", "prompt"}


def detect(shape: Sequence[str]) -> Format:
    """The format of a set of columns."""
    return detect_format(dict.fromkeys(shape, "")) if shape else UNKNOWN
