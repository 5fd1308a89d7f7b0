"""What would flip the verdict: every change of one answer is tried on the same table, so a named flip does flip it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ftui.core.decide.answers import CHANGE_RATES, FEEDBACK, NEEDS, TRIED, Answers
from ftui.core.decide.choose import Choice, choose
from ftui.core.decide.facts import FEWEST_EXAMPLES, FEWEST_PAIRS
from ftui.core.decide.labels import NEED_TITLES

MOST_FLIPS = 6
MOST_FLIPS_OF_ONE_KEY = 2
"""So that the list shows different levers."""
ENOUGH_FLIPS = 3
"""Another need is another question altogether: such flips only fill up a shorter list."""


class Flip(NamedTuple):
    """Were the answer to `key` `value` and all else the same, the verdict would be `approach` (and `technique`).

    change: the other answer in words, to be read after "if".
    """

    key: str
    value: Any
    change: str
    approach: str
    technique: str | None


def find_flips(answers: Answers, choice: Choice) -> tuple[Flip, ...]:
    """One to `MOST_FLIPS` single changes that give another approach or technique, the most useful first."""
    found = _first_flips(answers, choice, _changes(answers), MOST_FLIPS)
    if len(found) < ENOUGH_FLIPS:
        found += _first_flips(answers, choice, _other_needs(answers), ENOUGH_FLIPS - len(found))
    return tuple(found)


def _first_flips(answers: Answers, choice: Choice, changes: Iterator[tuple[str, Any, str]], most: int) -> list[Flip]:
    found: list[Flip] = []
    for key, value, words in changes:
        if sum(flip.key == key for flip in found) >= MOST_FLIPS_OF_ONE_KEY:
            continue
        other = choose(answers._replace(**{key: value}))
        if (other.approach, other.technique) != (choice.approach, choice.technique):
            found.append(Flip(key, value, words, other.approach, other.technique))
            if len(found) == most:
                break
    return found


def _changes(answers: Answers) -> Iterator[tuple[str, Any, str]]:
    """Single changes: first what a person can bring about, then what they may have misjudged, then other needs."""
    named = answers.tried or ()
    for attempt in TRIED:
        if attempt not in named:
            tried = tuple(name for name in TRIED if name in (*named, attempt))
            yield "tried", tried, f"{_TRIED[attempt]} tried and not enough"
    examples = answers.examples or 0
    if examples < FEWEST_EXAMPLES:
        yield "examples", FEWEST_EXAMPLES, f"there were {FEWEST_EXAMPLES} good examples"
    if answers.example_quality != "reviewed":
        yield "example_quality", "reviewed", "a person had reviewed the examples"
    if (answers.preference_pairs or 0) < FEWEST_PAIRS:
        yield "preference_pairs", FEWEST_PAIRS, f"there were {FEWEST_PAIRS} preference pairs"
    for feedback in FEEDBACK:
        if feedback != answers.feedback:
            yield "feedback", feedback, _FEEDBACK[feedback]
    for rate in CHANGE_RATES:
        if rate != answers.change_rate:
            yield "change_rate", rate, _RATES[rate]
    if answers.example_quality != "raw":
        yield "example_quality", "raw", "nobody had reviewed the examples"
    if examples >= FEWEST_EXAMPLES:
        yield "examples", FEWEST_EXAMPLES - 1, f"there were fewer than {FEWEST_EXAMPLES} good examples"
    if answers.tried != ():
        yield "tried", (), "nothing had been tried yet"
    if (answers.preference_pairs or 0) >= FEWEST_PAIRS:
        yield "preference_pairs", 0, "there were no preference pairs"
    if len(answers.needs) > 1:
        for need in answers.needs:
            fewer = tuple(other for other in answers.needs if other != need)
            yield "needs", fewer, f"the needs did not include {NEED_TITLES[need]}"


def _other_needs(answers: Answers) -> Iterator[tuple[str, Any, str]]:
    needs = answers.needs
    for need in NEEDS:
        if need not in needs:
            yield "needs", tuple(n for n in NEEDS if n in (*needs, need)), f"the needs included {NEED_TITLES[need]}"
    for need in NEEDS:
        yield "needs", (need,), f"the only need was {NEED_TITLES[need]}"


_TRIED = {
    "prompting": "a prompt was",
    "few_shot": "examples in the prompt were",
    "structured_output": "structured output was",
    "rag": "retrieval (RAG) was",
}
_FEEDBACK = {
    "none": "nobody judged answers",
    "thumbs": "single answers were marked good or bad",
    "scored": "a program or rubric could score any answer",
}
_RATES = {
    "never": "the facts never changed",
    "monthly": "the facts changed monthly at most",
    "weekly": "the facts changed every week",
    "daily": "the facts changed every day",
}
