"""The questionnaire in rows of text: progress, choices, the verdict so far, and the verdict's page."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from ftui.core.decide.answers import Answers
from ftui.core.decide.glossary import explain
from ftui.core.decide.labels import TECHNIQUE_TITLES
from ftui.core.decide.questions import Choice, Question
from ftui.core.decide.report import terms_in, text_sections
from ftui.core.decide.table import COST_REASONS
from ftui.core.decide.verdict import Verdict
from ftui.core.decide.wording import flip_in_words, plan_step_in_words
from ftui.core.text import clip
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row, Span

UNDECIDED = "Name a need, and the verdict so far appears here."


def progress_row(shown: Sequence[Question], answered: frozenset[str], here: str, glyphs: Glyphs) -> Row:
    """Which question of how many, and a mark for each: answered, present, open."""
    place = next((number for number, question in enumerate(shown, start=1) if question.id == here), len(shown))
    count = f"Question {place} of {len(shown)}  " if answered else f"Question {place}  "
    marks: list[Span] = []
    for question in shown:
        if question.id == here:
            marks.append((glyphs.here, "accent"))
        elif question.id in answered:
            marks.append((glyphs.good, "ok"))
        else:
            marks.append((glyphs.middle, "dim"))
    return ((count, "strong"), *marks)


def options_of(question: Question) -> tuple[Choice, ...]:
    """The choices, and "nothing" as one of them where that is an answer."""
    if not question.nothing:
        return question.choices
    return (*question.choices, Choice((), question.nothing, "that is an answer, too"))


def is_chosen(question: Question, choice: Choice, answers: Answers) -> bool:
    """Whether a choice is (part of) the present answer."""
    value: Any = getattr(answers, question.id)
    if question.kind == "many" and choice.value != ():
        return choice.value in (value or ())
    return value is not None and bool(value == choice.value and type(value) is type(choice.value))


def choice_row(question: Question, number: int, answers: Answers, width: int) -> Row:
    """One choice: its box, its digit, its label, what it means. number counts from 1; the tenth has digit 0."""
    choice = options_of(question)[number - 1]
    chosen = is_chosen(question, choice, answers)
    boxes = ("[ ]", "[x]") if question.kind == "many" else ("( )", "(o)")
    digit = " " if question.kind == "count" else str(number % 10)
    head = f"{boxes[chosen]} {digit} {choice.label:<{_label_cells(question)}}  "
    return ((head, "strong" if chosen else "text"), (clip(choice.help, _help_cells(question, width)), "dim"))


def _label_cells(question: Question) -> int:
    return max(len(choice.label) for choice in options_of(question))


def _help_cells(question: Question, width: int) -> int:
    return max(8, width - _label_cells(question) - len("[x] 1 ") - 2)


def how_rows(question: Question, highlighted: int | None, typed: str, width: int) -> list[Row]:
    """What the keys do; above it the highlighted choice's explanation where its row is too narrow for it."""
    choices = options_of(question)
    help_text = choices[highlighted].help if highlighted is not None and highlighted < len(choices) else ""
    if len(help_text) <= _help_cells(question, width):
        return [how_to_answer(question, typed)]
    return [((clip(help_text, width), "dim"),), how_to_answer(question, typed)]


def how_to_answer(question: Question, typed: str) -> Row:
    """What the keys do for this kind of question; for a number, what was typed."""
    if question.kind == "count":
        if not typed:
            return (("Type a number, or Enter takes one of these.", "dim"),)
        return (("Number: ", "dim"), (f"{int(typed):,}", "strong"), ("_", "accent"))
    if question.kind == "many":
        return (("Space or a digit chooses, Enter goes on.", "dim"),)
    return (("Enter or a digit answers.", "dim"),)


def verdict_span(verdict: Verdict, glyphs: Glyphs) -> list[Span]:
    """The verdict in a few words, with a sign for whether it trains."""
    sign, look = (glyphs.good, "ok") if verdict.trains else (glyphs.point, "accent")
    how = f" ({verdict.technique.replace('_', ' ')})" if verdict.technique else ""
    return [(f"{sign} ", look), (f"{verdict.title}{how}", "strong")]


