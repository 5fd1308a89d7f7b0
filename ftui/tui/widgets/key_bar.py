"""The footer: at most seven keys, in one row, painted as one widget."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen

from ftui.core.text import cell_width
from ftui.tui.widgets.lines import Lines, Row

MOST_KEYS = 7
PALETTE_WORD = "Commands"
"""What ftui calls Textual's command palette."""


class KeyBar(Lines):
    """The keys that matter now, from the bindings; `?` lists the others. A click presses the key."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[tuple[str, str]] = []
        """(key, what it does) of those that are shown."""
        self._ends: list[int] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.redraw()

    def _changed(self, screen: Screen[Any]) -> None:
        if screen is self.screen and self.is_attached:
            self.redraw()

    def redraw(self) -> None:
        """Show the keys that work now, as many as fit."""
        row: list[tuple[str, str]] = []
        self.keys, self._ends = [], []
        used, seen = 0, set()
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            # Textual's own binding of the palette is not shown, and covers those of the screens.
            palette = binding.action == "command_palette"
            description = PALETTE_WORD if palette else binding.description
            if not enabled or not (binding.show or palette) or not description or binding.action in seen:
                continue
            seen.add(binding.action)
            key = self.app.get_key_display(binding)
            width = cell_width(key) + cell_width(description) + 3
            if len(self.keys) == MOST_KEYS or used + width - 2 > self.content_size.width:
                break
            row += [(key, "accent"), (f" {description}  ", "text")]
            used += width
            self.keys.append((binding.key.partition(",")[0], description))
            self._ends.append(used)
        rows: list[Row] = [tuple(row)]
        self.set_rows(rows)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        for (key, _), end in zip(self.keys, self._ends, strict=True):
            if offset.x < end:
                self.app.simulate_key(key)
                return
