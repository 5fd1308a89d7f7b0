"""Answers to a choice: the table looked up once per need, and the results combined."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.decide.answers import Answers
from ftui.core.decide.facts import facts_of
from ftui.core.decide.table import COMBINE, ROWS, Approach, Row, Technique
from ftui.errors import FtuiError

TUNING: tuple[Approach, ...] = ("fine_tuning", "fine_tuning_and_rag", "preference_tuning")


class Part(NamedTuple):
    """The row that answers one need."""

    need: str
    row: Row


class Choice(NamedTuple):
    """approach and technique of the whole; parts has one entry per need, in the order of `NEEDS`."""

    approach: Approach
    technique: Technique | None
    parts: tuple[Part, ...]


def _rows_by_need() -> dict[str, tuple[Row, ...]]:
    needs = {need: None for row in ROWS for need in row.needs}
    return {need: tuple(row for row in ROWS if need in row.needs) for need in needs}


_ROWS_OF = _rows_by_need()


def choose(answers: Answers) -> Choice:
    """The choice for these answers. Raises FtuiError where no need is named."""
    if not answers.needs:
        raise FtuiError("No need was named", "needs is empty", "What should the model do better than it does now?")
    facts = facts_of(answers)
    parts = tuple(Part(need, next(row for row in _ROWS_OF[need] if row.when <= facts)) for need in answers.needs)
    approach = _combined(parts, facts)
    return Choice(approach, _technique(parts) if approach in TUNING else None, parts)


def _combined(parts: tuple[Part, ...], facts: frozenset[str]) -> Approach:
    named = {part.row.approach for part in parts}
    return next(line.verdict for line in COMBINE if line.approaches <= named and line.unless not in facts)


def _technique(parts: tuple[Part, ...]) -> Technique:
    """Preference tuning names the technique where it is called for, since SFT only prepares it; then distillation."""
    named = [part.row.technique for part in parts if part.row.technique]
    preference: Technique | None = next((t for t in named if t not in ("sft", "distillation")), None)
    if preference == "dpo" and len(named) > 1:
        return "sft_then_dpo"
    return preference or ("distillation" if "distillation" in named else "sft")
