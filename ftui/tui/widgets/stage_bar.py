"""Where one is in the wizard, and what is settled already."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message

from ftui.core.text import cell_width, clip
from ftui.tui.glyphs import Glyphs
from ftui.tui.state import STAGE_TITLES, STAGES, WizardState
from ftui.tui.widgets.lines import Lines


class StageBar(Lines):
    """One row: the stages, the present one marked, those with a choice ticked and, where there is room, named."""

    @dataclass
    class Chosen(Message):
        """A stage was clicked."""

        stage: str

    def __init__(self, stage: str, state: WizardState, glyphs: Glyphs) -> None:
        super().__init__()
        self._stage, self._state, self._glyphs = stage, state, glyphs
        self._ends: list[int] = []

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Show the state as it is now."""
        for words in (20, 12, 0):
            parts = [self._part(number, stage, words) for number, stage in enumerate(STAGES, start=1)]
            widths = [sum(cell_width(text) for text, _ in part) for part in parts]
            if sum(widths) <= self.content_size.width:
                break
        self._ends = [sum(widths[: index + 1]) for index in range(len(widths))]
        self.set_rows([tuple(span for part in parts for span in part)])

    def _part(self, number: int, stage: str, words: int) -> list[tuple[str, str]]:
        here, decided = stage == self._stage, self._state.decided(stage)
        mark = self._glyphs.here if here else self._glyphs.good if decided else " "
        look = "accent" if here else "text" if decided else "dim"
        spans = [(f"{mark}{number} {STAGE_TITLES[stage]}", look)]
        if decided and words:
            spans.append((f" {clip(decided, words)}", "dim"))
        return [*spans, ("  " if words or stage != STAGES[-1] else "", "text")]

    def on_click(self, event: events.Click) -> None:
        for stage, end in zip(STAGES, self._ends, strict=False):
            if event.x < end:
                self.post_message(self.Chosen(stage))
                return
