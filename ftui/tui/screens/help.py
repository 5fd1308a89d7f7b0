"""The keys that work here, from the bindings themselves, so that the list cannot go stale."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content

from ftui.core.text import cell_width
from ftui.tui.screens.base import Dialog, KeyHelp, Plain


class HelpDialog(Dialog[None]):
    """Every key of the screen below: the screen's own first, then how to move and to type."""

    BINDINGS = [Binding("escape,question_mark,f1,q", "dismiss", "Close", id="help.close")]

    def __init__(self, title: str, keys: Sequence[KeyHelp]) -> None:
        super().__init__()
        self._title, self._keys = title, keys

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="dialog") as dialog:
            dialog.border_subtitle = "esc closes"
            yield Plain(f"Keys that work here: {self._title}" if self._title else "Keys that work here", id="question")
            yield Plain(keys_in_words([key for key in self._keys if key.ours]), id="explanation")
            yield Plain(also_in_words([key for key in self._keys if not key.ours]), classes="dim")


def keys_in_words(keys: Sequence[KeyHelp]) -> Content:
    """One line a key: the key, what it does, and why one would."""
    width = max((cell_width(key.key) for key in keys), default=0)
    lines = []
    for key in keys:
        state = "" if key.enabled else "  (not now)"
        more = f"  {key.tooltip}" if key.tooltip and key.tooltip != key.description else ""
        lines.append(
            Content.assemble(
                (" " * (width - cell_width(key.key)) + key.key, "bold $accent"),
                f"  {key.description}",
                (more + state, "dim"),
            )
        )
    return Content("\n").join(lines)


def also_in_words(keys: Sequence[KeyHelp]) -> str:
    """The keys that every such list or field has, in one paragraph."""
    also = "; ".join(f"{key.key} {key.description.lower()}" for key in keys)
    mouse = "With the mouse: shift-drag selects text (option-drag on macOS)."
    return f"Also: {also}. {mouse}" if also else mouse
