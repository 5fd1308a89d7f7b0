"""The list of runs: one line for each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftui.errors import FtuiError
from ftui.services.files import read_json
from ftui.services.runs import Run, State, all_runs, last_step, read_state

VERDICTS = ("SHIP", "DONT_SHIP", "INCONCLUSIVE")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the list of runs."""

    run: str
    status: str
    step: int
    steps_total: int
    path: str
    created: str
    reason: str
    verdict: str
    """One of VERDICTS, or empty."""


def list_runs(folder: Path | None = None) -> list[RunSummary]:
    """All runs, newest first. A folder that is not a run is left out; a broken run is listed as what it is."""
    return [summarize(run) for run in all_runs(folder)]


def summarize(run: Run) -> RunSummary:
    """The list's line of one run; never raises."""
    try:
        state = read_state(run)
    except FtuiError as error:
        state = State(status="interrupted", reason=str(error))
    step = last_step(run)
    verdict = read_json(run.verdict_file) if run.verdict_file.is_file() else None
    word = verdict.get("verdict") if isinstance(verdict, dict) else None
    return RunSummary(
        run=run.name,
        status=state.status,
        step=step.step if step else 0,
        steps_total=step.steps_total if step else 0,
        path=str(run.path),
        created=state.created,
        reason=state.reason,
        verdict=word if isinstance(word, str) and word in VERDICTS else "",
    )


def as_json(summary: RunSummary) -> dict[str, Any]:
    """The summary as `ftui runs list --json` prints it."""
    return asdict(summary)