def cost_span(verdict: Verdict, glyphs: Glyphs) -> list[Span]:
    """The cost as a word and as one to three filled dots."""
    level = ("low", "medium", "high").index(verdict.cost) + 1
    return [
        ("cost ", "dim"),
        (glyphs.live * level + glyphs.waiting * (3 - level), "mark"),
        (f" {verdict.cost}", "text"),
    ]


def so_far_rows(verdict: Verdict | None, before: str, width: int, rows: int, glyphs: Glyphs) -> list[Row]:
    """The verdict so far in at most `rows` rows of `width` cells; with room to spare also plan and flips.

    before: the title that stood here before the last answer, to show that it changed.
    """
    if verdict is None:
        return [((line, "dim"),) for line in wrap(UNDECIDED, width)]
    found: list[Row] = [(("So far ", "dim"), *verdict_span(verdict, glyphs))]
    found.append(tuple(cost_span(verdict, glyphs)))
    if before and before != verdict.title:
        found.append(((clip(f"before: {before}", width), "warn"),))
    reasons = [line for reason in verdict.reasons for line in wrap(reason.text, width)]
    flips = [line for flip in verdict.flips for line in wrap(flip_in_words(flip), width, subsequent_indent="  ")]
    if rows < 12:
        found += [((line, "text"),) for line in _cut(reasons, rows - len(found), width)]
        return found
    plan = [line for step in verdict.plan for line in wrap(plan_step_in_words(step), width, subsequent_indent="  ")]
    for title, lines in (("Why", reasons), ("Plan", plan if len(verdict.plan) > 1 else []), ("Would change it", flips)):
        if lines and rows - len(found) >= 4:
            found += [(("", "text"),), ((title, "accent"),)]
            found += [((line, "text"),) for line in _cut(lines, rows - len(found), width)]
    return found


def _cut(lines: list[str], most: int, width: int) -> list[str]:
    """At most so many lines; the last of a longer text ends in an ellipsis."""
    if len(lines) <= most:
        return lines
    if most <= 0:
        return []
    last = lines[most - 1]
    return [*lines[: most - 1], f"{last[: width - 2]} …" if len(last) > width - 2 else f"{last} …"]


def headline_rows(verdict: Verdict, width: int, glyphs: Glyphs) -> list[Row]:
    """The verdict, plainly: train or not, what, by which technique, at what cost."""
    if verdict.trains:
        say = "Training is right for this."
    elif verdict.approach == "collect_data":
        say = "Do not train yet."
    else:
        say = "Do not train for this, or not yet: something cheaper comes first."
    rows: list[Row] = [((say, "dim"),), (*tuple(verdict_span(verdict, glyphs)[:1]), (verdict.title, "strong"))]
    if verdict.technique:
        rows.append((("  by ", "dim"), (TECHNIQUE_TITLES[verdict.technique], "text")))
    cost = cost_span(verdict, glyphs)
    rows.append((("  ", "text"), *cost, (f": {COST_REASONS[verdict.cost]}", "dim")))
    return [tuple((clip(text, width), look) for text, look in row) for row in rows]


def page_rows(verdict: Verdict, width: int, glyphs: Glyphs, *, more: bool) -> list[Row]:
    """The whole verdict, wrapped to `width` cells. more: explain the words at length."""
    rows = headline_rows(verdict, width, glyphs)
    for section in text_sections(verdict, width):
        look = "mark" if section.code else "text"
        rows += [(("", "text"),), ((section.title, "accent"),), *(((line, look),) for line in section.lines)]
    rows += [(("", "text"),), (("Words", "accent"), ("  m: less" if more else "  m: more on each", "dim"))]
    for name in terms_in(verdict):
        term, _ = explain(name)
        rows += [((line, "text"),) for line in wrap(f"{term.name}: {term.short}", width, subsequent_indent="  ")]
        if more:
            rows += [
                ((line, "dim"),)
                for paragraph in term.more.split("\n")
                for line in wrap(paragraph, width, initial_indent="  ", subsequent_indent="  ")
            ]
    return rows
