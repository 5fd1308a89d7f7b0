"""Rows of styled text that resend only the cells that changed.

Textual sends a refreshed widget whole. A dashboard that is read over a bad line cannot afford that twice a second, so
everything live (figures, meters, charts) is a `Lines`: rows are compared cell by cell, and what differs is painted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from ftui.core.text import cell_width

LOOKS = ("text", "dim", "strong", "accent", "ok", "warn", "fail", "faint", "bright", "second", "third", "mark")
"""What a span may look like; styles/global.tcss gives each its colours. None of them carries meaning alone."""

Span = tuple[str, str]
"""(text, look). The text is already safe for a terminal (core.text.safe) and holds no newline."""
Row = tuple[Span, ...]

_NARROW = re.compile(r"[\x20-\x7e\u2500-\u25ff\u2800-\u28ff]*")
"""What nearly every row consists of: ASCII, boxes, blocks, braille; asking for each width would take longer."""
_GAP_CELLS = 10
"""Two changes this close are painted as one: moving the cursor costs about as much."""


class Lines(Widget):
    """Rows of spans, painted by difference."""

    COMPONENT_CLASSES = {f"lines--{look}" for look in LOOKS}
    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: tuple[Row, ...] = ()
        self._looks: dict[str, Style] = {}

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show these rows; what is the same as before is not painted again."""
        old, self._rows = self._rows, tuple(rows)
        if len(old) != len(self._rows) and self.styles.is_auto_height:
            self.refresh(layout=True)
            return
        changed = [
            Region(start, y, end - start, 1)
            for y, (before, after) in enumerate(_paired(old, self._rows))
            if before != after
            for start, end in changed_spans(before, after)
        ]
        if changed:
            self.refresh(*changed)

    @property
    def plain(self) -> str:
        """What is shown, as text: for tests, copies and exports."""
        return "\n".join("".join(text for text, _ in row).rstrip() for row in self._rows)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._rows))

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return max((cell_width("".join(text for text, _ in row)) for row in self._rows), default=0)

    def notify_style_update(self) -> None:
        self._looks.clear()
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        row = self._rows[y] if y < len(self._rows) else ()
        segments = [Segment(text, self._style(look)) for text, look in row if text]
        return Strip(segments).adjust_cell_length(self.size.width, self._style("text"))

    def _style(self, look: str) -> Style:
        style = self._looks.get(look)
        if style is None:
            style = self._looks[look] = self.get_component_rich_style(f"lines--{look}")
        return style


def changed_spans(before: Row, after: Row) -> Iterator[tuple[int, int]]:
    """The (start, end) cells in which two rows differ; neighbours closer than a few cells are given as one."""
    old, new = _cells(before), _cells(after)
    if old is None or new is None:  # wide or combining characters: cells and characters do not pair up
        yield 0, max(_width(before), _width(after))
        return
    width = max(len(old), len(new))
    old += [(" ", "text")] * (width - len(old))
    new += [(" ", "text")] * (width - len(new))
    start = end = -1
    for x, (a, b) in enumerate(zip(old, new, strict=True)):
        if a == b:
            continue
        if start < 0:
            start = x
        elif x - end > _GAP_CELLS:
            yield start, end
            start = x
        end = x + 1
    if start >= 0:
        yield start, end


def _cells(row: Row) -> list[tuple[str, str]] | None:
    text = "".join(part for part, _ in row)
    if not _NARROW.fullmatch(text) and cell_width(text) != len(text):
        return None
    return [(character, look) for part, look in row for character in part]


def _width(row: Row) -> int:
    return sum(cell_width(text) for text, _ in row)


def _paired(old: Sequence[Row], new: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    for y in range(max(len(old), len(new))):
        yield (old[y] if y < len(old) else ()), (new[y] if y < len(new) else ())
