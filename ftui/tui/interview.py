"""One person going through the questionnaire: where they are, what they said, what they are typing. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.decide.answers import LARGEST_COUNT, Answers, parse_answers, with_answer
from ftui.core.decide.flow import next_question, questionnaire
from ftui.core.decide.questions import BY_ID, Choice, Question
from ftui.core.decide.verdict import Verdict, provisional
from ftui.errors import FtuiError
from ftui.tui.decide_words import is_chosen, options_of

VERDICT = "verdict"
"""The place after the last question."""
_MOST_DIGITS = len(str(LARGEST_COUNT)) - 1


class Interview:
    """The state of the questionnaire. Going back never loses an answer."""

    def __init__(self, answers: Mapping[str, Any], at: str = "") -> None:
        """answers: what was said before, {} for a fresh start. at: the question to open, or "verdict"."""
        self.said, self.answered = _read(answers)
        self.here = at if at in BY_ID or (at == VERDICT and self.said.needs) else ""
        if not self.here or (self.here not in (VERDICT, "needs") and not self.said.needs):
            self.here = self.next_open()
        self.title_before = ""
        """The verdict before the last question that was answered."""
        self._arrived = True  # nothing was changed yet since this question came up
        self.arrive()

    def arrive(self) -> None:
        """The present place is shown anew: what stands in its number is its answer."""
        self.typed, self._untouched = self.said_count(), True

    # -- what there is

    @property
    def answers(self) -> dict[str, Any]:
        """What was said, ready to be given to a new Interview; null where "I do not know"."""
        said = self.said.to_mapping()
        return {**{key: None for key in BY_ID if key in self.answered and key not in said}, **said}

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on what was said so far."""
        return provisional(self.said)

    @property
    def question(self) -> Question | None:
        """The present question; None at the verdict."""
        return BY_ID.get(self.here)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What can be answered to the present question."""
        return options_of(self.question) if self.question is not None else ()

    @property
    def shown(self) -> tuple[Question, ...]:
        """The questions on the way; the present one always among them."""
        return questionnaire(self.said, self.answered | ({self.here} & BY_ID.keys()))

    def next_open(self) -> str:
        """The first question that is still open, or the verdict."""
        question = next_question(self.said, self.answered)
        return question.id if question else VERDICT

    def missing(self) -> str:
        """What is needed before there is a verdict to go on from; empty where there is one."""
        if not self.said.needs:
            return "Choose at least one need: there is no verdict without one."
        open_question = next_question(self.said, self.answered)
        return f"One more question: {open_question.text}" if open_question else ""

    def value(self) -> Any:
        """The answer to the present question, or None."""
        return getattr(self.said, self.here) if self.here in BY_ID else None

    def first_chosen(self) -> int:
        """The index of the first choice that is part of the answer, or 0."""
        question = self.question
        chosen = [
            index
            for index, choice in enumerate(self.choices)
            if question is not None and is_chosen(question, choice, self.said)
        ]
        return chosen[0] if chosen else 0

    # -- answering

    def choose(self, index: int) -> bool:
        """Take the choice at `index`; True where that answers the question and the next one comes.

        With several answers it is put in or taken out, otherwise it is the answer.
        """
        question = self.question
        if question is None or not 0 <= index < len(self.choices):
            return False
        value = self.choices[index].value
        if question.kind != "many":
            self.answer(value)
            return True
        now = self.value()
        if value == ():
            changed: tuple[str, ...] | None = None if now == () else ()
        else:
            changed = tuple(v for v in now or () if v != value) if value in (now or ()) else (*(now or ()), value)
            changed = changed or (None if question.nothing else ())
        self._set(changed)
        return False

    def answer(self, value: Any) -> None:
        """Answer the present question (None: I do not know) and go on."""
        self._set(value)
        self.advance()

    def _set(self, value: Any) -> None:
        before = self.verdict
        if self._arrived:
            self.title_before = before.title if before else ""
            self._arrived = False
        self.said = with_answer(self.said, self.here, value)

    def advance(self) -> None:
        """The present question is answered: on to the one behind it, or to what is still open."""
        self.answered |= {self.here}
        shown = [question.id for question in self.shown]
        behind = shown[shown.index(self.here) + 1 :]
        self._go(behind[0] if behind else self.next_open())

    def back(self) -> bool:
        """To the place before this one, or a number as it was; False where there is no place before."""
        if self.typed != self.said_count():
            self.type_over(self.said_count())
            return True
        shown = [question.id for question in self.shown]
        place = len(shown) if self.here == VERDICT else shown.index(self.here)
        if place == 0:
            return False
        self.title_before = ""
        self._go(shown[place - 1])
        return True

    def _go(self, place: str) -> None:
        self.here, self._arrived = place, True
        self.arrive()

    # -- a number, digit by digit

    def said_count(self) -> str:
        """The number that is the present answer, as digits; empty where there is none."""
        value = self.value() if self.question is not None and self.question.kind == "count" else None
        return "" if value is None else str(value)

    def type_digit(self, digit: str) -> None:
        """A digit more; the first one replaces an earlier answer."""
        self.type_over(("" if self._untouched else self.typed) + digit)

    def type_over(self, digits: str) -> None:
        """These digits and no others."""
        self.typed = digits.lstrip("0")[:_MOST_DIGITS] or digits[:1]
        self._untouched = False


def _read(answers: Mapping[str, Any]) -> tuple[Answers, frozenset[str]]:
    """A draft's answers and which questions they answer; a draft that cannot be read is an empty one."""
    try:
        read = parse_answers(dict(answers), draft=True)
    except FtuiError:
        return Answers(), frozenset()
    return read, frozenset(key for key in answers if key in BY_ID and (key != "needs" or read.needs))
