"""Comparing runs: their metrics, their curves in one chart, and the differences of plan, data, model and versions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from textual import work
from textual.binding import Binding
from textual.widget import Widget

from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.services.compare import Comparison, compare_runs
from ftui.services.runs import Run
from ftui.tui import compare_words
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.screens.pick_run import PickRunDialog
from ftui.tui.widgets.braille_chart import BrailleChart
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane

PAGES = ("Metrics", "Curves", "Differences")
METRICS, CURVES, DIFFERENCES = range(1, 4)


class CompareScreen(FtuiScreen[None]):
    """Two or more runs; opened with one, it asks for another."""

    HELP_TITLE = "Compare"
    CSS_PATH = "../styles/work.tcss"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="compare.help"),
        Binding("a", "add", "Add a run", id="compare.add"),
        Binding("d", "remove", "Remove", id="compare.remove", tooltip="The run that was added last"),
        Binding("1", "page(1)", "Metrics", id="compare.metrics"),
        Binding("2", "page(2)", "Curves", id="compare.curves"),
        Binding("3", "page(3)", "Differences", id="compare.differences"),
        Binding("q,escape", "close", "Leave", key_display="q", id="compare.leave"),
        Binding("m", "curve", "Other curve", show=False, id="compare.curve", tooltip="Held-out loss or train loss"),
        Binding("c", "copy", "Copy this page", show=False, id="compare.copy"),
        Binding("ctrl+p", "app.command_palette", "Commands", show=False, key_display="^p", id="compare.palette"),
    ]

    def __init__(self, runs: Sequence[Run]) -> None:
        super().__init__()
        self.runs = list(runs)
        self._comparison: Comparison | None = None
        self._page = METRICS
        self._train = False

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield Lines(id="runs")
        yield TextPane(empty="", id="page")
        yield BrailleChart(glyphs=self.ftui.glyphs, empty="No losses were recorded.", id="chart")

    def on_mount(self) -> None:
        self.query_one("#chart").display = False
        self.query_one("#page").focus()
        self._show()
        if len(self.runs) < 2:
            self.action_add()
        else:
            self._compare()

    @work(exclusive=True, group="compare")
    async def _compare(self) -> None:
        self._comparison = None
        self._show()
        try:
            self._comparison = await asyncio.to_thread(compare_runs, list(self.runs))
        except (FtuiError, OSError, ValueError, KeyError, TypeError) as error:
            broken: list[Row] = [((f"{self.ftui.glyphs.bad} They cannot be compared: {safe(str(error))}", "fail"),)]
            if isinstance(error, FtuiError) and error.hint:
                broken.append(((safe(error.hint), "dim"),))
            self.query_one("#page", TextPane).show([*broken, (("d takes the last one away.", "dim"),)])
            return
        self._show()

    # -- showing

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        width, glyphs = max(40, self.size.width - 4), self.ftui.glyphs
        tabs = [
            (f"{number} {title}  ", "accent" if number == self._page else "text")
            for number, title in enumerate(PAGES, start=1)
        ]
        if self._page == CURVES:
            tabs.append((f" m: {'train' if self._train else 'held-out'} loss", "dim"))
        self.query_one("#headline", Lines).set_rows([tuple(tabs)])
        names = [run.name for run in self.runs]
        self.query_one("#runs", Lines).set_rows(compare_words.run_rows(names, self._comparison, width))
        page, chart = self.query_one("#page", TextPane), self.query_one("#chart", BrailleChart)
        page.display, chart.display = self._page != CURVES, self._page == CURVES
        if self._comparison is None:
            alone = "Press a to choose the run to compare it with."
            page.show([((alone if len(self.runs) < 2 else "Reading the runs ...", "dim"),)])
            chart.show([])
        elif self._page == METRICS:
            page.show(compare_words.metric_rows(self._comparison, width, glyphs))
        elif self._page == DIFFERENCES:
            page.show(compare_words.difference_rows(self._comparison, width))
        else:
            chart.show(compare_words.curves(self._comparison, train=self._train))

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "add":
            return True if len(self.runs) < compare_words.MOST_RUNS else None
        return True if action != "remove" or len(self.runs) > 1 else None

    def action_page(self, page: int) -> None:
        self._page = page
        self._show()
        self.query_one("#chart" if page == CURVES else "#page").focus()

    def action_curve(self) -> None:
        self._train = not self._train
        self.action_page(CURVES)

    @work(exclusive=True, group="add")
    async def action_add(self) -> None:
        taken = {run.name for run in self.runs}
        path = await self.app.push_screen_wait(PickRunDialog(taken, "Compare with which run?"))
        if path is not None:
            self.runs.append(Run(path))
            self._compare()
            self.refresh_bindings()

    def action_remove(self) -> None:
        self.runs.pop()
        self.refresh_bindings()
        if len(self.runs) > 1:
            self._compare()
        else:
            self._comparison = None
            self._show()

    def action_copy(self) -> None:
        body = self.query_one("#chart", BrailleChart) if self._page == CURVES else self.query_one("#page", TextPane)
        runs = self.query_one("#runs", Lines).plain
        self.copy_out(f"{runs}\n\n{body.plain}", self.runs[0].name, f"compare-{PAGES[self._page - 1].lower()}.txt")

    def action_close(self) -> None:
        self.leave()
