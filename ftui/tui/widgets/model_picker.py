"""Choose a model: what is on this machine first, with its fit verdict; a hub id or a folder can be typed too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from ftui.tui.glyphs import UNICODE, Glyphs
from ftui.tui.model_words import Choice, about, choice_row, suggested
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.field import PickInput
from ftui.tui.widgets.text_pane import as_content


class ModelPicker(Vertical):
    """The input keeps the focus; the arrows move in the list. Each row is its own model, whatever is typed."""

    BINDINGS = [
        Binding("down", "move(1)", "Next model", show=False, id="models.down"),
        Binding("up", "move(-1)", "Previous model", show=False, id="models.up"),
        Binding("pagedown", "move(10)", "Further down", show=False, id="models.pagedown"),
        Binding("pageup", "move(-10)", "Further up", show=False, id="models.pageup"),
    ]

    @dataclass
    class Picked(Message):
        """A model was chosen: one of the list, or (with no `choice`) what was typed."""

        name: str
        choice: Choice | None

    def __init__(self, *, value: str = "", glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(id=id)
        self._value, self._glyphs = value, glyphs
        self._choices: Sequence[Choice] = ()
        self._shown: list[Choice] = []
        self._suggested = ""

    def compose(self) -> ComposeResult:
        yield PickInput(placeholder="part of a name, a hub id (org/name), or a folder", id="model")
        yield OptionList(markup=False, compact=True, classes="models")
        yield Plain("Looking what is here, and sizing the catalogue ...", classes="about")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False

    def offer(self, choices: Sequence[Choice]) -> None:
        """Show these models; the one that was chosen before is highlighted, or else the one to begin with."""
        self._choices = choices
        self._suggested = suggested(choices)
        self._list()

    def say(self, words: str) -> None:
        """Put a sentence below the list."""
        self.query_one(".about", Plain).update(words)

    def on_resize(self) -> None:
        if self._choices:
            self.call_after_refresh(self._list)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list()

    def _list(self) -> None:
        words = self.query_one(PickInput).value.lower().split()
        self._shown = [c for c in self._choices if all(word in str(c.get("id", "")).lower() for word in words)]
        choices = self.query_one(OptionList)
        width = max(40, choices.content_size.width - 2)
        choices.clear_options()
        choices.add_options(Option(as_content([choice_row(c, width, self._glyphs)])) for c in self._shown)
        wanted = self._value or self._suggested
        places = [index for index, choice in enumerate(self._shown) if choice.get("id") == wanted]
        choices.highlighted = (places or [0])[0] if self._shown else None
        if self._choices and not self._shown:
            self.say("Not in the catalogue. Enter takes what you typed, as a hub id or a folder.")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index < len(self._shown):
            choice = self._shown[event.option_index]
            self.say(about(choice, suggested=choice.get("id") == self._suggested))

    def action_move(self, by: int) -> None:
        choices = self.query_one(OptionList)
        if choices.option_count:
            here = choices.highlighted if choices.highlighted is not None else 0
            choices.highlighted = max(0, min(choices.option_count - 1, here + by))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._pick(self._shown[event.option_index])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        index = self.query_one(OptionList).highlighted
        typed = event.value.strip()
        if index is not None and index < len(self._shown):
            self._pick(self._shown[index])
        elif typed:
            self.post_message(self.Picked(typed, None))

    def _pick(self, choice: Choice) -> None:
        self._value = str(choice.get("id", ""))
        self.post_message(self.Picked(self._value, choice))
