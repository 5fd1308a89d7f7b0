"""The plan stage: every value with its reason, each of them to be changed in place, then the start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from textual import events, work
from textual.binding import Binding
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import OptionList

from ftui.core.plan import Plan
from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.tui import plan_files, plan_general, plan_words
from ftui.tui.plan_draft import PlanDraft
from ftui.tui.screens import plan_ask
from ftui.tui.screens.base import Plain
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.field import Field
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.value_list import ValueList, option_id

ASKS = "Every value has its reason. Enter changes one, e opens your editor, s starts."


class PlanScreen(StageScreen):
    """Reviewing, changing, starting."""

    STAGE = "plan"
    HELP_TITLE = "Plan"
    BINDINGS = [
        Binding(
            "ctrl+n,s",
            "start",
            "Start",
            key_display="s",
            id="plan.start",
            tooltip="The run goes on without this terminal",
        ),
        Binding("f", "fit", "Will it fit?", id="plan.fit", tooltip="Methods, lengths and batches against the memory"),
        Binding("d", "reset", "Undo mine", id="plan.reset", tooltip="Back to the proposed value"),
        Binding("e", "editor", "Editor", show=False, id="plan.editor", tooltip="The whole plan in $EDITOR"),
        Binding(
            "g", "general", "General rows", id="plan.general", tooltip="Mix in rows of everything, against forgetting"
        ),
        Binding("a", "all", "All fields", id="plan.all", tooltip="Also those that nobody thought about"),
        Binding("w", "write", "Write a file", show=False, id="plan.write", tooltip="plan.yaml in this folder"),
        Binding("r", "propose", "Propose anew", show=False, id="plan.propose", tooltip="Keeps what you changed"),
    ]

    def __init__(self, field: str = "") -> None:
        super().__init__(field)
        self._starting = self._choosing = False

    def compose_stage(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield ValueList(self.ftui.glyphs, id="fields")
        yield Vertical(id="editor")
        yield Plain("", id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(ASKS)
        self.query_one("#fields").focus()
        self._draft = PlanDraft(self.state)
        if self._plan is None:
            self.action_propose()
        else:
            self._show()
            self._judge()

    @property
    def _plan(self) -> Plan | None:
        """The plan for the rows and the model that are chosen now; None as long as there is none."""
        return self._draft.plan

    @property
    def _values(self) -> ValueList:
        return self.query_one(ValueList)

    # -- the proposal

    def action_propose(self) -> None:
        if self._starting:
            return
        self._choosing = True
        self._say_status("Choosing values for this model, these rows and this machine ...", "accent")
        self._propose()

    @work(exclusive=True, group="propose")
    async def _propose(self) -> None:
        try:
            proposed = await plan_ask.proposal(self.state)
        except FtuiError as error:
            self._choosing = False
            self._say_error(error)
            return
        self._choosing = False
        self._draft.propose(proposed)
        self._changed()

    def _changed(self) -> None:
        """The plan is another one: keep it, show it, see whether it fits."""
        self.keep_soon()
        self._show()
        self._judge()

    @work(thread=True, exclusive=True, group="judge")
    def _judge(self) -> None:
        """Say whether the plan fits this machine, as far as that can be known."""
        from ftui.services.prediction import predict

        plan = self._plan
        if plan is None:
            return
        prediction = predict(plan, Path(self.state.model_path or plan.model.id))
        self.app.call_from_thread(self._say_fit, prediction)

    def _say_fit(self, prediction: dict[str, Any]) -> None:
        self._fit_row = plan_words.fit_row(prediction, self.ftui.glyphs)
        self._say_headline()

    _fit_row: Row = ()

    # -- showing

    def _show(self) -> None:
        plan, proposed = self._draft.plan, self._draft.proposed
        if plan is None or proposed is None:
            return
        self._values.show(plan_words.entries(plan, proposed, self._draft.changed), self._field)
        self._say_headline()

    def _say_headline(self) -> None:
        if self._starting:
            return  # what the start is busy with matters more
        listed = len(self._values.entries)
        rows = [plan_words.count_row(listed, len(self._draft.changed), everything=self._values.all)]
        if self._fit_row:
            rows.insert(0, self._fit_row)
        if self._plan and (
            words := plan_words.rows_against_advice(plan_ask.advised(self.state), self._plan.method.task)
        ):
            rows.append(((f"{self.ftui.glyphs.warning} {words}", "warn"),))
        if self._plan and (suggestion := plan_general.suggestion_row(self._plan, self.ftui.glyphs)):
            rows.append(suggestion)
        self.query_one("#headline", Lines).set_rows(rows)

    def _say_status(self, words: str, look: str) -> None:
        self.query_one("#headline", Lines).set_rows([((safe(words), look),)])

    def _say_error(self, error: FtuiError) -> None:
        rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)]
        if error.hint:
            rows.append(((safe(error.hint), "dim"),))
        self.query_one("#headline", Lines).set_rows(rows)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if entry := self._values.entry:
            self._field = option_id(entry.name)
            self.keep_soon()
            self.query_one("#about", Plain).update(plan_words.about(entry))
            self.refresh_bindings()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The place to come back to is the value, not the list that holds them all."""

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # -- changing

    @property
    def editing(self) -> bool:
        """Whether a value is being typed."""
        return bool(self.query("#editor Field"))

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        entry, plan = self._values.entry, self._plan
        if entry is None or plan is None:
            return
        name = entry.name
        written = plan_words.written(entry.value)
        await self._edit(Field(name, written, check=lambda text: plan_words.problem_with(plan, name, text), id="value"))

    async def action_general(self) -> None:
        if self._plan is not None:
            now = self._plan.data.replay or ""
            await self._edit(Field(plan_general.QUESTION, now, check=plan_general.problem_with, id="general"))

    async def _edit(self, field: Field) -> None:
        holder = self.query_one("#editor")
        await holder.remove_children()
        await holder.mount(field)
        field.query_one("Input").focus()
        self.refresh_bindings()

    async def on_field_confirmed(self, event: Field.Confirmed) -> None:
        if event.field.id == "general":
            plan_general.choose(self.state, event.value)
            await self._close_editor()
            self.action_propose()
            return
        entry = self._values.entry
        if entry is None or self._plan is None:
            return
        self._draft.change(entry.name, event.value)
        self._changed()
        await self._close_editor()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a value is being typed, it has to be taken or left first: a run must not start without it."""
        if action == "reset" and self.is_mounted:
            entry = self._values.entry
            return True if entry is not None and entry.yours else None
        return not (action in ("start", "next", "go", "general") and self.editing)

    async def _close_editor(self) -> None:
        await self.query_one("#editor").remove_children()
        self._values.focus()
        self.refresh_bindings()

    def action_reset(self) -> None:
        if (entry := self._values.entry) is not None:
            self._draft.reset(entry.name)
            self._changed()

    def action_all(self) -> None:
        self._values.show_all(not self._values.all)
        self._say_headline()

    async def action_back(self) -> None:  # type: ignore[override]
        if self._starting:
            self.say("The run is being started: a moment.")
        elif self.editing:
            await self._close_editor()
        else:
            super().action_back()

    # -- will it fit

    @work(exclusive=True, group="fit")
    async def action_fit(self) -> None:
        plan = self._plan
        if plan is None:
            return
        try:
            screen = await asyncio.to_thread(plan_files.fit_screen, plan, self.state.model_path or plan.model.id)
        except FtuiError as error:
            self.say(f"{error} {error.hint}".strip(), severity="warning")
            return
        request = await self.app.push_screen_wait(screen)
        if request is not None and (values := plan_words.of_recipe(plan, request)):
            self._change(lambda: self._draft.take(values))

    def _change(self, change: Callable[[], None]) -> None:
        """Change several values at once, or none of them."""
        try:
            change()
        except FtuiError as error:
            self.say(f"Nothing was changed. {error}", severity="error")
            return
        self._changed()

    # -- the whole plan as text

    def action_editor(self) -> None:
        if (plan := self._plan) is not None:
            self._change(lambda: self._draft.replace(plan_files.edited(plan, self.app.suspend)))

    def action_write(self) -> None:
        if self._plan is None:
            return
        try:
            path = plan_files.written(self._plan, Path.cwd())
        except FtuiError as error:
            self.say(str(error), severity="warning")
            return
        self.say(f"Written: {path}. Start it any time with: ftui train plan.yaml")

    # -- starting

    def action_start(self) -> None:
        if self._choosing:
            self.say("The values for these rows and this model are still being chosen: a moment.")
            return
        if self._plan is None:
            self.say("There is no plan for these rows and this model yet. r proposes one anew.")
            return
        if self._starting:
            return
        self._starting = True
        self._say_status("Starting: checking inputs, finding the model ...", "accent")
        self._start(self._plan)

    @work(exclusive=True, group="start")
    async def _start(self, plan: Plan) -> None:
        try:
            self.state.run_path = await plan_ask.started(plan, self.state.answers)
        except FtuiError as error:
            self._say_error(error)
            return
        finally:
            self._starting = False
        self.keep()
        self.ftui.wizard.started()
