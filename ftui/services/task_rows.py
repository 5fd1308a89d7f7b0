"""Whether a plan's rows can train its task, before a run is made: the first of them tell."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from ftui.core.canonical import canonical, canonical_kind
from ftui.core.conversations import RowError
from ftui.core.formats import format_named
from ftui.core.plan import Plan, stage_plan
from ftui.core.task_rows import KINDS, kind_of, unusable
from ftui.errors import FtuiError

_SAMPLED_ROWS = 50
_READ_ROWS = 1000
"""Rows that are read at most in search of the sample."""


def refuse_unusable_rows(plan: Plan) -> None:
    """Raises FtuiError where a stage's training, held-out or general rows are of a kind that its task cannot use.

    Nothing is said of a file whose rows have no canonical form: preparing the run names each of their faults.
    """
    for number, stage in enumerate(plan.stages or ({},)):
        if number == 0 or "data" in stage or "method" in stage:
            _refuse(stage_plan(plan, number))


def _refuse(plan: Plan) -> None:
    data, task = plan.data, plan.method.task
    mapping = dict(data.map) or None
    rows = _sample(data.train, task, mapping, data.format)
    if not rows:
        return
    if (why := unusable(kind_of(rows), task, data.train, data.train)) is not None:
        raise FtuiError(why.title, why.message, why.hint)
    held_out = _sample(data.eval, task, mapping, data.format) if data.eval else []
    general = _sample(data.replay, task) if data.replay and data.replay_fraction else []
    for name, path, others in (("data.eval", data.eval, held_out), ("data.replay", data.replay, general)):
        if not others or path is None:
            continue
        kind, other = kind_of(rows), kind_of(others)
        if canonical_kind(rows[0]) != canonical_kind(others[0]) or unusable(other, task, name, path):
            raise FtuiError(
                "The rows do not go together",
                f"data.train holds {KINDS[kind]}, and {name} ({path}) holds {KINDS[other]}",
                f"Name rows of the same kind for {name}, or leave it out.",
            )


def _sample(
    path: str, task: str, mapping: Mapping[str, str] | None = None, format: str = "auto"
) -> list[dict[str, Any]]:
    """The first rows that have a canonical form, read as a run reads them. Raises FtuiError where nothing can be read.

    mapping, format: those of the training rows; general rows speak for themselves.
    """
    from ftui.services.dataset import readable_dataset

    named = format not in ("", "auto") and not mapping
    dataset = readable_dataset(path, mapping=mapping, task=task)
    found: list[dict[str, Any]] = []
    for row in islice(dataset.rows(), _READ_ROWS):
        try:
            found.append(canonical(row.data, format_named(format, row.data) if named else dataset.format_of(row.data)))
        except RowError:
            continue
        if len(found) == _SAMPLED_ROWS:
            break
    return found
