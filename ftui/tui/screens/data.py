"""The data stage: choose a file, see what is wrong with it, how long its rows are, and what would be trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textual import work
from textual.binding import Binding
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.core.text import clip, safe
from ftui.errors import FtuiError
from ftui.services.data_files import candidates, glance
from ftui.services.drafts import remember_file
from ftui.tui import data_words
from ftui.tui.ask import ask
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.file_picker import FilePicker, Offer
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane, as_content

DEFAULT_MAX_LENGTH = 1024
ASKS = "Which rows shall the model learn from? JSONL, JSON, CSV or Parquet."


class DataScreen(StageScreen):
    """Choosing, checking, findings; the file stays as it is."""

    STAGE = "data"
    HELP_TITLE = "Data"
    BINDINGS = [
        Binding("ctrl+f", "choose", "Other file", key_display="^f", id="data.choose"),
        Binding("ctrl+r", "check", "Check again", show=False, key_display="^r", id="data.check"),
    ]

    def __init__(self, field: str = "") -> None:
        super().__init__(field)
        self._report: Mapping[str, Any] = {}
        self._preview: Mapping[str, Any] = {}
        self._preview_error = ""
        self._groups: list[data_words.Group] = []

    def compose_stage(self) -> Iterator[Widget]:
        yield FilePicker(_offers, glance, value=self.state.data_file, id="picker")
        yield Lines(id="headline")
        with Container(id="report"):
            yield OptionList(id="findings", markup=False, compact=True)
            yield TextPane(empty="", id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.tell(ASKS)
        self.query_one("#report").display = False
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
        self.state.data_file = str(Path(event.path).expanduser().absolute())
        self._start_check()

    def action_choose(self) -> None:
        self.query_one("#path").focus()

    def action_check(self) -> None:
        if self.state.data_file:
            self._start_check()

    def _start_check(self) -> None:
        self._report, self._preview, self._preview_error, self._groups = {}, {}, "", []
        self.query_one("#findings", OptionList).clear_options()
        name = Path(self.state.data_file).name
        self.query_one("#headline", Lines).set_rows([((f"Checking {clip(name, 60)} ...", "accent"),)])
        self.keep_soon()
        self._check(self.state.data_file)
        self._look_at_tokens(self.state.data_file)

    @work(exclusive=True, group="lint")
    async def _check(self, path: str) -> None:
        try:
            answer = await ask("lint", path)
        except FtuiError as error:
            self._failed(error)
            return
        self._report = _only_file(answer)
        self._groups = data_words.groups_of(self._report)
        self.state.data_format = str(self._report.get("format") or "")
        rows = self._report.get("rows")
        self.state.data_rows = rows if isinstance(rows, int) else 0
        self.state.data_findings = data_words.counts_of(self._groups)
        remember_file(Path(path))
        self._show()
        self.query_one("#findings").focus()
        self.keep_soon()

    @work(exclusive=True, group="preview")
    async def _look_at_tokens(self, path: str) -> None:
        model = ["--model", self.state.model_path] if self.state.model_path else []
        limit = ["--max-length", str(self._limit())]
        try:
            self._preview = await ask(path, *model, *limit, module="ftui.services.preview")
        except FtuiError as error:
            self._preview_error = f"{error} {error.hint}".strip()
        self._show_detail()

    def _limit(self) -> int:
        data = self.state.plan.get("data", {})
        limit = data.get("max_length_tokens") if isinstance(data, dict) else None
        return limit if isinstance(limit, int) else DEFAULT_MAX_LENGTH

    def _failed(self, error: FtuiError) -> None:
        self.query_one("#report").display = False
        rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)]
        if error.hint:
            rows.append(((safe(error.hint), "dim"),))
        self.query_one("#headline", Lines).set_rows(rows)

    # -- showing

    def _show(self) -> None:
        self.query_one("#headline", Lines).set_rows([data_words.headline(self._report, self._groups)])
        self.query_one("#report").display = True
        self.call_after_refresh(self._list_groups)

    def on_resize(self) -> None:
        if self._report:
            self.call_after_refresh(self._list_groups)

    def _list_groups(self) -> None:
        choices = self.query_one("#findings", OptionList)
        here = choices.highlighted
        width = max(30, choices.content_size.width - 2)
        choices.clear_options()
        choices.add_option(Option("  How long the rows are", id="lengths"))
        choices.add_option(Option("  What is trained, token by token", id="tokens"))
        for index, group in enumerate(self._groups):
            line = data_words.group_line(group, self.ftui.glyphs, width)
            choices.add_option(Option(as_content([line]), id=f"group-{index}"))
        choices.highlighted = here if here is not None else 2 if self._groups else 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._show_detail()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_next()

    def _show_detail(self) -> None:
        choices, detail = self.query_one("#findings", OptionList), self.query_one("#detail", TextPane)
        if choices.highlighted is None or not self._report:
            return
        chosen = choices.get_option_at_index(choices.highlighted).id or ""
        if chosen.startswith("group-"):
            rows = data_words.group_detail(self._groups[int(chosen.removeprefix("group-"))])
        else:
            rows = self._token_rows(chosen, max(30, detail.size.width - 4))
        detail.show(rows)
        detail.scroll_home(animate=False)

    def _token_rows(self, what: str, width: int) -> list[Row]:
        if self._preview_error:
            return [((safe(self._preview_error), "warn"),)]
        if not self._preview:
            return [(("Counting tokens ...", "dim"),)]
        name = safe(str(self._preview.get("tokenizer", "")))
        stands_in = " (it stands in until a model is chosen)" if self._preview.get("stands_in") else ""
        about: Row = ((f"Counted with the tokenizer of {name}{stands_in}.", "dim"),)
        if what == "lengths":
            lengths = [length for length in self._preview.get("lengths", ()) if isinstance(length, int)]
            refused = [((f"cannot be written: {safe(str(why))}", "warn"),) for why in self._preview.get("refused", ())]
            return [about, *data_words.length_rows(lengths, self._limit(), width, self.ftui.glyphs), *refused]
        marks: Row = (("Green, between ", "dim"), ("⟦ ⟧", "ok"), (": counts for the loss.", "dim"))
        shown = [row for row in self._preview.get("rows", ()) if isinstance(row, Mapping)]
        return [about, marks, *(line for row in shown for line in data_words.trained_rows(row, self.ftui.glyphs))]


def _offers(typed: str) -> list[Offer]:
    return [Offer(candidate.path, candidate.kind, candidate.size_bytes) for candidate in candidates(typed)]


def _only_file(answer: Any) -> Mapping[str, Any]:
    """The first file's report in the answer of `ftui lint --json`, whatever it is wrapped in."""
    files = answer.get("files", [answer]) if isinstance(answer, Mapping) else answer
    first = files[0] if isinstance(files, list) and files else {}
    return first if isinstance(first, Mapping) else {}
