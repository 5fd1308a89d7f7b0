"""Answers, flips and plans as a person would say them."""

from __future__ import annotations

from ftui.core.decide.answers import Answers
from ftui.core.decide.flips import Flip
from ftui.core.decide.labels import APPROACH_TITLES, NEED_TITLES, TECHNIQUE_TITLES, TRIED_TITLES
from ftui.core.decide.plan_order import PlanStep
from ftui.core.decide.questions import BY_ID

NOT_SAID = "not said"


def answer_in_words(question: str, answers: Answers) -> str:
    """The answer to one question, for a list of answers; `NOT_SAID` where there is none."""
    value = getattr(answers, question)
    if value is None or (question == "needs" and not value):
        return NOT_SAID
    if question == "needs":
        return ", ".join(NEED_TITLES[need] for need in value)
    if question == "tried":
        return ", ".join(TRIED_TITLES[attempt] for attempt in value) or "nothing yet"
    if BY_ID[question].kind == "count":
        return f"{value:,}"
    return next((choice.label for choice in BY_ID[question].choices if choice.value == value), str(value))


def flip_in_words(flip: Flip) -> str:
    """One flip as a sentence, in the mood of what is not so."""
    how = f", by {TECHNIQUE_TITLES[flip.technique]}" if flip.technique else ""
    return f"If {flip.change}: {APPROACH_TITLES[flip.approach]}{how}."


def plan_step_in_words(step: PlanStep) -> str:
    """One stage of the plan: what, how, for which needs."""
    how = f", by {TECHNIQUE_TITLES[step.technique]}" if step.technique else ""
    return f"{APPROACH_TITLES[step.approach]}{how}: for {', '.join(NEED_TITLES[need] for need in step.needs)}."
