"""Where something is typed about the row under review: its answer anew, or a note."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.containers import Vertical
from textual.widgets import Input

from ftui.tui import review_words
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.field import Field
from ftui.tui.widgets.text_field import TextField, can_show


class ReviewEditor(Vertical):
    """Empty unless something is typed; what was typed comes as the message of the field that holds it."""

    @property
    def is_open(self) -> bool:
        """Whether a text is being typed."""
        return bool(self.children)

    async def open_answer(self, row: Mapping[str, Any]) -> str:
        """Let the row's answer be written anew; gives why that cannot be done here, or ""."""
        place = review_words.answer_place(row)
        if place is None:
            return "This row has no answer of a known kind: e opens the whole row in your editor."
        text = review_words.text_at(row, place)
        if not can_show(text):
            return "The answer holds characters that cannot be shown here: e opens the row in your editor."
        field = TextField(text, id="answer")
        await self.mount(Plain("The answer. ^n takes it, esc leaves it as it was."), field)
        field.move_cursor(field.document.end)
        field.focus()
        return ""

    async def open_note(self) -> None:
        """Let a note be written."""
        field = Field("Note (Enter keeps the row with it)", id="note")
        await self.mount(field)
        field.query_one(Input).focus()

    async def close(self) -> None:
        """Take it away again."""
        await self.remove_children()
