"""Names and values in columns: figures that change, without a table widget that paints everything again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ftui.core.text import cell_width, clip
from ftui.tui.widgets.lines import Lines, Row


@dataclass(frozen=True)
class Fact:
    """A value with its name, and optionally why it is so. Texts may come from outside: they are made safe here."""

    name: str
    value: str
    reason: str = ""
    look: str = "strong"


class FactTable(Lines):
    """Facts, one a row; as many columns of them as the width allows when `columns` is more than one."""

    def __init__(self, *, columns: int = 1, empty: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.columns, self.empty = columns, empty
        self._facts: Sequence[Fact] = ()

    def show(self, facts: Sequence[Fact]) -> None:
        """Show these facts."""
        self._facts = facts
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Lay out again at the present width."""
        width = self.content_size.width
        if not width:
            return
        if not self._facts:
            self.set_rows([((clip(self.empty, width), "dim"),)] if self.empty else [])
            return
        columns = max(1, min(self.columns, width // 28))
        each = width // columns
        per_column = -(-len(self._facts) // columns)
        name_cells = min(22, max(cell_width(fact.name) for fact in self._facts))
        cells = [_cell(fact, name_cells, each - (1 if columns > 1 else 0)) for fact in self._facts]
        rows: list[Row] = []
        for index in range(per_column):
            row: list[tuple[str, str]] = []
            for column in range(columns):
                if index + column * per_column < len(cells):
                    cell = cells[index + column * per_column]
                    used = sum(cell_width(text) for text, _ in cell)
                    row += [*cell, (" " * (each - used), "text")]
            rows.append(tuple(row))
        self.set_rows(rows)


def _cell(fact: Fact, name_cells: int, width: int) -> Row:
    name = clip(fact.name, name_cells)
    value = clip(fact.value, max(1, width - name_cells - 1))
    used = name_cells + 1 + cell_width(value)
    spans: list[tuple[str, str]] = [(name + " " * (name_cells + 1 - cell_width(name)), "dim"), (value, fact.look)]
    if fact.reason and width - used > 8:
        spans.append(("  " + clip(fact.reason, width - used - 2), "faint"))
    return tuple(spans)
