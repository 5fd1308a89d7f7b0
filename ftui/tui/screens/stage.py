"""What the wizard's stages have in common: the stage bar, back and forth, the draft."""

from __future__ import annotations

from collections.abc import Iterator

from textual import events
from textual.binding import Binding
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from ftui.tui.screens.base import FtuiScreen, Plain
from ftui.tui.state import STAGE_TITLES, STAGES, WizardState
from ftui.tui.widgets.stage_bar import StageBar

_KEEP_AFTER_SECONDS = 0.4


class StageScreen(FtuiScreen[None]):
    """One stage. Subclasses give `compose_stage`, and `missing()` where something is needed before going on."""

    CSS_PATH = ["../styles/stage.tcss"]
    STAGE = ""
    BINDINGS = [
        Binding("ctrl+n", "next", "Next", key_display="^n", id="stage.next", tooltip="To the next stage"),
        Binding("escape", "back", "Back", key_display="esc", id="stage.back", tooltip="Nothing is lost"),
        Binding("f1,question_mark", "app.help", "Help", key_display="f1", id="stage.help"),
        *(
            Binding(f"alt+{n}", f"go('{stage}')", f"Go to {STAGE_TITLES[stage]}", show=False, id=f"stage.{stage}")
            for n, stage in enumerate(STAGES, start=1)
        ),
    ]

    def __init__(self, field: str = "") -> None:
        super().__init__()
        self._field = field
        self._keep: Timer | None = None

    @property
    def state(self) -> WizardState:
        """What was chosen so far."""
        return self.ftui.wizard.state

    def compose_body(self) -> Iterator[Widget]:
        yield StageBar(self.STAGE, self.state, self.ftui.glyphs)
        yield Plain("", id="title")
        yield from self.compose_stage()

    def compose_stage(self) -> Iterator[Widget]:
        """The stage's own widgets."""
        return iter(())

    def on_mount(self) -> None:
        if self._field:
            self.call_after_refresh(self._focus_field)

    def _focus_field(self) -> None:
        """Give the keys to the field where the draft was left, with what was typed there."""
        for widget in self.query(f"#{self._field}"):
            typed = self.state.typed.get(self._field)
            if isinstance(widget, Input) and isinstance(typed, str):
                widget.value = typed
                widget.cursor_position = len(typed)
            if widget.focusable:
                widget.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Of the inputs that choose something: their text is a part of the draft."""
        if event.input.id:
            self.state.typed[event.input.id] = event.value
            self.keep_soon()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id:
            self._field = event.widget.id
        self.keep_soon()

    def keep_soon(self) -> None:
        """Show in the bar what is settled; save the draft in a moment: many changes in a row are one write."""
        self.query_one(StageBar).redraw()
        if self._keep is not None:
            self._keep.stop()
        self._keep = self.set_timer(_KEEP_AFTER_SECONDS, self.keep)

    def keep(self) -> None:
        """Save the draft, and show in the bar what is settled."""
        self.query_one(StageBar).redraw()
        self.ftui.wizard.keep(self.STAGE, self._field)

    def tell(self, words: str) -> None:
        """Put a sentence below the bar: what this stage asks for."""
        self.query_one("#title", Plain).update(words)

    def missing(self) -> str:
        """What is needed before going on, or empty."""
        return ""

    # -- what the keys do

    def action_next(self) -> None:
        if problem := self.missing():
            self.say(problem, severity="warning")
        else:
            self.keep()
            self.ftui.wizard.next_after(self.STAGE)

    def action_back(self) -> None:
        self.keep()
        self.ftui.wizard.back_from(self.STAGE)

    def action_go(self, stage: str) -> None:
        if stage != self.STAGE:
            self.keep()
            self.ftui.wizard.open(stage)

    def on_stage_bar_chosen(self, event: StageBar.Chosen) -> None:
        self.action_go(event.stage)
