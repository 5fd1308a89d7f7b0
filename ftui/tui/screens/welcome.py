"""The first screen: begin, go on with a draft, look at a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.core.text import duration
from ftui.tui.screens.base import FtuiScreen, Plain
from ftui.tui.screens.run_actions import LISTED_RUN_KEYS, LISTED_RUN_WORDS, RUN_ACTIONS, RunActions
from ftui.tui.state import STAGE_TITLES

if TYPE_CHECKING:
    from ftui.services.runs import Run

REFRESH_SECONDS = 3.0
EMPTY = "No runs yet. Press n to begin with your own question, or d to see a whole run on data that ships with ftui."


class Places(OptionList):
    """Where one can go from the first screen."""

    BINDINGS = [Binding("enter", "select", "Open", key_display="enter", id="welcome.open")]


class WelcomeScreen(RunActions, FtuiScreen[None]):
    """What there is, and what one can begin."""

    HELP_TITLE = "Welcome"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="welcome.help"),
        Binding("n", "new", "New", id="welcome.new", tooltip="From the first question to a running plan"),
        Binding("g", "draft", "Go on", id="welcome.draft", tooltip="With the draft that was left"),
        Binding("d", "demo", "Demo", id="welcome.demo", tooltip="The whole path on shipped data, no questions"),
        Binding("q", "quit", "Quit", id="welcome.quit"),
        *LISTED_RUN_KEYS,
    ]

    @dataclass
    class RunsListed(Message):
        """The list of runs was read: (run, status, step, steps_total, verdict, path) each."""

        runs: list[tuple[Path, Content]]
        draft: str

    def compose_body(self) -> Iterator[Widget]:
        yield Plain(
            Content.assemble(("ftui", "bold $text-primary"), "  from the question to the proof"),
            id="headline",
        )
        yield Places(id="choices", markup=False, compact=True)
        yield Plain("", id="note")

    def on_mount(self) -> None:
        self._runs: list[tuple[Path, Content]] = []
        self._draft = ""
        self._show()
        self.query_one(OptionList).focus()
        self.call_after_refresh(self._list_runs)
        self.set_interval(REFRESH_SECONDS, self._list_runs)

    def on_screen_resume(self) -> None:
        self._list_runs()

    @work(thread=True, exclusive=True, group="runs")
    def _list_runs(self) -> None:
        from ftui.errors import FtuiError
        from ftui.services.adoption import adopt_orphans
        from ftui.services.drafts import load_draft
        from ftui.services.run_list import list_runs
        from ftui.tui.screens.pick_run import run_line

        draft = load_draft()
        words = ""
        if draft is not None:
            age = (self.ftui.clock() - draft.saved).total_seconds()
            words = f"{STAGE_TITLES.get(draft.stage, draft.stage)}, saved {duration(max(0.0, age))} ago"
        runs = [(Path(run.path), run_line(run, 76)) for run in list_runs()]
        self.post_message(self.RunsListed(runs, words))
        with contextlib.suppress(FtuiError):
            adopt_orphans()  # a run whose supervisor was killed gets a new one while this screen is open

    def on_welcome_screen_runs_listed(self, event: RunsListed) -> None:
        if event.runs != self._runs or bool(event.draft) != bool(self._draft):
            self._runs, self._draft = event.runs, event.draft
            self._show()

    def _show(self) -> None:
        choices = self.query_one(OptionList)
        kept = choices.highlighted
        options = [
            Option(_choice("n", "Begin: is fine-tuning what I need, and how?"), id="new"),
            Option(_choice("d", "Demo: the whole path on shipped data, about a minute"), id="demo"),
        ]
        if self._draft:
            options.insert(0, Option(_choice("g", f"Go on where you were: {self._draft}"), id="draft"))
        choices.clear_options()
        choices.add_options(options)
        if self._runs:
            choices.add_option(None)
            choices.add_options(Option(line, id=f"run-{index}") for index, (_, line) in enumerate(self._runs))
        choices.highlighted = min(kept or 0, choices.option_count - 1)
        self._note()
        self.refresh_bindings()

    def _note(self) -> None:
        chosen = LISTED_RUN_WORDS if self.chosen_run() else ""
        self.query_one("#note", Plain).update(chosen if self._runs else EMPTY)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._note()
        self.refresh_bindings()

    def chosen_run(self) -> Run | None:
        choices = self.query_one(OptionList)
        chosen = ""
        if choices.highlighted is not None:
            chosen = choices.get_option_at_index(choices.highlighted).id or ""
        if not chosen.startswith("run-"):
            return None
        from ftui.services.runs import Run  # not before the first picture

        return Run(self._runs[int(chosen.removeprefix("run-"))][0])

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in RUN_ACTIONS:
            return True if self.is_mounted and self.chosen_run() else None
        return action != "draft" or bool(getattr(self, "_draft", ""))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        chosen = event.option_id or ""
        if chosen.startswith("run-"):
            self.ftui.open_run(self._runs[int(chosen.removeprefix("run-"))][0])
        elif chosen in ("new", "draft", "demo"):
            getattr(self, f"action_{chosen}")()

    @work
    async def action_new(self) -> None:
        answer = "new"
        if self._draft:
            from ftui.tui.screens.confirm import begin_dialog

            answer = await self.app.push_screen_wait(begin_dialog(self._draft))
        if answer == "new":
            self.ftui.begin()
        elif answer == "draft":
            self.action_draft()

    def action_draft(self) -> None:
        self.ftui.go_on()

    def action_demo(self) -> None:
        self.ftui.open_demo()

    def action_quit(self) -> None:
        self.app.exit(0)


def _choice(key: str, words: str) -> Content:
    return Content.assemble((f"{key} ", "bold $text-accent"), words)
