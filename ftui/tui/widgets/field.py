"""A field to fill in: label, input, what is wrong with it, and why its value is what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from ftui.core.text import safe
from ftui.tui.screens.base import Plain

Check = Callable[[str], str]
"""Gives what is wrong with a text, or an empty string."""
MOST_CHARACTERS = 10_000


class PlainInput(Input):
    """An Input whose cursor does not blink (each blink is sent over the line) and that takes no megabyte."""

    def __init__(
        self, value: str = "", *, placeholder: str = "", id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(
            value, placeholder=placeholder, max_length=MOST_CHARACTERS, compact=True, id=id, classes=classes
        )
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """What is pasted or set is shown on a terminal, too: control characters become visible."""
        return safe(value)


class PickInput(PlainInput):
    """An input above a list: Enter takes what is highlighted there, and the footer says so."""

    BINDINGS = [Binding("enter", "submit", "Choose", key_display="enter", id="pick.choose")]


class FieldInput(PlainInput):
    """The input of a field: the footer says that Enter takes what was typed."""

    BINDINGS = [Binding("enter", "submit", "Take it", key_display="enter", id="field.take")]


class Field(Vertical):
    """Checks on Enter and when the focus leaves; the message stands below the input."""

    @dataclass
    class Confirmed(Message):
        """A value that passed its check was confirmed with Enter."""

        field: Field
        value: str

        @property
        def control(self) -> Field:
            return self.field

    def __init__(
        self, label: str, value: str = "", *, check: Check = lambda _: "", reason: str = "", id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._label, self._value, self._check, self._reason = label, value, check, reason

    def compose(self) -> ComposeResult:
        yield Plain(self._label, classes="label")
        yield FieldInput(self._value)
        yield Plain("", classes="problem")
        yield Plain(self._reason, classes="reason")

    @property
    def value(self) -> str:
        """The text as it stands."""
        return self.query_one(Input).value

    @property
    def problem(self) -> str:
        """What is wrong with it, or empty."""
        return self._check(self.value)

    def show_problem(self) -> str:
        """Say below the input what is wrong, and give it."""
        problem = self.problem
        self.query_one(".problem", Plain).update(problem)
        self.set_class(bool(problem), "-wrong")
        return problem

    def on_input_blurred(self, event: Input.Blurred) -> None:
        event.stop()
        self.show_problem()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.has_class("-wrong"):
            self.show_problem()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.show_problem():
            self.post_message(self.Confirmed(self, self.value))
