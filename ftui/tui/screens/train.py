"""The dashboard of one run. It reads files only: the run neither needs it nor notices it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from textual import work
from textual.binding import Binding
from textual.widget import Widget

from ftui.errors import FtuiError
from ftui.services.run_requests import request
from ftui.services.runs import Run
from ftui.tui import run_words
from ftui.tui.ask import ask
from ftui.tui.run_feed import SLICE_SECONDS, RunFeed, whole_view
from ftui.tui.run_view import SMOOTHINGS, RunView
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.screens.confirm import leave_dialog, stop_dialog
from ftui.tui.screens.train_panes import fill_pane, make_panes
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.pane import ALERTS, LOG, LOSS, SAMPLES, TITLES, Pane, Panes, tab_row

TICK_SECONDS = 0.5
_LINGER_SECONDS = 1.5
RESUMABLE = ("prepared", "paused", "stopped", "interrupted", "failed")
"""Statuses of runs that can be started, or go on from their last checkpoint."""


class TrainScreen(FtuiScreen[str]):
    """Live panels of a run, also of a finished one. Gives "detached", "stopped" or "done" when it is left."""

    HELP_TITLE = "Dashboard"
    CSS_PATH = "../styles/train.tcss"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="train.help"),
        Binding("q", "leave", "Leave", id="train.leave", tooltip="The run goes on without this window"),
        Binding("i", "result", "Result", id="train.result", tooltip="Verdict, rows, chat, export"),
        Binding("p", "resume", "Resume", id="train.resume", tooltip="From its last checkpoint"),
        Binding("s", "stop", "Stop", id="train.stop", tooltip="Saves a checkpoint first"),
        Binding("f", "full", "Full screen", id="train.full", tooltip="The pane that has the focus"),
        Binding("space", "freeze", "Freeze", id="train.freeze", tooltip="Hold the picture; the run goes on"),
        Binding("m", "smooth", "Smoothing", id="train.smooth", tooltip="Of the loss: 0.9, 0.97, none, 0.6"),
        Binding("e", "export", "Export", id="train.export", tooltip="Write the pane as SVG and CSV, or as text"),
        Binding("c", "copy", "Copy the pane", show=False, id="train.copy"),
        Binding("o", "overlay", "Lay another run over", show=False, id="train.overlay"),
        Binding("slash", "search", "Search the log", show=False, key_display="/", id="train.search"),
        Binding("p", "pause", "Pause the run", show=False, id="train.pause", tooltip="Frees the GPU; p resumes it"),
        Binding("escape", "back", "Back", show=False, id="train.back"),
        *(
            Binding(str(n), f"pane({n})", title, show=False, id=f"train.pane{n}")
            for n, title in enumerate(TITLES, start=1)
        ),
    ]

    def __init__(self, run_path: Path, *, exit_when_done: bool = False, bell: bool = False) -> None:
        super().__init__()
        self.feed = RunFeed(Run(run_path))
        self.exit_when_done = exit_when_done
        self.rings = bell
        self._news: tuple[int, bool] | None = None
        self.overlays: list[tuple[str, RunView]] = []
        self.frozen = False
        self._loading = True
        self._adopting = False
        self._heard_at = 0.0
        self._ticks = 0
        self._unpainted = False

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="status")
        yield Panes(make_panes(self.ftui.glyphs))
        yield Lines(id="tabs")

    def on_mount(self) -> None:
        self._panes = self.query_one(Panes)
        self._status, self._tabs = self.query_one("#status", Lines), self.query_one("#tabs", Lines)
        self._panes.pane(LOSS).body().focus()
        self._heard_at = self.ftui.monotonic()
        self.feed.look(force=True)
        self._load()
        self.set_interval(TICK_SECONDS, self._tick)

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint_all)

    # -- reading and painting

    @work(exclusive=True, group="feed")
    async def _load(self) -> None:
        """Read what is there, in slices: of a long run a rough picture first, then the whole."""
        painted = 0.0
        for number, _ in enumerate(self.feed.skim()):
            if number % 8 == 0:
                await asyncio.sleep(0)
        self._paint_all()
        while self.feed.drain(SLICE_SECONDS):
            if time.monotonic() - painted > TICK_SECONDS:
                self._paint(panes_too=not self.feed.rough)
                painted = time.monotonic()
            await asyncio.sleep(0.002)
        self._loading = False
        self._paint_all()

    def _tick(self) -> None:
        if self._loading:
            return
        before = self.feed.view.event_count
        if self.feed.drain(SLICE_SECONDS):
            self._loading = True
            self._load()
        if self.feed.view.event_count != before:
            self._heard_at = self.ftui.monotonic()
        looked_anew = self.feed.look()
        if self.feed.orphaned and not self._adopting and self.feed.care.is_due():
            self._adopting = True
            self._adopt()
        self._ring()
        changed = self.feed.view.event_count != before or looked_anew
        # The loss at two pictures a second, the other panes at one: half the bytes, and nobody reads faster.
        self._ticks += 1
        self._unpainted = self._unpainted or changed
        every = self._ticks % 2 == 0
        self._paint(panes_too=changed or (every and self._unpainted), all_panes=every)
        self._unpainted = self._unpainted and not every
        if looked_anew:
            self.refresh_bindings()
        if self.exit_when_done and not (self.feed.live or self.feed.orphaned or self._loading):
            self.exit_when_done = False
            self.set_timer(_LINGER_SECONDS, lambda: self.leave_as("done"))

    @work(thread=True, group="adopt")
    def _adopt(self) -> None:
        """Give the run a new supervisor."""
        self.feed.care.adopt()
        self._adopting = False

    def _ring(self) -> None:
        """Ring the bell, where that was asked for, at a new alert and at the end; never for what was there before."""
        news = (run_words.worth_a_look(self.feed.view.alerts), self.feed.live)
        if self.rings and self._news not in (None, news):
            self.app.bell()
        self._news = news

    def _paint_all(self) -> None:
        if self.is_mounted and self.is_current:
            self._paint(panes_too=True)

    def _paint(self, *, panes_too: bool, all_panes: bool = True) -> None:
        glyphs, width = self.ftui.glyphs, max(1, self._status.size.width)
        silent = self.ftui.monotonic() - self._heard_at
        with self.app.batch_update():
            rows = run_words.status_rows(self.feed, self.ftui.clock(), silent, width, glyphs, self._notes())
            self._status.set_rows(rows)
            shown = self._panes.shown()
            if not self.frozen:
                for number in shown:
                    if (panes_too and (all_panes or number == LOSS)) or number == LOG:
                        fill_pane(self._panes.pane(number), self.feed, glyphs, self.overlays)
            focused = self._focused_pane()
            counts = {ALERTS: run_words.worth_a_look(self.feed.view.alerts), SAMPLES: len(self.feed.view.samples)}
            width = self._tabs.content_size.width
            self._tabs.set_rows([tab_row(shown, focused.number if focused else 0, counts, width)])

    def _notes(self) -> str:
        notes = []
        if self._loading:
            notes.append(f"reading {self.feed.fraction_read():.0%}")
        if self.frozen:
            notes.append("FROZEN (space goes on)")
        return "  ".join(notes)

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A run that is over has a result, and nothing to stop."""
        match action:
            case "stop" | "pause":
                return self.feed.live
            case "freeze":
                return self.feed.live or self.frozen
            case "result":
                return not self.feed.live
            case "resume":
                return self.feed.state.status in RESUMABLE and not self.feed.live and not self.feed.gone
        return True

    def _focused_pane(self) -> Pane | None:
        node = self.focused
        return next((a for a in node.ancestors_with_self if isinstance(a, Pane)), None) if node else None

    def action_pane(self, number: int) -> None:
        full = number if self._panes.full is not None else None
        self._panes.choose(number, full)
        self.call_after_refresh(self._focus_pane, number)

    def _focus_pane(self, number: int) -> None:
        self._panes.pane(number).body().focus()
        self._paint_all()

    def action_full(self) -> None:
        pane = self._focused_pane()
        number = pane.number if pane else LOSS
        self._panes.choose(number, None if self._panes.full is not None else number)
        self.call_after_refresh(self._focus_pane, number)

    def action_freeze(self) -> None:
        self.frozen = not self.frozen
        self._paint_all()
        self.refresh_bindings()

    def action_smooth(self) -> None:
        following = (SMOOTHINGS.index(self.feed.view.smoothing) + 1) % len(SMOOTHINGS)
        for view in (self.feed.view, *(other for _, other in self.overlays)):
            view.smooth(SMOOTHINGS[following])
        self._paint_all()

    def action_search(self) -> None:
        self.action_pane(LOG)
        from ftui.tui.widgets.log_pane import LogPane

        self.call_after_refresh(self.query_one(LogPane).action_search)

    def action_back(self) -> None:
        if self._panes.full is not None:
            self.action_full()
        else:
            self.action_leave()

    @work
    async def action_leave(self) -> None:
        if not self.feed.live:
            self.leave_as("done")
            return
        answer = await self.app.push_screen_wait(leave_dialog(self.feed.run.name))
        if answer == "stop":
            self._ask("stop")
            self.leave_as("stopped")
        elif answer == "detach":
            self.leave_as("detached")

    def leave_as(self, how: str) -> None:
        """Leave the dashboard: to the screen below, or the program."""
        if self.is_current:
            self.ftui.left_run(self.feed.run.name, how, live=self.feed.live)

    @work
    async def action_stop(self) -> None:
        if await self.app.push_screen_wait(stop_dialog()) == "stop":
            self._ask("stop")

    def action_result(self) -> None:
        from ftui.tui.screens.result import RunResultScreen

        self.app.push_screen(RunResultScreen(self.feed.run))

    def action_pause(self) -> None:
        self._ask("pause")

    @work(exclusive=True, group="resume")
    async def action_resume(self) -> None:
        self.say("Resuming: checking the run's inputs ...")
        try:
            await ask("runs", "resume", str(self.feed.run.path))
        except FtuiError as error:
            self.say(f"{error} {error.hint}".strip(), severity="error")
            return
        self.feed.look(force=True)
        self.refresh_bindings()
        self._paint_all()

    def _ask(self, what: str) -> None:
        try:
            request(self.feed.run, what)
            self.say("Asked for; the trainer saves a checkpoint and ends.")
        except FtuiError as error:
            self.say(str(error), severity="error")

    def action_copy(self) -> None:
        from ftui.tui.screens.train_export import pane_text

        pane = self._focused_pane() or self._panes.pane(LOSS)
        self.copy_out(pane_text(pane), self.feed.run.name, f"{TITLES[pane.number - 1].lower()}.txt")

    @work
    async def action_export(self) -> None:
        from ftui.tui.screens.train_export import export_in_words

        words, severity = export_in_words(self._focused_pane() or self._panes.pane(LOSS), self.feed.run.name)
        self.say(words, severity=severity)

    @work
    async def action_overlay(self) -> None:
        from ftui.tui.screens.pick_run import PickRunDialog

        taken = {self.feed.run.name, *(name for name, _ in self.overlays)}
        path = await self.app.push_screen_wait(PickRunDialog(taken))
        if path is None:
            return
        view = await whole_view(Run(path))
        view.smooth(self.feed.view.smoothing)
        self.overlays.append((path.name, view))
        self._paint_all()
