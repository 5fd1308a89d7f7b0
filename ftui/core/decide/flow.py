"""Which question comes next: only those whose answer can still change the verdict or the next steps."""

from __future__ import annotations

from typing import Any

from ftui.core.decide.answers import CHANGE_RATES, DEPLOYMENTS, FEEDBACK, TRIED, Answers
from ftui.core.decide.choose import choose
from ftui.core.decide.facts import FEWEST_EXAMPLES, FEWEST_PAIRS
from ftui.core.decide.questions import QUESTIONS, Question
from ftui.core.decide.steps import next_steps

# For each question, answers from all the classes that the table tells apart.
_PROBES: dict[str, tuple[Any, ...]] = {
    "tried": ((), *((attempt,) for attempt in TRIED), TRIED),
    "examples": (0, FEWEST_EXAMPLES),
    "example_quality": ("raw", "reviewed"),
    "preference_pairs": (0, FEWEST_PAIRS),
    "feedback": FEEDBACK,
    "change_rate": CHANGE_RATES,
    "deployment": DEPLOYMENTS,
    "eval_set": (True, False),
}


def is_asked(question: str, answers: Answers) -> bool:
    """Whether an answer to `question` would change verdict or next steps, the other answers being as they are."""
    if question == "needs":
        return True
    if not answers.needs:
        return False
    now = _outcome(answers)
    return any(_outcome(answers._replace(**{question: value})) != now for value in _PROBES[question])


def questionnaire(answers: Answers, answered: frozenset[str] = frozenset()) -> tuple[Question, ...]:
    """The questions for these answers, in order: those answered, and those that still matter.

    answered: ids of questions that were answered, also those answered with "I do not know" (None in `answers`).
    """
    return tuple(q for q in QUESTIONS if q.id in answered or is_asked(q.id, answers))


def next_question(answers: Answers, answered: frozenset[str]) -> Question | None:
    """The first question that matters and is not among `answered`; None when the verdict is final."""
    return next((q for q in QUESTIONS if q.id not in answered and is_asked(q.id, answers)), None)


def _outcome(answers: Answers) -> tuple[str, str | None, tuple[str, ...]]:
    choice = choose(answers)
    return choice.approach, choice.technique, next_steps(answers, choice)
