"""Will it fit? Every method against its verdict; the arrow keys turn length, batch and rank, and all of it follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget

from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.text import clip, gib
from ftui.services.fit_target import Target
from ftui.tui.fit_table import bar_rows, knob_rows, knobs, reasons, table_rows, ways
from ftui.tui.screens.base import FtuiScreen, Plain
from ftui.tui.widgets.lines import Lines

METHODS = ("full", "full", "lora", "qlora")
OTHER_ROWS = 15
"""Rows of everything but the bar's legend, with three for the reasons."""


class FitScreen(FtuiScreen[FitRequest]):
    """Enter takes the chosen recipe: it is posted as `Chosen` and is the screen's result. Escape leaves without one."""

    CSS_PATH = ["../styles/fit.tcss"]
    HELP_TITLE = "Will it fit?"
    BINDINGS = [
        Binding("enter", "take", "Take it", key_display="enter", id="fit.take", tooltip="Go on with this recipe"),
        Binding("down", "method(1)", "Method", key_display="↑↓", id="fit.method", tooltip="The next method"),
        Binding("up", "method(-1)", "Method before", show=False, id="fit.method_before"),
        Binding("right", "turn(1)", "Change", key_display="←→", id="fit.turn", tooltip="More of the marked setting"),
        Binding("left", "turn(-1)", "Less", show=False, id="fit.turn_back"),
        Binding("tab", "knob(1)", "Setting", key_display="tab", id="fit.knob", tooltip="Mark the next setting"),
        Binding("shift+tab", "knob(-1)", "Setting before", show=False, id="fit.knob_before"),
        Binding("escape", "leave", "Back", key_display="esc", id="fit.leave"),
        Binding("f1,question_mark", "app.help", "Help", key_display="?", id="fit.help"),
        Binding("pagedown", "scroll_reasons(1)", "Reasons down", show=False, id="fit.down"),
        Binding("pageup", "scroll_reasons(-1)", "Reasons up", show=False, id="fit.up"),
    ]

    @dataclass
    class Chosen(Message):
        """This recipe is to be used; `verdict` (fits, tight, no) was shown beside it."""

        request: FitRequest
        verdict: str

    def __init__(self, title: str, shape: ModelShape, target: Target, request: FitRequest) -> None:
        """`title` names the model; `request` is the recipe to begin with."""
        super().__init__()
        self._title, self._shape, self._target, self._request = title, shape, target, request
        self._knobs = knobs(shape)
        self._turned = 0
        self._ways = ways(shape, target, request)
        self._chosen = self._method_of(request)

    def compose_body(self) -> Iterator[Widget]:
        yield Plain("", id="headline")
        yield Lines(id="methods")
        yield Lines(id="knobs")
        yield Lines(id="bar")
        with VerticalScroll(id="why", can_focus=False):
            yield Plain("", id="reasons")

    def on_mount(self) -> None:
        free = f"{gib(self._target.free_bytes)} free"
        self.query_one("#headline", Plain).update(
            f"{clip(self._title, 44)} on {clip(self._target.gpu.name, 36)}, {free}"
        )

    def on_resize(self) -> None:
        self.redraw()

    @property
    def request(self) -> FitRequest:
        """The recipe that Enter would take."""
        answer = self._ways[self._chosen].answer
        return answer.request if answer else self._request

    def _method_of(self, request: FitRequest) -> int:
        if request.method == "full" and request.optimizer in ("adamw_8bit", "paged_adamw_8bit"):
            return 1
        return METHODS.index(request.method)

    def redraw(self) -> None:
        """Draw everything for the present recipe and size."""
        width = self.size.width - 2
        way = self._ways[self._chosen]
        glyphs = self.ftui.glyphs
        self.query_one("#methods", Lines).set_rows(table_rows(self._ways, self._chosen, width, glyphs))
        self.query_one("#knobs", Lines).set_rows(knob_rows(self._knobs, self._turned, self._request))
        bar = bar_rows(way.answer, width, glyphs, self.size.height - OTHER_ROWS) if way.answer else []
        self.query_one("#bar", Lines).set_rows(bar)
        lines = reasons(self._shape, way, self._target)
        self.query_one("#reasons", Plain).update("\n".join(f"{glyphs.middle} {line}" for line in lines))

    # ---- keys ----

    def action_method(self, by: int) -> None:
        self._chosen = min(len(self._ways) - 1, max(0, self._chosen + by))
        self.redraw()

    def action_turn(self, by: int) -> None:
        turned = self._knobs[self._turned].turned(self._request, by)
        if turned == self._request:
            return
        self._request = turned
        self._ways = ways(self._shape, self._target, self._request)
        self.redraw()

    def action_knob(self, by: int) -> None:
        self._turned = (self._turned + by) % len(self._knobs)
        self.redraw()

    def action_scroll_reasons(self, by: int) -> None:
        self.query_one("#why", VerticalScroll).scroll_relative(y=by * 4, animate=False)

    def action_take(self) -> None:
        way = self._ways[self._chosen]
        if way.answer is None:
            self.say(way.why, severity="warning")
            return
        self.post_message(self.Chosen(self.request, way.answer.verdict.answer))
        self._close(self.request)

    def action_leave(self) -> None:
        self._close(None)

    def _close(self, result: FitRequest | None) -> None:
        if len(self.app.screen_stack) > 1 and self.is_current:
            self.dismiss(result)
