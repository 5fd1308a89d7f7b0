"""The result: is the tuned model better, what changed, what was forgotten, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textual.binding import Binding
from textual.widget import Widget

from ftui.core.text import clip
from ftui.services.runs import Run
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.screens.run_actions import RUN_KEYS, RunActions
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.result_view import PAGES, ROWS, ResultView

_KEYS = [
    *RUN_KEYS,
    Binding("w", "watch", "Curves", id="result.watch", tooltip="The dashboard of this run"),
    Binding("q", "finish", "Leave", id="result.finish", tooltip="To where you came from"),
    Binding("f", "kind", "Other rows", show=False, id="result.kind", tooltip="Changed most, better, worse, all"),
    Binding("c", "copy", "Copy this page", show=False, id="result.copy"),
    *(Binding(str(n), f"page({n})", title, show=False, id=f"result.page{n}") for n, title in enumerate(PAGES, start=1)),
]


class ResultActions(RunActions):
    """What both result screens do."""

    def chosen_run(self) -> Run | None:
        return self._view.run

    @property
    def _view(self) -> ResultView:
        assert isinstance(self, FtuiScreen)
        return self.query_one(ResultView)

    def action_page(self, page: int) -> None:
        self._view.turn_to(page)

    def action_kind(self) -> None:
        if self._view.page != ROWS:
            self._view.turn_to(ROWS)
        else:
            self._view.next_kind()

    def action_watch(self) -> None:
        assert isinstance(self, FtuiScreen)
        self.ftui.open_run(self._view.run.path)

    def action_copy(self) -> None:
        assert isinstance(self, FtuiScreen)
        name = PAGES[self._view.page - 1].lower()
        self.copy_out(self._view.plain, self._view.run.name, f"result-{name}.txt")


class ResultScreen(ResultActions, StageScreen):
    """The wizard's last stage."""

    STAGE = "result"
    HELP_TITLE = "Result"
    CSS_PATH = ["../styles/stage.tcss", "../styles/result.tcss"]
    BINDINGS = [
        *_KEYS,
        Binding("ctrl+n", "finish", "Leave", show=False, id="result.next"),
        Binding("escape", "back", "Back", show=False, id="result.back"),
    ]

    def compose_stage(self) -> Iterator[Widget]:
        yield ResultView(Run(Path(self.state.run_path)), self.ftui.glyphs)

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(f"What came of {clip(Path(self.state.run_path).name, 60)}")
        self.query_one("#page").focus()

    def action_finish(self) -> None:
        self.ftui.wizard.close()

    def action_next(self) -> None:
        self.action_finish()


class RunResultScreen(ResultActions, FtuiScreen[None]):
    """The result of any run, over the screen that it was chosen on."""

    HELP_TITLE = "Result"
    CSS_PATH = "../styles/result.tcss"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="result.help"),
        *_KEYS,
        Binding("escape", "finish", "Leave", show=False, id="result.escape"),
        Binding("ctrl+p", "app.command_palette", "Commands", show=False, key_display="^p", id="result.palette"),
    ]

    def __init__(self, run: Run, page: int = 1) -> None:
        super().__init__()
        self._run, self._first_page = run, page

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield ResultView(self._run, self.ftui.glyphs)

    def on_mount(self) -> None:
        self.query_one("#headline", Lines).set_rows([((f"What came of {clip(self._run.name, 60)}", "strong"),)])
        self._view.turn_to(self._first_page)

    def action_finish(self) -> None:
        self.leave()
