"""A scrolling pane of text that came from outside: no markup, wrapped, as it is."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ftui.tui.widgets.lines import Row

STYLES = {
    "text": "", "dim": "dim", "strong": "bold", "accent": "$text-accent", "ok": "$text-success",
    "warn": "$text-warning", "fail": "bold $text-error", "faint": "dim", "bright": "$text-primary",
    "second": "$text-warning", "third": "$text-accent", "mark": "$text-accent",
    "special": "bold $text-accent", "trained special": "bold $text-success",
}  # fmt: skip
"""The looks of widgets.lines as styles of Content."""


class TextPane(VerticalScroll):
    """Rows of spans, wrapped."""

    def __init__(self, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._empty = empty
        self.plain = ""

    def compose(self) -> ComposeResult:
        yield Static(Content.styled(self._empty, "dim"), markup=False)

    def show(self, rows: Iterable[Row]) -> None:
        """Show these rows; nothing is painted where they are the same as before."""
        content = as_content(rows)
        if content.plain == self.plain:
            return
        self.plain = content.plain
        self.query_one(Static).update(content if content.plain else Content.styled(self._empty, "dim"))


def as_content(rows: Iterable[Row]) -> Content:
    """The rows as one Content, a line each. The texts are taken as they are."""
    lines = [Content.assemble(*((text, STYLES[look]) for text, look in row)) for row in rows]
    return Content("\n").join(lines)
