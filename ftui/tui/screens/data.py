"""The data stage: choose a file, see what is wrong with it, mend it, see how long its rows are and what is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from textual import work
from textual.binding import Binding
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from ftui.core.text import clip, safe
from ftui.errors import FtuiError
from ftui.services.data_files import candidates, glance, short
from ftui.services.drafts import remember_file
from ftui.tui import data_words, token_words
from ftui.tui.ask import ask, listen
from ftui.tui.data_words import FIX, KEEP, Group
from ftui.tui.screens import data_fix
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.file_picker import FilePicker, Offer
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane, as_content

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
        self._preview: Mapping[str, Any] = {}
        self._preview_error = ""
        self._groups: list[Group] = []
        self._borders = True
        self._go_on = False
        """Whether the next stage opens once the file that is being checked turns out well."""

    def compose_stage(self) -> Iterator[Widget]:
        yield FilePicker(_offers, glance, value=self.state.data_file, shown=short(self.state.data_file), id="picker")
        yield Lines(id="headline")
        with Container(id="report"):
            yield OptionList(id="findings", markup=False, compact=True)
            yield TextPane(empty="", id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(ASKS)
        self._show_report(False)
        if self.state.data_file:
            self._start_check()
        if not self._field:
            self.query_one("#path").focus()

    def missing(self) -> str:
        if not self.state.data_file:
            return "Choose a data file first."
        if self._report and not self._report.get("rows"):
            return "This file has no readable row: choose another one, or mend it."
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
        self._report, self._preview, self._preview_error, self._groups = {}, {}, "", []
        self.query_one("#findings", OptionList).clear_options()
        self.query_one("#detail", TextPane).show([])
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
        try:
            async with aclosing(listen(path, *options, module="ftui.services.data_check")) as said:
                async for record in said:
                    report = record.get("report", report)
                    if isinstance(progress := record.get("progress"), Mapping):
                        self._say_headline(data_words.progress_row(Path(path).name, progress))
        except FtuiError as error:
            self._failed(error)
            return
        self._report = report if isinstance(report, Mapping) else {}
        self._groups = data_words.groups_of(self._report)
        self.state.data_format = str(self._report.get("format") or "")
        rows = self._report.get("rows")
        self.state.data_rows = rows if isinstance(rows, int) else 0
        self.state.data_findings = data_words.counts_of(self._groups)
        remember_file(Path(path), data_words.counts_in_words(self.state.data_findings) or "nothing to object to")
        self._show()
        self.query_one("#findings").focus()
        self.keep_soon()
        if self._go_on:
            self._go_on = False
            self.action_next()

    @work(exclusive=True, group="preview")
    async def _look_at_tokens(self, path: str) -> None:
        model = ["--model", self.state.model_path] if self.state.model_path else []
        limit = ["--max-length", str(self.state.length_limit())]
        try:
            self._preview = await ask(path, *model, *limit, module="ftui.services.preview")
        except FtuiError as error:
            self._preview_error = f"{error} {error.hint}".strip()
        self._show_detail()

    def _tuning_task(self) -> str:
        technique = str(self.state.verdict.get("technique") or "")
        return {"dpo": "dpo", "kto": "kto", "reward_rlhf": "reward", "sft": "sft"}.get(technique, "")

    def _failed(self, error: FtuiError) -> None:
        self._show_report(False)
        self._go_on = False
        rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)]
        if error.hint:
            rows.append(((safe(error.hint), "dim"),))
        self._say_headline(*rows)

    # -- showing

    def _show_report(self, shown: bool) -> None:
        """Without a report, the list of files has the room."""
        self.query_one("#report").display = shown
        self.set_class(not shown, "-choosing")

    def _say_headline(self, *rows: Row) -> None:
        self.query_one("#headline", Lines).set_rows(rows)

    def _show(self) -> None:
        rows = [data_words.headline(self._report, self._groups)]
        if (cost := data_words.cost_row(self._report)) is not None:
            rows.append(cost)
        if self.state.data_original:
            name = clip(Path(self.state.data_original).name, 40)
            rows.append(((f"made from {name}, which is as it was; u goes back to it", "dim"),))
        self._say_headline(*rows)
        self._show_report(True)
        self.call_after_refresh(self._list_groups)

    def on_resize(self) -> None:
        if self._report:
            self.call_after_refresh(self._list_groups)

    def choice(self, group: Group) -> str:
        """FIX or KEEP, as the user said or as it is proposed; "" where nothing was said and nothing can be done."""
        return self.state.data_choices.get(group.code, group.proposed)

    def _list_groups(self) -> None:
        choices = self.query_one("#findings", OptionList)
        here = choices.highlighted
        width = max(30, choices.content_size.width - 2)
        choices.clear_options()
        choices.add_option(Option("  How long the rows are", id="lengths"))
        choices.add_option(Option("  What is trained, token by token", id="tokens"))
        for index, group in enumerate(self._groups):
            line = data_words.group_line(group, self.choice(group), self.ftui.glyphs, width)
            choices.add_option(Option(as_content([line]), id=f"group-{index}"))
        last = choices.option_count - 1
        choices.highlighted = min(here, last) if here is not None else 2 if self._groups else 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show_detail()
        self.refresh_bindings()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_next()

    def _highlighted(self) -> str:
        """The id of what the list's cursor is on; "" before anything is listed."""
        choices = self.query_one("#findings", OptionList)
        if choices.highlighted is None or not self._report:
            return ""
        return choices.get_option_at_index(choices.highlighted).id or ""

    def _group(self) -> Group | None:
        chosen = self._highlighted()
        return self._groups[int(chosen.removeprefix("group-"))] if chosen.startswith("group-") else None

    def _show_detail(self, *, home: bool = True) -> None:
        chosen, detail = self._highlighted(), self.query_one("#detail", TextPane)
        if not chosen:
            return
        if group := self._group():
            rows = data_words.group_detail(group, self.choice(group))
        else:
            rows = self._token_rows(chosen, max(30, detail.size.width - 4))
        detail.show(rows)
        if home:
            detail.scroll_home(animate=False)

    def _token_rows(self, what: str, width: int) -> list[Row]:
        if self._preview_error:
            return [((safe(self._preview_error), "warn"),)]
        if not self._preview:
            return [(("Counting tokens ...", "dim"),)]
        return token_words.preview_rows(
            self._preview, what, self.state.length_limit(), width, self.ftui.glyphs, borders=self._borders
        )

    def action_borders(self) -> None:
        self._borders = not self._borders
        self._show_detail(home=False)

    def action_full(self) -> None:
        report = self.query_one("#report")
        report.toggle_class("-full")
        self.query_one("#detail" if report.has_class("-full") else "#findings").focus()

    # -- mending

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in _ON_GROUPS:
            return action != "undo" or bool(self.state.data_original)
        if not self._report or isinstance(self.focused, Input):
            return False
        group = self._group()
        if action == "choose_fix":
            return True if group is not None and group.fixable else None
        if action == "choose_keep":
            return True if group is not None else None
        return True if action != "apply" or self._chosen() else None

    def _chosen(self) -> list[Group]:
        return [group for group in self._groups if group.fixable and self.choice(group) == FIX]

    def action_choose_fix(self) -> None:
        self._choose(FIX)

    def action_choose_keep(self) -> None:
        self._choose(KEEP)

    def _choose(self, choice: str) -> None:
        group, choices = self._group(), self.query_one("#findings", OptionList)
        if group is None or choices.highlighted is None:
            return
        self.state.data_choices[group.code] = choice
        self.keep_soon()
        choices.highlighted = min(choices.highlighted + 1, choices.option_count - 1)
        self._list_groups()
        self._show_detail()
        self.refresh_bindings()

    @work(exclusive=True, group="next")
    async def action_apply(self) -> None:
        await data_fix.apply(self, self._chosen())

    @work(exclusive=True, group="next")
    async def action_next(self) -> None:  # type: ignore[override]
        if problem := self.missing():
            self.say(problem, severity="warning")
        elif await data_fix.settled(self, self._chosen(), self._groups):
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

        group = self._group()
        rows, about = (group.rows, group.code) if group and group.rows else ((), "")
        notes = data_words.notes_by_row(self._groups)
        self.app.push_screen(ReviewScreen(Path(self.state.data_file), rows, about, notes), self._reviewed)

    def _reviewed(self, made: Path | None) -> None:
        if made is not None:
            self.fixed(made, go_on=False)


def _offers(typed: str) -> list[Offer]:
    return [Offer(found.path, found.kind, found.size_bytes, short(found.path)) for found in candidates(typed)]
