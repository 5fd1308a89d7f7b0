"""The verdict: approach, technique, reasons, plan, next steps, risks, and what would flip it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ftui.core.decide.answers import SCHEMA_VERSION, Answers
from ftui.core.decide.choose import TUNING, Choice, Part, choose
from ftui.core.decide.facts import GOOD_EXAMPLES, SAFE_MINIMUM_EXAMPLES, assumptions
from ftui.core.decide.flips import Flip, find_flips
from ftui.core.decide.labels import APPROACH_TITLES, TECHNIQUE_TITLES
from ftui.core.decide.methods import MethodAdvice, recommend_method
from ftui.core.decide.plan_order import ORDER, PlanStep, ordered_plan
from ftui.core.decide.risks import Risk, risks_of
from ftui.core.decide.steps import next_steps
from ftui.core.decide.table import COST, COST_REASONS, OPENAI_TUNING, Approach, Cost, Technique
from ftui.core.decide.templates import Template, templates_for


class Reason(NamedTuple):
    """Why, for which needs, and who says so."""

    text: str
    needs: tuple[str, ...]
    source: str


class Verdict(NamedTuple):
    """Which approach fits the answers. technique and method are None where nothing is trained now.

    assumptions: what was read into missing or contradictory answers.
    """

    approach: Approach
    technique: Technique | None
    cost: Cost
    reasons: tuple[Reason, ...]
    plan: tuple[PlanStep, ...]
    next_steps: tuple[str, ...]
    flips: tuple[Flip, ...]
    risks: tuple[Risk, ...]
    method: MethodAdvice | None
    templates: tuple[Template, ...]
    assumptions: tuple[str, ...]

    @property
    def title(self) -> str:
        """The verdict in a few words."""
        return APPROACH_TITLES[self.approach]

    @property
    def trains(self) -> bool:
        """Whether the verdict is to train now, in whatever way."""
        return self.approach in TUNING


def decide(answers: Answers) -> Verdict:
    """The verdict on these answers: one for any valid answers. Raises FtuiError where no need is named."""
    choice = choose(answers)
    trains = choice.approach in TUNING
    return Verdict(
        approach=choice.approach,
        technique=choice.technique,
        cost=COST[choice.approach],
        reasons=_reasons(answers, choice),
        plan=ordered_plan(answers, choice),
        next_steps=next_steps(answers, choice),
        flips=find_flips(answers, choice),
        risks=risks_of(choice.approach, choice.technique, answers.eval_set),
        method=recommend_method(answers) if trains else None,
        templates=templates_for(answers, choice),
        assumptions=assumptions(answers),
    )


def provisional(answers: Answers) -> Verdict | None:
    """The verdict so far, while questions are still open; None until a need is named."""
    return decide(answers) if answers.needs else None


def _reasons(answers: Answers, choice: Choice) -> tuple[Reason, ...]:
    """One reason per row that was met, those that made the verdict first, each for all the needs it answers."""
    usable = 0 if answers.example_quality == "none" else answers.examples or 0
    none = "none named yet" if answers.examples is None else "none"
    counts = {
        "examples": f"{usable:,} examples" if usable > 1 else "1 example" if usable else none,
        "pairs": f"{answers.preference_pairs or 0:,} preference pairs",
    }
    needs_of: dict[str, list[str]] = {}
    for part in choice.parts:
        needs_of.setdefault(part.row.id, []).append(part.need)
    first_of_row = {part.row.id: part for part in reversed(choice.parts)}
    ranked = sorted(first_of_row.values(), key=lambda part: _rank(part, choice))
    reasons = [
        Reason(part.row.reason.format_map(counts), tuple(needs_of[part.row.id]), part.row.source) for part in ranked
    ]
    if choice.technique in ("sft", "distillation", "sft_then_dpo") and 0 < usable < GOOD_EXAMPLES:
        reasons.append(Reason(_few_rows(counts["examples"], usable), (), OPENAI_TUNING))
    return tuple(reasons)


def _few_rows(said: str, usable: int) -> str:
    if usable <= SAFE_MINIMUM_EXAMPLES:
        return (
            f"{said} are the least that a LoRA can work with: take the first run as a trial that shows whether the "
            f"task can be learned, and go on collecting; results are dependable from {GOOD_EXAMPLES} on."
        )
    return (
        f"{said} are enough to begin with; each doubling still helps, up to {GOOD_EXAMPLES} and beyond, as long as "
        "every row is good."
    )


def _rank(part: Part, choice: Choice) -> tuple[bool, int]:
    approach = part.row.approach
    made_it = approach == choice.approach or (choice.approach in TUNING and approach in (*TUNING, "rag"))
    return not made_it, ORDER.index(approach) if approach in ORDER else len(ORDER)


def to_document(verdict: Verdict, *, overridden: bool = False) -> dict[str, Any]:
    """The verdict as JSON values: `ftui decide --json`, schema in `ftui/schemas/decide.json`.

    overridden: the person goes on to train against the verdict; recorded as such in a run.
    """
    method = verdict.method
    document = {
        "schema_version": SCHEMA_VERSION,
        "approach": verdict.approach,
        "technique": verdict.technique,
        "summary": summary(verdict),
        "cost": verdict.cost,
        "reasons": [reason.text for reason in verdict.reasons],
        "sources": list(dict.fromkeys(reason.source for reason in verdict.reasons)),
        "plan": [
            {"approach": step.approach, "technique": step.technique, "needs": list(step.needs)} for step in verdict.plan
        ],
        "next_steps": list(verdict.next_steps),
        "flips": [
            {
                "key": flip.key,
                "value": list(flip.value) if isinstance(flip.value, tuple) else flip.value,
                "if": flip.change,
                "approach": flip.approach,
                "technique": flip.technique,
            }
            for flip in verdict.flips
        ],
        "risks": [{"risk": risk.name, "what": risk.what, "remedy": risk.remedy} for risk in verdict.risks],
        "method": None if method is None else {"name": method.name, "rank": method.rank, "reason": method.reason},
        "templates": [
            {"title": template.title, "language": template.language, "body": template.body}
            for template in verdict.templates
        ],
        "assumptions": list(verdict.assumptions),
    }
    return {**document, "overridden": True} if overridden else document


def summary(verdict: Verdict) -> str:
    """One sentence: the verdict, how, at what cost."""
    how = f": {TECHNIQUE_TITLES[verdict.technique]}" if verdict.technique else ""
    return f"{verdict.title}{how}. Cost: {verdict.cost} ({COST_REASONS[verdict.cost]})."
