"""The verdict as text for a terminal, and as a Markdown page that a person can show to their team."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import NamedTuple

from ftui.core.decide.answers import Answers
from ftui.core.decide.glossary import explain
from ftui.core.decide.labels import NEED_TITLES, TECHNIQUE_TITLES
from ftui.core.decide.methods import METHODS
from ftui.core.decide.questions import QUESTIONS
from ftui.core.decide.table import COST_REASONS
from ftui.core.decide.verdict import Reason, Verdict, summary
from ftui.core.decide.wording import NOT_SAID, answer_in_words, flip_in_words, plan_step_in_words

REPORT_TITLE = "# Should we fine-tune?"
"""The first line of every report, by which a report is known as one."""

_TERM_OF = {
    "prompting": "prompt engineering",
    "few_shot": "few-shot",
    "structured_output": "structured output",
    "rag": "RAG",
    "collect_data": "evaluation set",
    "fine_tuning": "fine-tuning",
    "preference_tuning": "three stages",
    "sft": "SFT",
    "dpo": "DPO",
    "kto": "KTO",
    "reward_rlhf": "RLHF",
    "distillation": "distillation",
    "lora": "LoRA",
    "full": "full fine-tuning",
}


def terms_in(verdict: Verdict) -> tuple[str, ...]:
    """Glossary terms that the verdict uses, in the order of the plan."""
    used: list[str | None] = []
    for step in verdict.plan:
        used += [step.approach, step.technique]
    used.append(verdict.method.name if verdict.method else None)
    names = [_TERM_OF[name] for name in used if name]
    return tuple(dict.fromkeys([*names, *(("QLoRA",) if verdict.method else ())]))


def to_text(verdict: Verdict, width: int = 80) -> str:
    """The verdict for a terminal of `width` columns (40 at least, used up to 100)."""
    columns = max(40, min(width, 100))
    lines = _block(summary(verdict), columns, "")
    for section in text_sections(verdict, columns):
        lines += ["", section.title, *section.lines]
    return "\n".join(lines)


class Section(NamedTuple):
    """A titled part of the verdict, wrapped. code: to be copied as it stands, hence not wrapped."""

    title: str
    lines: tuple[str, ...]
    code: bool = False


def text_sections(verdict: Verdict, columns: int) -> tuple[Section, ...]:
    """Why, assumptions, plan, next steps, flips, risks, method, templates: those there are, in `columns` columns."""
    plan = [plan_step_in_words(step) for step in verdict.plan]
    method = [verdict.method.reason] if verdict.method else []
    sections = [
        _section("Why", [_reason_text(reason, verdict) for reason in verdict.reasons], columns),
        _section("Assumed", verdict.assumptions, columns),
        _section("Plan", plan if len(plan) > 1 else [], columns, numbered=True),
        _section("Next", verdict.next_steps, columns, numbered=True),
        _section("What would change it", [flip_in_words(flip) for flip in verdict.flips], columns),
        _section("Risks", [f"{risk.name}: {risk.remedy}" for risk in verdict.risks], columns),
        _section("Method", method, columns),
    ]
    for template in verdict.templates:
        body = ("", *(f"    {line}".rstrip() for line in template.body.split("\n")))
        sections.append(Section(template.title, body, code=True))
    return tuple(section for section in sections if section.lines)


def _reason_text(reason: Reason, verdict: Verdict) -> str:
    if reason.needs and len({need for step in verdict.plan for need in step.needs}) > 1:
        return f"For {', '.join(NEED_TITLES[need] for need in reason.needs)}: {reason.text}"
    return reason.text


def _section(title: str, items: Iterable[str], columns: int, *, numbered: bool = False) -> Section:
    lines = [
        line
        for number, item in enumerate(items, start=1)
        for line in _block(item, columns, f"{number:>2}. " if numbered else "  - ")
    ]
    return Section(title, tuple(lines))


def _block(text: str, columns: int, first: str) -> list[str]:
    return wrap(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def to_markdown(answers: Answers, verdict: Verdict, made_by: str, *, overridden: bool = False) -> str:
    """The report: need, verdict, why, cost, plan, steps, risks, what would change it, and the words used.

    made_by: what made it and when, for the last line. overridden: the person goes on to train all the same.
    """
    return "\n".join(_markdown(answers, verdict, made_by, overridden)) + "\n"


def _markdown(answers: Answers, verdict: Verdict, made_by: str, overridden: bool) -> Iterator[str]:
    yield from (REPORT_TITLE, "", f"**{verdict.title}.**", "")
    if verdict.technique:
        yield from (f"How: {TECHNIQUE_TITLES[verdict.technique]}.", "")
    yield from (f"Cost: **{verdict.cost}** ({COST_REASONS[verdict.cost]}).", "")
    if overridden:
        yield from ("> It was decided to train all the same, against this verdict.", "")
    yield from ("## The need", "", "| asked | answer |", "| --- | --- |")
    for question in QUESTIONS:
        said = answer_in_words(question.id, answers)
        if said != NOT_SAID:
            yield f"| {question.text} | {said} |"
    if verdict.assumptions:
        yield from ("", *(f"- Assumed: {note}" for note in verdict.assumptions))
    yield from ("", "## Why", "")
    for reason in verdict.reasons:
        yield f"- {_reason_text(reason, verdict)} *({reason.source})*"
    yield from ("", "## Plan", "")
    yield from (f"{number}. {plan_step_in_words(step)}" for number, step in enumerate(verdict.plan, start=1))
    yield from ("", "## Next steps", "")
    yield from (f"{number}. {step}" for number, step in enumerate(verdict.next_steps, start=1))
    for template in verdict.templates:
        yield from ("", f"### {template.title}", "", f"```{template.language}", template.body, "```")
    if verdict.method:
        yield from ("", "## Full fine-tuning, LoRA or QLoRA", "", verdict.method.reason, "")
        yield from ("| method | right when | wrong when | memory |", "| --- | --- | --- | --- |")
        yield from (f"| {m.title} | {m.right_when} | {m.wrong_when} | {m.memory} |" for m in METHODS)
    yield from ("", "## Risks", "", "| risk | what happens | what to do |", "| --- | --- | --- |")
    yield from (f"| {risk.name} | {risk.what} | {risk.remedy} |" for risk in verdict.risks)
    yield from ("", "## What would change this verdict", "")
    yield from (f"- {flip_in_words(flip)}" for flip in verdict.flips)
    yield from ("", "## Words used", "")
    for name in terms_in(verdict):
        term, _ = explain(name)
        yield f"- **{term.name}**: {term.short}"
    yield from ("", "---", made_by)
