"""Choose a run from the list."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.core.text import clip_start, pad
from ftui.services.run_list import RunSummary, list_runs
from ftui.tui.screens.base import Dialog, Plain


class PickRunDialog(Dialog[Path | None]):
    """The runs but those that are already shown; gives the chosen one's directory."""

    BINDINGS = [Binding("escape", "cancel", "Cancel", id="pick.cancel")]

    def __init__(self, taken: set[str], question: str = "Lay which run over this one?") -> None:
        super().__init__()
        self._taken, self._question = taken, question

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Plain(self._question, id="question")
            yield OptionList(id="runs", markup=False)
            yield Plain("", id="explanation")

    def on_mount(self) -> None:
        runs = [run for run in list_runs() if run.run not in self._taken]
        self._runs = runs
        options = self.query_one(OptionList)
        options.add_options(Option(run_line(run, 64)) for run in runs)
        if not runs:
            self.query_one("#explanation", Plain).update("There is no other run yet. Esc goes back.")
        options.highlighted = 0 if runs else None
        options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(Path(self._runs[event.option_index].path))

    def action_cancel(self) -> None:
        self.dismiss(None)


def run_line(run: RunSummary, width: int) -> Content:
    """One run in a list: name, status, how far, verdict."""
    steps = f"{run.step:,}/{run.steps_total:,}" if run.steps_total else ""
    looks = {
        "finished": "$text-success",
        "failed": "$text-error",
        "interrupted": "$text-error",
        "running": "$text-accent",
    }
    verdict = run.verdict.replace("DONT_SHIP", "DON'T SHIP")
    # Beside the longest of each: "interrupted", "INCONCLUSIVE". The end of a name tells runs of one day apart.
    steps_cells = 15 if width >= 76 else 11
    name_cells = max(16, width - 28 - steps_cells)
    return Content.assemble(
        pad(clip_start(run.run, name_cells), name_cells) + "  ",
        (f"{run.status:<11} ", looks.get(run.status, "dim")),
        (f"{steps:>{steps_cells}}", "dim"),
        f"  {verdict}",
    )
