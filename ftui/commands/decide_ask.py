"""The questionnaire in a plain terminal: one question at a time, back without loss, the verdict so far after each."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from textwrap import fill
from typing import Any

from ftui.core.decide.answers import Answers, with_answer
from ftui.core.decide.flow import next_question, questionnaire
from ftui.core.decide.labels import APPROACH_TITLES
from ftui.core.decide.questions import BY_ID, QUESTIONS, Question
from ftui.core.decide.verdict import provisional
from ftui.core.decide.wording import NOT_SAID, answer_in_words
from ftui.core.text import clip
from ftui.errors import FtuiError

_INTRO = (
    "Up to nine questions, only those that matter. b: back, w: why do you ask, ? WORD: what a word means, q: stop, "
    "Enter: I do not know."
)
_AGAIN = "Enter: the verdict, b: back."


class _Stop(Exception):
    """The person stops, or there is no more input."""


def ask(
    read: Callable[[], str] | None = None,
    write: Callable[[str], None] | None = None,
    start: tuple[Answers, frozenset[str]] | None = None,
    keep: Callable[[Answers, frozenset[str]], None] | None = None,
) -> Answers:
    """Ask until the verdict is final and confirmed.

    read: gives one line, "" at the end of input (default: standard input). write: takes a line (default: stderr).
    start: answers of an earlier time and which questions they answer; the person may go on from them.
    keep: is given both after every answer.
    Raises KeyboardInterrupt when the person stops, after saying how to take it up again.
    """
    talk = _Talk(read or _read_line, write or _write_line, start, keep)
    try:
        talk.run()
    except (_Stop, KeyboardInterrupt):
        talk.say_how_to_go_on()
        raise KeyboardInterrupt from None
    return talk.answers


class _Talk:
    """One conversation: the answers, which questions were answered, and the way back."""

    def __init__(
        self,
        read: Callable[[], str],
        write: Callable[[str], None],
        start: tuple[Answers, frozenset[str]] | None,
        keep: Callable[[Answers, frozenset[str]], None] | None,
    ) -> None:
        self.read = read
        self.write = write
        self.keep = keep
        self.answers, self.answered = start or (Answers(), frozenset())
        self.trail = [question.id for question in QUESTIONS if question.id in self.answered]

    def run(self) -> None:
        self.write(fill(_INTRO, _columns()))
        if self.answers.needs:
            self.take_up()
        while True:
            question = next_question(self.answers, self.answered)
            if question is not None:
                self.visit(question)
            elif self.confirmed():
                return

    def take_up(self) -> None:
        """Offer to go on from the answers of an earlier time."""
        self.write("\nYou stopped here last time:")
        self.list_answers()
        self.write("Enter: go on from there, n: begin anew.")
        while (reply := self.line()) not in ("", "n"):
            self.write("  Enter or n, please.")
        if reply == "n":
            self.answers, self.answered, self.trail = Answers(), frozenset(), []

    def visit(self, question: Question) -> None:
        """Ask one question until it is answered or the person goes back from it."""
        self.show(question)
        while True:
            line = self.line()
            if line == "b":
                self.go_back()
                return
            if line in ("w", "?"):
                self.explain(question)
                continue
            if line.startswith("?"):
                self.explain_word(line[1:])
                continue
            if not line and question.id in self.answered:
                break
            try:
                value = parse_reply(question, line)
            except ValueError as problem:
                self.write(f"  {problem}")
                continue
            self.answers = with_answer(self.answers, question.id, value)
            break
        self.answered |= {question.id}
        self.trail = [*(seen for seen in self.trail if seen != question.id), question.id]
        if self.keep:
            self.keep(self.answers, self.answered)
        self.show_verdict()

    def go_back(self) -> None:
        """Ask the last answered question again; its answer stays until another is given."""
        if not self.trail:
            self.write("  This is the first question.")
            return
        self.visit(BY_ID[self.trail.pop()])

    def confirmed(self) -> bool:
        self.write("")
        self.list_answers()
        self.write(_AGAIN)
        while (reply := self.line()) not in ("", "b"):
            if reply.startswith("?"):
                self.explain_word(reply[1:])
            else:
                self.write(f"  {_AGAIN}")
        if reply == "b":
            self.go_back()
        return not reply

    def list_answers(self) -> None:
        for question in questionnaire(self.answers, self.answered):
            if question.id in self.answered:
                said = answer_in_words(question.id, self.answers)
                self.write(fill(f"{question.text} {said}", _columns(), initial_indent="  ", subsequent_indent="    "))

    def line(self) -> str:
        text = self.read()
        if not text:
            raise _Stop
        reply = text.strip().lower()
        if reply in ("q", "quit", "exit"):
            raise _Stop
        return {"back": "b", "why": "w", "help": "?"}.get(reply, reply)

    def show(self, question: Question) -> None:
        shown = questionnaire(self.answers, self.answered)
        place = next((i for i, other in enumerate(shown, start=1) if other.id == question.id), len(shown))
        self.write("")
        count = f"{place} of {len(shown)}" if self.answered else f"{place}"
        self.write(fill(f"{count}. {question.text}", _columns()))
        width = max(len(choice.label) for choice in question.choices)
        for number, choice in enumerate(question.choices, start=1):
            key = "" if question.kind == "count" else str(number)
            first = f"  {key:>2} {choice.label:<{width}}  "
            self.write(fill(choice.help, _columns(), initial_indent=first, subsequent_indent=" " * len(first)))
        said = answer_in_words(question.id, self.answers)
        keep = f" Now: {said}; Enter keeps it." if question.id in self.answered and said != NOT_SAID else ""
        nothing = f" 0: {question.nothing.lower()}." if question.nothing else ""
        self.write(fill(_HOW[question.kind] + nothing + keep, _columns()))

    def explain(self, question: Question) -> None:
        self.write(fill(f"Why: {question.why}", _columns(), initial_indent="  ", subsequent_indent="  "))
        self.write(fill(question.help, _columns(), initial_indent="  ", subsequent_indent="  "))

    def explain_word(self, word: str) -> None:
        """Two sentences of the glossary."""
        from ftui.core.decide.glossary import explain

        try:
            term, _ = explain(word)
        except FtuiError:
            self.write(f"  The glossary has nothing like '{clip(word.strip(), 30)}'.")
            return
        self.write(fill(f"{term.name}: {term.short}", _columns(), initial_indent="  ", subsequent_indent="  "))
        self.write(f"  More: ftui decide --explain {term.name}")

    def show_verdict(self) -> None:
        verdict = provisional(self.answers)
        if verdict:
            how = f" ({verdict.technique})" if verdict.technique else ""
            self.write(f"  So far: {APPROACH_TITLES[verdict.approach]}{how}, cost {verdict.cost}.")

    def say_how_to_go_on(self) -> None:
        said = json.dumps(self.answers.to_mapping())
        if self.answers.needs:
            go_on = " `ftui decide` goes on from here." if self.keep else ""
            self.write(
                f"\nStopped.{go_on} The verdict on what you said so far: echo '{said}' | ftui decide --answers -"
            )
        else:
            self.write("\nStopped before anything was said.")


_HOW = {
    "many": "Numbers, for example: 1 4.",
    "one": "One number.",
    "count": "A number, for example 0, 30 or 2000.",
    "yes_no": "y or n.",
}


def parse_reply(question: Question, line: str) -> Any:
    """The value that a typed line means; "" is None, not known. Raises ValueError with a sentence for the person."""
    if not line:
        if question.id == "needs":
            raise ValueError("At least one need, please: there is no verdict without one.")
        return None
    if question.kind == "count":
        plain = line.replace(",", "").replace("_", "").replace("'", "")
        if not (plain.isascii() and plain.isdigit() and len(plain) <= 12):
            raise ValueError(f"'{clip(line, 30)}' is not a whole number.")
        return int(plain)
    if question.kind == "yes_no" and line in ("y", "yes", "n", "no"):
        return line[0] == "y"
    words = line.replace(",", " ").split()
    if question.nothing and words in (["0"], ["none"], ["nothing"]):
        return ()
    values = [_choice(question, word) for word in words]
    if question.kind == "many":
        return tuple(values)
    if len(values) > 1:
        raise ValueError("One answer only, please.")
    return values[0]


def _choice(question: Question, word: str) -> Any:
    choices = question.choices
    if word.isascii() and word.isdigit() and len(word) < 4 and 1 <= int(word) <= len(choices):
        return choices[int(word) - 1].value
    for choice in choices:
        if word == choice.value:
            return choice.value
    raise ValueError(f"'{clip(word, 30)}' is not among the choices: 1 to {len(choices)}.")


def _columns() -> int:
    return min(shutil.get_terminal_size().columns, 100)


def _write_line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _read_line() -> str:
    print("> ", end="", file=sys.stderr, flush=True)
    return sys.stdin.buffer.readline().decode("utf-8", "replace")
