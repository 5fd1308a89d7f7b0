"""Titled panes, and where they go: a pure function of the room there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from ftui.tui.widgets.lines import Row

LOSS, RATE, NORM, SPEED, MEMORY, FIGURES, ALERTS, SAMPLES, LOG = range(1, 10)
TITLES = ("Loss", "Rate", "Norm", "Speed", "Memory", "Facts", "Alerts", "Samples", "Log")
WIDE_CELLS, TALL_CELLS = 100, 28


def arrange_panes(width: int, height: int, slot: int, full: int | None) -> dict[int, Region]:
    """Where each pane is drawn: number of the pane -> region. Panes that are not in it are not shown.

    slot: the pane that the reader chose last among those without a place of their own.
    full: the pane that has the whole room, or None.
    """
    if full is not None:
        return {full: Region(0, 0, width, height)}
    if width >= WIDE_CELLS and height >= TALL_CELLS:
        return _wide(width, height, slot)
    return _narrow(width, height, slot)


def _narrow(width: int, height: int, slot: int) -> dict[int, Region]:
    """Loss on top, memory and figures beside each other where there is room, one pane of choice below."""
    below = max(4, height * 3 // 10)
    middle = 4 if height >= 17 else 0
    if slot == LOSS or (middle and slot in (MEMORY, FIGURES)):
        slot = LOG
    above = height - below - middle
    half = width // 2
    places = {LOSS: Region(0, 0, width, above), slot: Region(0, above + middle, width, below)}
    if middle:
        places[MEMORY] = Region(0, above, half, middle)
        places[FIGURES] = Region(half, above, width - half, middle)
    return places


def _wide(width: int, height: int, slot: int) -> dict[int, Region]:
    """Loss and a pane of choice on the left; figures, memory and three small charts on the right."""
    if slot in (LOSS, RATE, NORM, SPEED, MEMORY, FIGURES):
        slot = LOG
    left = width * 3 // 5
    below = max(7, height * 3 // 10)
    places = {LOSS: Region(0, 0, left, height - below), slot: Region(0, height - below, left, below)}
    figures, memory = 8, 6
    each, rest = divmod(height - figures - memory, 3)
    y = 0
    for pane, rows in (
        (FIGURES, figures), (MEMORY, memory), (RATE, each), (NORM, each), (SPEED, each + rest),
    ):  # fmt: skip
        places[pane] = Region(left, y, width - left, rows)
        y += rows
    return places


class PaneLayout(Layout):
    """Places the children of `Panes` by `arrange_panes`."""

    name = "panes"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        assert isinstance(parent, Panes)
        places = arrange_panes(size.width, size.height, parent.slot, parent.full)
        return [
            WidgetPlacement(places[child.number], NULL_OFFSET, NULL_SPACING, child)
            for child in children
            if isinstance(child, Pane) and child.number in places
        ]


class Pane(Widget):
    """A titled part of the dashboard; its body is what takes the focus."""

    def __init__(self, number: int, *body: Widget) -> None:
        super().__init__(id=f"pane-{number}")
        self.number = number
        self._body = body
        self._title, self._note = TITLES[number - 1], ""
        self.border_title = self.heading

    def compose(self) -> ComposeResult:
        yield from self._body

    @property
    def heading(self) -> Content:
        """What stands in the border: number, title, note."""
        return Content(f"{self.number} {self._title}{'  ' + self._note if self._note else ''}")

    def say(self, note: str) -> None:
        """Put a short note behind the title."""
        self._head(self._title, note)

    def retitle(self, title: str) -> None:
        """Call the pane something else: it shows something else."""
        self._head(title, self._note)

    def _head(self, title: str, note: str) -> None:
        if (title, note) != (self._title, self._note):
            self._title, self._note = title, note
            self.border_title = self.heading

    def body(self) -> Widget:
        """The widget that takes the focus."""
        return next((w for w in self.walk_children(Widget) if w.can_focus), self._body[0])


def tab_row(shown: Collection[int], focused: int, counts: Mapping[int, int], width: int) -> Row:
    """The names of all panes in one row of so many cells: those that are shown, and the one with the focus, stand out.

    counts: pane -> how many things are in it, where that is worth a figure. Where the room is short, the titles lose
    their ends, never a pane its number.
    """
    row: list[tuple[str, str]] = []
    for gap, letters in (("  ", 9), (" ", 9), (" ", 4), (" ", 3), (" ", 2)):
        row = []
        for number, title in enumerate(TITLES, start=1):
            look = "accent" if number == focused else "text" if number in shown else "dim"
            row.append((f"{number} {title[:letters]}", look))
            if counts.get(number):
                row.append((f" {counts[number]}", "warn" if number == ALERTS else look))
            row.append((gap, "text"))
        if sum(len(text) for text, _ in row) - len(gap) <= width:
            break
    return tuple(row)


class Panes(Widget):
    """All panes of the dashboard; which are shown follows from the room, the slot and the full one."""

    def __init__(self, panes: Sequence[Pane]) -> None:
        super().__init__()
        self._panes = panes
        self.slot, self.full = LOG, None
        self._placing = PaneLayout()

    slot: int
    full: int | None

    def compose(self) -> ComposeResult:
        yield from self._panes

    @property
    def layout(self) -> Layout:
        return self._placing

    def shown(self) -> list[int]:
        """The numbers of the panes that have a place now."""
        return list(arrange_panes(self.size.width, self.size.height, self.slot, self.full))

    def choose(self, number: int, full: int | None) -> None:
        """Give pane `number` a place, or the whole room to pane `full`."""
        if number not in arrange_panes(self.size.width, self.size.height, self.slot, None):
            self.slot = number
        self.full = full
        self._show_placed()

    def on_resize(self) -> None:
        self._show_placed()

    def _show_placed(self) -> None:
        """Hide the panes without a place, so that Tab does not lead into them, and place the others anew."""
        shown = self.shown()
        for pane in self._panes:
            pane.display = pane.number in shown
        self._panes[shown[0] - 1].refresh(layout=True)

    def pane(self, number: int) -> Pane:
        """The pane of that number."""
        return self._panes[number - 1]
