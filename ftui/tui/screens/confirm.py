"""A question with a few named answers; the safe one has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button

from ftui.tui.screens.base import Dialog, Plain


@dataclass(frozen=True)
class Answer:
    """id: what the dialog gives back; key: the letter that chooses it; label: a verb."""

    id: str
    key: str
    label: str


class AskDialog(Dialog[str]):
    """Gives the id of the chosen answer; Escape gives the last one, which must be harmless."""

    BINDINGS = [
        Binding("escape", "cancel", "Cancel", id="ask.cancel"),
        Binding("left", "app.focus_previous", "Previous", show=False, id="ask.previous"),
        Binding("right", "app.focus_next", "Next", show=False, id="ask.next"),
    ]

    def __init__(self, question: str, explanation: str, answers: Sequence[Answer], *, focus: int = 0) -> None:
        super().__init__()
        self._question, self._explanation, self._answers, self._first = question, explanation, answers, focus

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Plain(self._question, id="question")
            yield Plain(self._explanation, id="explanation")
            with Horizontal(id="answers"):
                for answer in self._answers:
                    label = Content.assemble(answer.label, (f" {answer.key}", "dim"))
                    yield Button(label, id=f"answer-{answer.id}", compact=True)

    def on_mount(self) -> None:
        self.query(Button)[self._first].focus()

    def on_key(self, event: events.Key) -> None:
        for answer in self._answers:
            if event.character and event.character.lower() == answer.key:
                event.stop()  # the screen below has keys of its own: this one was not for it
                self.dismiss(answer.id)
                return

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def action_cancel(self) -> None:
        self.dismiss(self._answers[-1].id)


def leave_dialog(run_name: str) -> AskDialog:
    """What quitting means while a run is alive."""
    return AskDialog(
        "Leave this run?",
        f"Training goes on without this window. Come back with: ftui watch {run_name}",
        [
            Answer("detach", "d", "Detach, keep training"),
            Answer("stop", "s", "Stop and save"),
            Answer("cancel", "c", "Cancel"),
        ],
    )


def stop_dialog() -> AskDialog:
    """Stopping is not final, but it costs time: ask."""
    return AskDialog(
        "Stop this run?",
        "A checkpoint is saved first; `ftui runs resume` goes on from it.",
        [Answer("stop", "s", "Stop and save"), Answer("cancel", "k", "Keep training")],
        focus=1,
    )


def begin_dialog(words: str) -> AskDialog:
    """Beginning anew gives the draft up: ask, with going on as the answer at hand."""
    return AskDialog(
        "Begin anew?",
        f"There is a draft: {words}. Beginning anew gives it up.",
        [
            Answer("draft", "g", "Go on with the draft"),
            Answer("new", "n", "Begin anew"),
            Answer("cancel", "c", "Cancel"),
        ],
    )
