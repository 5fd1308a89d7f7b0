"""The keys that work here, from the bindings themselves, so that the list cannot go stale."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content

from ftui.core.text import cell_width
from ftui.tui.screens.base import Dialog, Plain

Keys = list[tuple[str, str, str, bool]]


class HelpDialog(Dialog[None]):
    """Every key of the screen below."""

    BINDINGS = [Binding("escape,question_mark,q", "dismiss", "Close", id="help.close")]

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialog"):
            yield Plain("Keys that work here", id="question")
            yield Plain(keys_in_words(self._keys), id="explanation")
            yield Plain(
                "The command palette (ctrl+p) finds every action by name. With the mouse: shift-drag selects text "
                "(option-drag on macOS).",
                classes="dim",
            )


def keys_in_words(keys: Keys) -> Content:
    """One line a key: the key, what it does, and why one would."""
    width = max((cell_width(key) for key, *_ in keys), default=0)
    lines = []
    for key, description, tooltip, enabled in keys:
        state = "" if enabled else "  (not now)"
        more = f"  {tooltip}" if tooltip and tooltip != description else ""
        lines.append(
            Content.assemble(
                (" " * (width - cell_width(key)) + key, "bold $accent"),
                f"  {description}",
                (more + state, "dim"),
            )
        )
    return Content("\n").join(lines)
