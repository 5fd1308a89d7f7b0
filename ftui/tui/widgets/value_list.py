"""The values of a plan, one a row, each with its reason: those that somebody thought about, or all there are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.tui.glyphs import Glyphs
from ftui.tui.plan_words import Entry, entry_row
from ftui.tui.widgets.text_pane import as_content


class ValueList(OptionList):
    """Enter changes the highlighted value; the screen that holds the list asks for the new one."""

    BINDINGS = [Binding("enter", "select", "Change", key_display="enter", id="plan.change")]

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self._glyphs = glyphs
        self._every: Sequence[Entry] = ()
        self.entries: Sequence[Entry] = ()
        """Those that are listed."""
        self.all = False
        """Whether those are listed, too, that nobody thought about."""

    def show(self, every: Sequence[Entry], here: str) -> None:
        """List these fields of a plan. here: the option to begin at, where none is highlighted yet."""
        self._every = every
        self.entries = [entry for entry in every if self.all or entry.decided]
        place = self.highlighted
        if place is None:
            place = next((index for index, entry in enumerate(self.entries) if option_id(entry.name) == here), 0)
        width = max(40, self.size.width - 3)
        self.clear_options()
        self.add_options(
            Option(as_content([entry_row(entry, width, self._glyphs)]), id=option_id(entry.name))
            for entry in self.entries
        )
        self.highlighted = min(place, len(self.entries) - 1) if self.entries else None

    def show_all(self, every_field: bool) -> None:
        """List all fields, or only those that somebody thought about; the highlighted one stays so where it can."""
        entry = self.entry
        self.all = every_field
        self.highlighted = None
        self.show(self._every, option_id(entry.name) if entry else "")

    def go_to(self, name: str) -> None:
        """Highlight a field by its dotted name, listing all where it is not among those that are listed."""
        if all(entry.name != name for entry in self.entries):
            self.show_all(True)
        self.highlighted = self.get_option_index(option_id(name))

    @property
    def entry(self) -> Entry | None:
        """The highlighted field."""
        index = self.highlighted
        return self.entries[index] if index is not None and index < len(self.entries) else None


def option_id(name: str) -> str:
    """A field's dotted name as the id of an option."""
    return name.replace(".", "-")
