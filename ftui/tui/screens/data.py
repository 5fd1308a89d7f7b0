"""The data stage: choose a file, see what is wrong with it, mend it, see how long its rows are and what is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from textual import work
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input, OptionList

from ftui.core.text import clip, safe
from ftui.errors import FtuiError
from ftui.services.data_files import candidates, glance, short, stamp
from ftui.services.drafts import remember_file
from ftui.tui import data_words
from ftui.tui.ask import ask, listen
from ftui.tui.data_words import FIX, KEEP, Group
from ftui.tui.screens import data_fix
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.check_report import CheckReport
from ftui.tui.widgets.file_picker import FilePicker, Offer
from ftui.tui.widgets.lines import Lines, Row

ASKS = "Which rows shall the model learn from? JSONL, JSON, CSV or Parquet."
_ON_GROUPS = ("choose_fix", "choose_keep", "apply", "review", "full", "borders")
"""Actions whose keys are letters: they work where no text is being typed."""


class DataScreen(StageScreen):
    """Choosing, checking, findings, fixes. The file itself stays as it is: what is mended goes into a new one."""

    STAGE = "data"
    HELP_TITLE = "Data"
    BINDINGS = [
        Binding("y", "choose_fix", "Fix", id="data.fix", tooltip="Mend what this rule found"),
        Binding("n", "choose_keep", "Leave", id="data.keep", tooltip="Accept what this rule found"),
        Binding("r", "review", "Review", id="data.review", tooltip="Walk the rows: keep, drop or edit each"),
        Binding("a", "apply", "Apply", id="data.apply", tooltip="Write the chosen fixes into a new file"),
        Binding("ctrl+f", "choose", "Other file", key_display="^f", id="data.choose"),
        Binding("f", "full", "Details in full", show=False, id="data.full"),
        Binding("u", "undo", "Back to the file as it was", show=False, id="data.undo"),
        Binding("t", "borders", "Token borders", show=False, id="data.borders"),
        Binding("ctrl+r", "check", "Check again", show=False, key_display="^r", id="data.check"),
    ]

    def __init__(self, field: str = "") -> None:
        super().__init__(field)
        self._report: Mapping[str, Any] = {}
        self._checking = False
        self._go_on = False
        """Whether the next stage opens once the file that is being checked turns out well."""

    def compose_stage(self) -> Iterator[Widget]:
        yield FilePicker(_offers, glance, value=self.state.data_file, shown=short(self.state.data_file), id="picker")
        yield Lines(id="headline")
        yield CheckReport(self.ftui.glyphs, self.choice, self.state.length_limit, id="report")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(ASKS)
        self._show_report(False)
        if self.state.data_file:
            self._start_check()
        if not self._field:
            self.query_one("#path").focus()

    @property
    def _shown(self) -> CheckReport:
        return self.query_one(CheckReport)

    def missing(self) -> str:
        if not self.state.data_file:
            return "Choose a data file first."
        if self._report and not self._report.get("rows"):
            return "This file has no readable row: choose another one (^f), or mend it and check again (^r)."
        return ""

    # -- choosing and checking

    def on_file_picker_picked(self, event: FilePicker.Picked) -> None:
        self._take(str(Path(event.path).expanduser().absolute()), "")
        self.state.data_choices = {}

    def _take(self, path: str, original: str) -> None:
        """Go on with this file."""
        self.state.data_file, self.state.data_original = path, original
        self._start_check()

    def action_choose(self) -> None:
        self.query_one("#path").focus()

    def action_check(self) -> None:
        if self.state.data_file:
            self._start_check()

    def action_undo(self) -> None:
        if self.state.data_original:
            self._take_and_show(self.state.data_original, "")

    def _take_and_show(self, path: str, original: str) -> None:
        self.query_one(FilePicker).take(path, short(path))
        self._take(path, original)

    def _start_check(self) -> None:
        self._report, self._checking = {}, True
        self._shown.clear()
        self._say_headline(data_words.progress_row(Path(self.state.data_file).name, {}))
        self.keep_soon()
        self._check(self.state.data_file)
        self._look_at_tokens(self.state.data_file)

    @work(exclusive=True, group="lint")
    async def _check(self, path: str) -> None:
        options = [
            "--max-length",
            str(self.state.length_limit()),
            *(["--task", task] if (task := self._tuning_task()) else []),
        ]
        if self.state.model_path:
            options += ["--model", self.state.model_path]
        report: Any = None
        began, before = self.ftui.monotonic(), stamp(path)
        try:
            async with aclosing(listen(path, *options, module="ftui.services.data_check")) as said:
                async for record in said:
                    report = record.get("report", report)
                    if isinstance(progress := record.get("progress"), Mapping):
                        seconds = self.ftui.monotonic() - began
                        self._say_headline(data_words.progress_row(Path(path).name, progress, seconds))
        except FtuiError as error:
            self._failed(error)
            return
        self._checked(path, report if isinstance(report, Mapping) else {}, changed=stamp(path) != before)

    def _checked(self, path: str, report: Mapping[str, Any], *, changed: bool) -> None:
        """Take what the check said, show it, and go on where that was asked for.

        changed: whether the file became another one meanwhile.
        """
        self._report, self._checking = report, False
        groups = data_words.groups_of(report)
        rows = report.get("rows")
        self.state.data_format = str(report.get("format") or "")
        self.state.data_rows = rows if isinstance(rows, int) else 0
        self.state.data_findings = data_words.counts_of(groups)
        remember_file(Path(path), data_words.counts_in_words(self.state.data_findings) or "nothing to object to")
        self._show_report(True)
        self._shown.show(groups, self.state.data_rows)
        self.say_found(changed=changed)
        if not self._types_another():
            self._shown.focus_list()
        self.keep_soon()
        going_on, self._go_on = self._go_on, False
        if going_on and not changed:
            self.action_next()

    def _types_another(self) -> bool:
        """Whether another file is being looked for: its letters must not become keys of the list that just came."""
        return isinstance(self.focused, Input) and not self.query_one(FilePicker).is_settled

    @work(exclusive=True, group="preview")
    async def _look_at_tokens(self, path: str) -> None:
        model = ["--model", self.state.model_path] if self.state.model_path else []
        limit = ["--max-length", str(self.state.length_limit())]
        try:
            self._shown.show_preview(await ask(path, *model, *limit, module="ftui.services.preview"))
        except FtuiError as error:
            self._shown.show_preview({}, f"{error} {error.hint}".strip())

    def _tuning_task(self) -> str:
        technique = str(self.state.verdict.get("technique") or "")
        return {"dpo": "dpo", "kto": "kto", "reward_rlhf": "reward", "sft": "sft"}.get(technique, "")

    def _failed(self, error: FtuiError) -> None:
        self._show_report(False)
        self._checking = self._go_on = False
        rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)]
        if error.hint:
            rows.append(((safe(error.hint), "dim"),))
        self._say_headline(*rows)

    # -- showing

    def _show_report(self, shown: bool) -> None:
        """Without a report, the list of files has the room."""
        self._shown.display = shown
        self.set_class(not shown, "-choosing")

    def say_working(self, words: str) -> None:
        """Say in the place of what was found what takes its time now."""
        self._say_headline(((words, "accent"),))

    def _say_headline(self, *rows: Row) -> None:
        self.query_one("#headline", Lines).set_rows(rows)

    def say_found(self, *, changed: bool = False) -> None:
        """Say what the check found. changed: whether the file became another one meanwhile."""
        rows = [data_words.headline(self._report, self._shown.groups)]
        if changed:
            rows.append(
                ((f"{self.ftui.glyphs.warning} it was written to while it was read; ^r checks it again", "warn"),)
            )
        if (cost := data_words.cost_row(self._report)) is not None:
            rows.append(cost)
        if self.state.data_original:
            name = clip(Path(self.state.data_original).name, 40)
            rows.append(((f"made from {name}, which is as it was; u goes back to it", "dim"),))
        self._say_headline(*rows)

    def choice(self, group: Group) -> str:
        """FIX or KEEP, as the user said or as it is proposed; "" where nothing was said and nothing can be done."""
        return self.state.data_choices.get(group.code, group.proposed)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._shown.redraw_detail()
        self.refresh_bindings()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_next()

    def action_borders(self) -> None:
        self._shown.toggle_borders()

    def action_full(self) -> None:
        self._shown.toggle_full()

    # -- mending

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in _ON_GROUPS:
            return action != "undo" or bool(self.state.data_original)
        if not self._report or isinstance(self.focused, Input):
            return False
        group = self._shown.group
        if action == "choose_fix":
            return True if group is not None and group.fixable else None
        if action == "choose_keep":
            return True if group is not None else None
        return True if action != "apply" or self._chosen() else None

    def _chosen(self) -> list[Group]:
        return [group for group in self._shown.groups if group.fixable and self.choice(group) == FIX]

    def action_choose_fix(self) -> None:
        self._choose(FIX)

    def action_choose_keep(self) -> None:
        self._choose(KEEP)

    def _choose(self, choice: str) -> None:
        group = self._shown.group
        if group is None:
            return
        self.state.data_choices[group.code] = choice
        self.keep_soon()
        self._shown.go_down()
        self._shown.redraw()
        self._shown.redraw_detail()
        self.refresh_bindings()

    @work(exclusive=True, group="next")
    async def action_apply(self) -> None:
        await data_fix.apply(self, self._chosen())

    @work(exclusive=True, group="next")
    async def action_next(self) -> None:  # type: ignore[override]
        if problem := self.missing():
            self.say(problem, severity="warning")
        elif self._checking and not self._go_on:
            self._go_on = True
            self.say("The file is still being checked; the next stage opens then. ^n again goes on at once.")
        elif await data_fix.settled(self, self._chosen(), self._shown.groups):
            self.keep()
            self.ftui.wizard.next_after(self.STAGE)

    def fixed(self, path: Path, *, go_on: bool) -> None:
        """A new file was made of the present one: go on with it."""
        self._go_on = go_on
        self._take_and_show(str(path), self.state.data_original or self.state.data_file)

    @property
    def report(self) -> Mapping[str, Any]:
        """What the check said; empty before it has."""
        return self._report

    def action_review(self) -> None:
        from ftui.tui.screens.review import ReviewScreen

        group = self._shown.group
        rows, about = (group.rows, group.code) if group and group.rows else ((), "")
        notes = data_words.notes_by_row(self._shown.groups)
        self.app.push_screen(ReviewScreen(Path(self.state.data_file), rows, about, notes), self._reviewed)

    def _reviewed(self, made: Path | None) -> None:
        if made is not None:
            self.fixed(made, go_on=False)


def _offers(typed: str) -> list[Offer]:
    return [Offer(found.path, found.kind, found.size_bytes, short(found.path)) for found in candidates(typed)]
