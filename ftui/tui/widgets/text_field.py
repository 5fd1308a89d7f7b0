"""A field of several lines. Imported when it is needed: Textual's text area takes a third of a second to load."""

from __future__ import annotations

from textual import events
from textual.binding import Binding
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from ftui.core.text import safe

MOST_CHARACTERS = 100_000


class TextField(TextArea):
    """Plain text of several lines, without anything that a terminal would obey. ^n takes it, Escape leaves it."""

    BINDINGS = [
        Binding("ctrl+n", "take", "Take it", key_display="^n", id="text.take"),
        Binding("escape", "give_up", "Leave it", key_display="esc", id="text.give_up"),
    ]

    class Taken(Message):
        """The text is to be used."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class GivenUp(Message):
        """The text is to stay as it was."""

    def __init__(self, text: str, *, id: str | None = None) -> None:
        super().__init__(text, soft_wrap=True, show_line_numbers=False, compact=True, tab_behavior="focus", id=id)
        self.cursor_blink = False

    async def _on_paste(self, event: events.Paste) -> None:
        pasted = safe(event.text.replace("\r\n", "\n")[:MOST_CHARACTERS], newlines=True, tabs=True)
        await super()._on_paste(events.Paste(pasted))
        event.stop()
        event.prevent_default()

    def render_lines(self, crop: Region) -> list[Strip]:
        if not self.is_running:  # taken away, and painted once more before the screen is laid out anew
            return [Strip.blank(crop.width)] * crop.height
        return super().render_lines(crop)

    def action_take(self) -> None:
        self.post_message(self.Taken(self.text))

    def action_give_up(self) -> None:
        self.post_message(self.GivenUp())


def can_show(text: str) -> bool:
    """Whether the text can be edited here without a character of it being changed."""
    return len(text) <= MOST_CHARACTERS and safe(text, newlines=True, tabs=True) == text
