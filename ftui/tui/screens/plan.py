"""The plan stage: every value with its reason, each of them to be changed in place, then the start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textual import events, work
from textual.binding import Binding
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.core.plan import Plan, field_names, from_mapping
from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.tui import plan_files, plan_words
from ftui.tui.ask import ask
from ftui.tui.plan_draft import PlanDraft
from ftui.tui.screens.base import Plain
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.field import Field
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import as_content

ASKS = "Every value has its reason. Enter changes one, e opens your editor, s starts."


class Values(OptionList):
    """The plan's values, one a row."""

    BINDINGS = [Binding("enter", "select", "Change", key_display="enter", id="plan.change")]


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
        Binding("a", "all", "All fields", id="plan.all", tooltip="Also those that nobody thought about"),
        Binding("w", "write", "Write a file", show=False, id="plan.write", tooltip="plan.yaml in this folder"),
        Binding("r", "propose", "Propose anew", show=False, id="plan.propose", tooltip="Keeps what you changed"),
    ]

    def __init__(self, field: str = "") -> None:
        super().__init__(field)
        self._entries: list[plan_words.Entry] = []
        self._all = False
        self._starting = False

    def compose_stage(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield Values(id="fields", markup=False, compact=True)
        yield Vertical(id="editor")
        yield Plain("", id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(ASKS)
        self.query_one("#fields").focus()
        self._draft = PlanDraft(self.state)
        if self._draft.stale:
            self.action_propose()
        else:
            self._show()
            self._judge()

    @property
    def _plan(self) -> Plan | None:
        return self._draft.plan

    # -- the proposal

    @property
    def _technique(self) -> str:
        """What the questionnaire advised, or empty."""
        return str(self.state.verdict.get("technique") or "")

    def action_propose(self) -> None:
        self._say_status("Choosing values for this model, these rows and this machine ...", "accent")
        self._propose()

    @work(exclusive=True, group="propose")
    async def _propose(self) -> None:
        task = plan_words.advised_task(self._technique, self.state.data_format)
        try:
            answer = await ask(
                "plan", "new", "--model", self.state.model_id, "--data", self.state.data_file,
                *(["--set", f"method.task={task}"] if task else []),
            )  # fmt: skip
            self._draft.propose(from_mapping(answer))
        except FtuiError as error:
            self._say_error(error)
            return
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
        every = plan_words.entries(plan, proposed, self._draft.changed)
        self._entries = [entry for entry in every if self._all or entry.decided]
        choices = self.query_one("#fields", OptionList)
        here = choices.highlighted
        if here is None:
            places = [i for i, entry in enumerate(self._entries) if _id_of(entry) == self._field]
            here = places[0] if places else 0
        width = max(40, choices.size.width - 3)
        choices.clear_options()
        choices.add_options(
            Option(as_content([plan_words.entry_row(entry, width, self.ftui.glyphs)]), id=_id_of(entry))
            for entry in self._entries
        )
        choices.highlighted = min(here, len(self._entries) - 1) if self._entries else None
        self._say_headline()

    def _say_headline(self) -> None:
        mine = len(self._draft.changed)
        hidden = len(field_names()) - 1 - len(self._entries)
        said = f"{len(self._entries)} values" + (f", {mine} of them yours" if mine else "")
        more = f"; a shows {hidden} more, all at their defaults" if hidden and not self._all else ""
        rows: list[Row] = [((said + more, "dim"),)]
        if self._fit_row:
            rows.insert(0, self._fit_row)
        if self._plan and (words := plan_words.rows_against_advice(self._technique, self._plan.method.task)):
            rows.append(((f"{self.ftui.glyphs.warning} {words}", "warn"),))
        self.query_one("#headline", Lines).set_rows(rows)

    def _say_status(self, words: str, look: str) -> None:
        self.query_one("#headline", Lines).set_rows([((safe(words), look),)])

    def _say_error(self, error: FtuiError) -> None:
        rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)]
        if error.hint:
            rows.append(((safe(error.hint), "dim"),))
        self.query_one("#headline", Lines).set_rows(rows)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if entry := self._highlighted():
            self._field = _id_of(entry)
            self.keep_soon()
            self.query_one("#about", Plain).update(plan_words.about(entry))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The place to come back to is the value, not the list that holds them all."""

    def _highlighted(self) -> plan_words.Entry | None:
        index = self.query_one("#fields", OptionList).highlighted
        return self._entries[index] if index is not None and index < len(self._entries) else None

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # -- changing

    @property
    def editing(self) -> bool:
        """Whether a value is being typed."""
        return bool(self.query("#value"))

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        entry, plan = self._highlighted(), self._plan
        if entry is None or plan is None:
            return
        holder = self.query_one("#editor")
        await holder.remove_children()
        name = entry.name
        written = plan_words.written(entry.value)
        field = Field(name, written, check=lambda text: plan_words.problem_with(plan, name, text), id="value")
        await holder.mount(field)
        field.query_one("Input").focus()
        self.refresh_bindings()

    async def on_field_confirmed(self, event: Field.Confirmed) -> None:
        entry = self._highlighted()
        if entry is None or self._plan is None:
            return
        self._draft.change(entry.name, event.value)
        self._changed()
        await self._close_editor()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a value is being typed, it has to be taken or left first: a run must not start without it."""
        return not (action in ("start", "next", "go") and self.editing)

    async def _close_editor(self) -> None:
        await self.query_one("#editor").remove_children()
        self.query_one("#fields").focus()
        self.refresh_bindings()

    def action_reset(self) -> None:
        entry = self._highlighted()
        if entry is not None and entry.yours:
            self._draft.reset(entry.name)
            self._changed()

    def action_all(self) -> None:
        self._all = not self._all
        self._show()

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
        if request is not None:
            self._take_recipe(plan_words.of_recipe(plan, request))

    def _take_recipe(self, values: dict[str, Any]) -> None:
        """Make the values of the fit screen yours."""
        if self._plan is None or not values:
            return
        try:
            self._draft.take(values)
        except FtuiError as error:
            self.say(f"Nothing was changed. {error}", severity="error")
            return
        self._changed()

    # -- the whole plan as text

    def action_editor(self) -> None:
        if self._plan is None:
            return
        try:
            edited = plan_files.edited(self._plan, self.app.suspend)
        except FtuiError as error:
            self.say(f"Nothing was changed. {error}", severity="error")
            return
        self._draft.replace(edited)
        self._changed()

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
        if self._plan is None:
            self.say("There is no plan yet: its values are still being chosen.")
            return
        if self._starting:
            return
        self._starting = True
        self._say_status("Starting: checking inputs, finding the model ...", "accent")
        self._start(self._plan)

    @work(exclusive=True, group="start")
    async def _start(self, plan: Plan) -> None:
        from ftui.services.plans import save_plan
        from ftui.services.scratch import scratch_file

        try:
            with scratch_file("plan.yaml", "") as path:
                save_plan(plan, path)
                kept = plan_files.answers_beside(path, self.state.answers)
                answer = await ask("train", str(path), *kept)
            self.state.run_path = str(answer["path"])
        except (FtuiError, OSError, KeyError, TypeError) as error:
            self._say_error(error if isinstance(error, FtuiError) else FtuiError("The run did not start", str(error)))
            return
        finally:
            self._starting = False
        self.keep()
        self.ftui.wizard.started()


def _id_of(entry: plan_words.Entry) -> str:
    return entry.name.replace(".", "-")
