"""What the check of a file said: its findings in groups, and the details of the highlighted one beside or below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.core.text import safe
from ftui.tui import data_words, token_words
from ftui.tui.data_words import Group
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row
from ftui.tui.widgets.text_pane import TextPane, as_content


class CheckReport(Container):
    """Two pages about tokens, then the groups. It changes nothing: the screen that holds it decides and mends."""

    def __init__(self, glyphs: Glyphs, choice: Callable[[Group], str], limit: Callable[[], int], *, id: str) -> None:
        """choice: what was chosen for a group (data_words.FIX, KEEP or ""). limit: tokens that a row may have."""
        super().__init__(id=id)
        self._glyphs, self._choice, self._limit = glyphs, choice, limit
        self.groups: list[Group] = []
        self._shown = False
        self._rows = 0
        self._preview: Mapping[str, Any] = {}
        self._preview_error = ""
        self._borders = True

    def compose(self) -> ComposeResult:
        yield OptionList(id="findings", markup=False, compact=True)
        yield TextPane(empty="", id="detail")

    def clear(self) -> None:
        """Another file is being checked: nothing of the last one may stay."""
        self.groups, self._shown, self._rows = [], False, 0
        self._preview, self._preview_error = {}, ""
        self._list.clear_options()
        self._detail.show([])

    def show(self, groups: list[Group], rows: int) -> None:
        """Show what a check found in so many rows."""
        self.groups, self._shown, self._rows = groups, True, rows
        self.call_after_refresh(self.redraw)

    def show_preview(self, preview: Mapping[str, Any], error: str = "") -> None:
        """Show what services.preview found, or why it found nothing."""
        self._preview, self._preview_error = preview, error
        self.redraw_detail()

    @property
    def _list(self) -> OptionList:
        return self.query_one("#findings", OptionList)

    @property
    def _detail(self) -> TextPane:
        return self.query_one("#detail", TextPane)

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """List everything anew, with what is chosen now; the highlighted line stays."""
        if not self._shown:
            return
        here = self._list.highlighted
        width = max(30, self._list.content_size.width - 2)
        self._list.clear_options()
        self._list.add_option(Option("  How long the rows are", id="lengths"))
        self._list.add_option(Option("  What is trained, token by token", id="tokens"))
        for index, group in enumerate(self.groups):
            line = data_words.group_line(group, self._choice(group), self._glyphs, width)
            self._list.add_option(Option(as_content([line]), id=f"group-{index}"))
        last = self._list.option_count - 1
        self._list.highlighted = min(here, last) if here is not None else 2 if self.groups else 0

    def go_down(self) -> None:
        """Highlight the next line, where there is one."""
        if self._list.highlighted is not None:
            self._list.highlighted = min(self._list.highlighted + 1, self._list.option_count - 1)

    def _highlighted(self) -> str:
        """The id of what the list's cursor is on; "" before anything is listed."""
        if self._list.highlighted is None or not self._shown:
            return ""
        return self._list.get_option_at_index(self._list.highlighted).id or ""

    @property
    def group(self) -> Group | None:
        """The highlighted group."""
        chosen = self._highlighted()
        return self.groups[int(chosen.removeprefix("group-"))] if chosen.startswith("group-") else None

    def redraw_detail(self, *, home: bool = True) -> None:
        """Show the details of what is highlighted. home: from their beginning."""
        chosen = self._highlighted()
        if not chosen:
            return
        if group := self.group:
            rows = data_words.group_detail(group, self._choice(group))
        else:
            rows = self._token_rows(chosen, max(30, self._detail.size.width - 4))
        self._detail.show(rows)
        if home:
            self._detail.scroll_home(animate=False)

    def _token_rows(self, what: str, width: int) -> list[Row]:
        if self._preview_error:
            return [((safe(self._preview_error), "warn"),)]
        if not self._preview:
            return [(("Counting tokens ...", "dim"),)]
        return token_words.preview_rows(
            self._preview, what, self._limit(), width, self._glyphs, borders=self._borders, of_rows=self._rows
        )

    def toggle_borders(self) -> None:
        """Draw a line between every two tokens, or none."""
        self._borders = not self._borders
        self.redraw_detail(home=False)

    def toggle_full(self) -> None:
        """Give the details all the room, or the list its part again."""
        self.toggle_class("-full")
        (self._detail if self.has_class("-full") else self._list).focus()

    def focus_list(self) -> None:
        """Give the keys to the list of groups."""
        self._list.focus()
