"""Exporting: choose what for, watch it being made, read the report of its check."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from textual import work
from textual.binding import Binding
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option
from textual.worker import Worker

from ftui.core.text import clip, safe
from ftui.errors import FtuiError
from ftui.services.runs import Run
from ftui.tui import export_words
from ftui.tui.ask import ask
from ftui.tui.export_words import TARGETS, Target
from ftui.tui.screens.base import FtuiScreen, Plain
from ftui.tui.screens.confirm import Answer, AskDialog
from ftui.tui.widgets.field import Field
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane, as_content


class Targets(OptionList):
    """What a model can be taken out for."""

    BINDINGS = [Binding("enter", "select", "Export", key_display="enter", id="export.choose")]


class ExportScreen(FtuiScreen[None]):
    """One export at a time, in a process of its own."""

    HELP_TITLE = "Export"
    CSS_PATH = "../styles/work.tcss"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="export.help"),
        Binding("enter", "export", "Export", id="export.start"),
        Binding("p", "precision", "Precision", id="export.precision", tooltip="Of the weights that are written"),
        Binding("escape", "stop_or_leave", "Stop, leave", key_display="esc", id="export.leave"),
        Binding("c", "copy", "Copy the report", show=False, id="export.copy"),
        Binding("q", "stop_or_leave", "Leave", show=False, id="export.quit"),
        Binding("ctrl+p", "app.command_palette", "Commands", key_display="^p", id="export.palette"),
    ]

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.exported_run = run
        self._choices = {target.name: 0 for target in TARGETS}
        self._steps: list[str] = []
        self._began = 0.0
        self._worker: Worker[None] | None = None

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield Targets(id="targets", markup=False, compact=True)
        yield Plain("", id="about")
        yield Vertical(id="editor")
        yield TextPane(empty="", id="report")

    def on_mount(self) -> None:
        name = clip(self.exported_run.name, 50)
        self.query_one("#headline", Lines).set_rows([(("Take out the model of ", "text"), (name, "strong"))])
        self._list()
        self.query_one("#targets").focus()
        self.set_interval(0.5, self._show_progress)

    # -- showing

    def _list(self) -> None:
        choices = self.query_one("#targets", OptionList)
        here = choices.highlighted or 0
        choices.clear_options()
        for target in TARGETS:
            state = export_words.state_of(self.exported_run.path, target.name)
            row = export_words.target_row(target, self._choice(target), state, self.ftui.glyphs)
            choices.add_option(Option(as_content([row]), id=target.name))
        choices.highlighted = here

    def _choice(self, target: Target) -> str:
        return target.choices[self._choices[target.name]] if target.choices else ""

    @property
    def target(self) -> Target:
        """What the cursor is on."""
        return TARGETS[self.query_one("#targets", OptionList).highlighted or 0]

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self.query_one("#about", Plain).update(self.target.about)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if isinstance(self.focused, Input):
            return action == "stop_or_leave"
        if action == "precision":
            return True if self.is_mounted and self.target.choices and self._worker is None else None
        return True if action != "export" or self._worker is None else None

    def _show_progress(self) -> None:
        if self._worker is not None:
            seconds = self.ftui.monotonic() - self._began
            self._report(export_words.progress_rows(self._steps, seconds, self.ftui.glyphs))

    def _report(self, rows: list[Row]) -> None:
        self.query_one("#report", TextPane).show(rows)

    def _say_error(self, error: FtuiError) -> None:
        rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)]
        self._report([*rows, ((safe(error.hint), "dim"),)] if error.hint else rows)

    # -- what the keys do

    def action_precision(self) -> None:
        target = self.target
        if target.choices:
            self._choices[target.name] = (self._choices[target.name] + 1) % len(target.choices)
            self._list()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_export()

    @work(exclusive=True, group="ask")
    async def action_export(self) -> None:
        target = self.target
        if self._worker is not None:
            return
        if target.name == "hub":
            await self._ask_for_repository()
            return
        options = ["--to", target.name]
        if target.choices:
            options += [target.flag, self._choice(target)]
        if (self.exported_run.path / "export" / target.name).exists():
            again = AskDialog(
                f"Make {target.name} again?",
                f"{self.exported_run.path / 'export' / target.name} is there already and would be replaced.",
                [Answer("replace", "r", "Replace it"), Answer("cancel", "k", "Keep it")],
                focus=1,
            )
            if await self.app.push_screen_wait(again) != "replace":
                return
            options.append("--overwrite")
        self._start(options)

    def _start(self, options: list[str]) -> None:
        self._steps, self._began = [], self.ftui.monotonic()
        self._worker = self._export(options)
        self._show_progress()
        self.refresh_bindings()

    @work(exclusive=True, group="export")
    async def _export(self, options: list[str]) -> None:
        try:
            answer = await ask("export", str(self.exported_run.path), *options, hear=self._heard)
        except FtuiError as error:
            self._worker = None
            self._say_error(error)
        except asyncio.CancelledError:
            self._worker = None
            if self.is_mounted:
                self._report([(("Stopped. Nothing half-written was left behind.", "warn"),)])
                self._list()
            raise
        else:
            self._worker = None
            self._report(export_words.done_rows(answer if isinstance(answer, dict) else {}, self.ftui.glyphs))
            self._list()
        self.refresh_bindings()

    def _heard(self, line: str) -> None:
        """A line of the command's talk: "… phase: detail"."""
        if line.startswith("… "):
            step = line.removeprefix("… ")
            phase = step.partition(":")[0]
            if self._steps and self._steps[-1].partition(":")[0] == phase:
                self._steps[-1] = step
            else:
                self._steps.append(step)

    @work(exclusive=True, group="leave")
    async def action_stop_or_leave(self) -> None:
        if self.query_one("#editor").children:
            await self._close_editor()
        elif self._worker is None:
            self.leave()
        elif await self.app.push_screen_wait(_stop_dialog()) == "stop":
            with contextlib.suppress(AttributeError):  # it may have ended meanwhile
                self._worker.cancel()

    def action_leave(self) -> None:
        """Quit the program; an export that is running is asked about first."""
        if self._worker is None:
            self.app.exit(0)
        else:
            self.action_stop_or_leave()

    def action_copy(self) -> None:
        self.copy_out(self.query_one("#report", TextPane).plain, self.exported_run.name, "export-report.txt")

    # -- the hub

    async def _ask_for_repository(self) -> None:
        field = Field("Repository on the hub, as OWNER/NAME (Enter shows what would go)", id="repository")
        await self.query_one("#editor").mount(field)
        field.query_one(Input).focus()
        self.refresh_bindings()

    async def on_field_confirmed(self, event: Field.Confirmed) -> None:
        await self._close_editor()
        self._plan_upload(event.value.strip())

    async def _close_editor(self) -> None:
        await self.query_one("#editor").remove_children()
        self.query_one("#targets").focus()
        self.refresh_bindings()

    @work(exclusive=True, group="ask")
    async def _plan_upload(self, repository: str) -> None:
        from ftui.services.hub_upload import planned_upload

        try:
            upload = await asyncio.to_thread(planned_upload, self.exported_run, repository)
        except (FtuiError, OSError) as error:
            self._say_error(error if isinstance(error, FtuiError) else FtuiError("Nothing to upload", str(error)))
            return
        dialog = AskDialog(
            f"Upload to {clip(repository, 50)}?",
            export_words.upload_words(upload),
            [Answer("private", "u", "Upload"), Answer("public", "p", "Upload, public"), Answer("no", "n", "No")],
            focus=2,
        )
        answer = await self.app.push_screen_wait(dialog)
        if answer in ("private", "public"):
            public = ["--public"] if answer == "public" else []
            self._start(["--to", "hub", "--repo", repository, "--yes", *public])


def _stop_dialog() -> AskDialog:
    return AskDialog(
        "Stop the export?",
        "What was written so far is removed. The run itself is not touched.",
        [Answer("stop", "s", "Stop it"), Answer("cancel", "g", "Let it go on")],
        focus=1,
    )
