"""A log's tail with a filter: bounded, written in batches, safe to show."""

from __future__ import annotations

from collections import deque

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Log

from ftui.core.text import clip
from ftui.tui.widgets.field import PlainInput
from ftui.tui.widgets.lines import Lines

MOST_LINES = 2000
_MOST_CELLS = 2000


class LogPane(Vertical):
    """Lines as they come; `/` shows only those that hold some words."""

    BINDINGS = [
        Binding("slash", "search", "Search", show=False, key_display="/", id="log.search"),
        Binding("escape", "close_search", "Close the search", show=False, id="log.close"),
    ]

    def __init__(self, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._empty = empty
        self._lines: deque[str] = deque(maxlen=MOST_LINES)

    def compose(self) -> ComposeResult:
        yield Lines(classes="log-note")
        yield Log(max_lines=MOST_LINES, auto_scroll=True)
        yield PlainInput(placeholder="words to look for; Esc shows all lines", classes="log-search")

    def on_mount(self) -> None:
        self.query_one(Input).display = False
        self._say_how_many()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "close_search" or self.query_one(Input).display

    def add(self, lines: list[str]) -> None:
        """Add lines that are already safe for a terminal."""
        if not lines:
            return
        lines = [clip(line, _MOST_CELLS) if len(line) > _MOST_CELLS else line for line in lines[-MOST_LINES:]]
        self._lines.extend(lines)
        shown = self._matching(lines)
        if shown:
            self.query_one(Log).write_lines(shown)
        self._say_how_many()

    @property
    def plain(self) -> str:
        """The lines that are shown."""
        return "\n".join(self._matching(self._lines))

    def action_search(self) -> None:
        field = self.query_one(Input)
        field.display = True
        field.focus()

    def action_close_search(self) -> None:
        field = self.query_one(Input)
        field.display = False
        field.value = ""
        self.query_one(Log).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        log = self.query_one(Log)
        log.clear()
        log.write_lines(self._matching(self._lines))
        self._say_how_many()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(Log).focus()

    def _matching(self, lines: list[str] | deque[str]) -> list[str]:
        words = self.query_one(Input).value.lower().split()
        return [line for line in lines if all(word in line.lower() for word in words)]

    def _say_how_many(self) -> None:
        note = self.query_one(".log-note", Lines)
        searching = bool(self.query_one(Input).value)
        note.display = not self._lines or searching
        if not self._lines:
            note.set_rows([((self._empty, "dim"),)])
        elif searching:
            count = len(self._matching(self._lines))
            note.set_rows([((f"{count:,} of {len(self._lines):,} lines", "dim"),)])
