"""General rows against forgetting: which ones are at hand, and what the plan stage says about them."""

from __future__ import annotations

from pathlib import Path

from ftui.core.plan import Plan
from ftui.errors import FtuiError
from ftui.services.beside import general_beside
from ftui.tui.glyphs import Glyphs
from ftui.tui.state import WizardState
from ftui.tui.widgets.lines import Row

TASKS = ("sft", "text")
"""Tasks that general rows can be mixed into."""
QUESTION = "General rows against forgetting: a file, mixed in with yours (empty: none)"


def general_rows(state: WizardState) -> str:
    """The file of general rows to propose a plan with; empty for none. Reads the folder of the data file."""
    if state.general_chosen:
        return state.general_file
    beside = general_beside(state.data_file)
    return str(beside) if beside is not None else ""


def problem_with(text: str) -> str:
    """What is wrong with a typed path, or empty."""
    from ftui.services.dataset import readable_dataset

    if not text.strip():
        return ""
    path = Path(text.strip()).expanduser()
    if not path.is_file():
        return f"There is no file {path}."
    try:
        if next(iter(readable_dataset(str(path)).canonical_rows()), None) is None:
            return f"{path} holds no row that can be read. Why: ftui lint {path}"
    except (FtuiError, OSError, ValueError) as error:
        return str(error)
    return ""


def choose(state: WizardState, text: str) -> None:
    """Take what was typed, be it nothing: the next proposal is made with it."""
    state.general_file = str(Path(text.strip()).expanduser().absolute()) if text.strip() else ""
    state.general_chosen = True


def suggestion_row(plan: Plan, glyphs: Glyphs) -> Row | None:
    """What could be done against forgetting and is not; None where it is done, or cannot be."""
    if plan.method.task not in TASKS or (plan.data.replay and plan.data.replay_fraction):
        return None
    words = "g mixes in general rows: without them other abilities may be forgotten"
    return ((f"{glyphs.waiting} {words}", "dim"),)
