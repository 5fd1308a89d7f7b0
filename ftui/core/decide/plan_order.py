"""Several needs at once: one ordered plan, the cheapest attempt first."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.decide.answers import Answers
from ftui.core.decide.choose import Choice

ORDER = ("prompting", "few_shot", "structured_output", "rag", "collect_data", "fine_tuning", "preference_tuning")
"""The order of attempts: what costs least and can be undone at once comes first."""


class PlanStep(NamedTuple):
    """One stage: what to do (an approach), how (a technique, when it trains), for which needs."""

    approach: str
    technique: str | None
    needs: tuple[str, ...]


def ordered_plan(answers: Answers, choice: Choice) -> tuple[PlanStep, ...]:
    """The stages that meet all needs, in the order of doing: first what can start today, then the collecting of data,
    then the training that waits for it."""
    waiting: set[str] = {part.row.heads_to for part in choice.parts if part.row.heads_to}
    needs_of: dict[str, list[str]] = {approach: [] for approach in _order_of_doing(waiting)}
    for part in choice.parts:
        for approach in _stages(part.row.approach, part.row.technique, part.row.heads_to):
            needs_of[approach].append(part.need)
    return tuple(
        PlanStep(approach, _technique(approach, answers, choice), tuple(needs))
        for approach, needs in needs_of.items()
        if needs
    )


def _order_of_doing(waiting: set[str]) -> tuple[str, ...]:
    """`ORDER`, with the collecting of data right before the first stage that waits for it."""
    ready = tuple(approach for approach in ORDER if approach not in waiting and approach != "collect_data")
    return (*ready, "collect_data", *(approach for approach in ORDER if approach in waiting))


def _stages(approach: str, technique: str | None, heads_to: str | None) -> tuple[str, ...]:
    if approach == "fine_tuning_and_rag":
        return ("rag", "fine_tuning")
    if technique == "sft_then_dpo":
        return ("fine_tuning", "preference_tuning")
    return (approach, heads_to) if heads_to else (approach,)


def _technique(approach: str, answers: Answers, choice: Choice) -> str | None:
    """The technique of one stage; a stage that waits for data has the one that the data would allow."""
    if approach == "fine_tuning":
        cheaper = {"token_cost", "latency"} & set(answers.needs)
        return "distillation" if cheaper else "sft"
    if approach == "preference_tuning":
        return "dpo" if choice.technique in (None, "sft", "sft_then_dpo", "distillation") else choice.technique
    return None
