"""What can be done with a run, from wherever one is shown or listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from textual.binding import Binding
from textual.screen import Screen

if TYPE_CHECKING:
    from typing import Any

    from ftui.services.runs import Run

RUN_KEYS = [
    Binding("t", "talk", "Chat", id="run.talk", tooltip="Base and tuned side by side"),
    Binding("r", "rate", "Rate", id="run.rate", tooltip="Blind: which of two answers is better?"),
    Binding("x", "deliver", "Export", id="run.export", tooltip="Take the tuned model out, checked"),
    Binding("v", "versus", "Compare", id="run.compare", tooltip="With other runs: metrics, curves, plans"),
]

LISTED_RUN_KEYS = [
    Binding("i", "result", "Result", show=False, id="run.result", tooltip="Verdict, rows, forgetting, files"),
    *(replace(key, show=False) for key in RUN_KEYS),
]
"""The same where runs are listed among other things."""
RUN_ACTIONS = frozenset(key.action for key in LISTED_RUN_KEYS)
LISTED_RUN_WORDS = "enter dashboard, i result, t chat, r rate, x export, v compare"


class RunActions:
    """Mixed into a screen that shows or lists runs; `chosen_run` says which one is meant."""

    def chosen_run(self) -> Run | None:
        """The run that the keys are about; None where there is none."""
        raise NotImplementedError

    def action_talk(self) -> None:
        from ftui.tui.screens.chat import ChatScreen

        if run := self.chosen_run():
            self._open(ChatScreen(run))

    def action_rate(self) -> None:
        from ftui.tui.screens.rate import RateScreen

        if run := self.chosen_run():
            self._open(RateScreen(run))

    def action_deliver(self) -> None:
        from ftui.tui.screens.export import ExportScreen

        if run := self.chosen_run():
            self._open(ExportScreen(run))

    def action_versus(self) -> None:
        from ftui.tui.screens.compare import CompareScreen

        if run := self.chosen_run():
            self._open(CompareScreen([run]))

    def action_result(self) -> None:
        from ftui.tui.screens.result import RunResultScreen

        if run := self.chosen_run():
            self._open(RunResultScreen(run))

    def _open(self, screen: Screen[Any]) -> None:
        cast("Screen[Any]", self).app.push_screen(screen)
