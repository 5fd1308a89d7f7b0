"""A run's result for a person's team, as Markdown; core/report_html.py makes the same a page with charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftui.core.agreement import in_words
from ftui.core.plan import Plan
from ftui.core.text import safe

VERDICTS = {"SHIP": "SHIP", "DONT_SHIP": "DON'T SHIP", "INCONCLUSIVE": "INCONCLUSIVE"}
SAMPLES_SHOWN = 5


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows. losses: (step, train loss); eval_losses: (step, held-out loss)."""

    run: str
    plan: Plan
    verdict: Mapping[str, Any] | None
    samples: Sequence[Mapping[str, Any]] = ()
    losses: Sequence[tuple[int, float]] = ()
    eval_losses: Sequence[tuple[int, float]] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    """predicted_bytes and measured_bytes of the peak, where known."""
    people: Mapping[str, Any] = field(default_factory=dict)
    """What raters said, as core/rating.py sums it up; empty where nobody rated."""
    judge: Mapping[str, Any] = field(default_factory=dict)
    """eval/judge.json."""
    harness: Mapping[str, Any] = field(default_factory=dict)
    """eval/lm-eval.json."""


def changed_most(samples: Sequence[Mapping[str, Any]], *, best: bool) -> list[Mapping[str, Any]]:
    """The rows that gained most (or lost most) by the tuning, most first; rows that did not change are left out."""
    scored = [row for row in samples if row.get("base_score") is not None and row.get("tuned_score") is not None]
    gain = [(row["tuned_score"] - row["base_score"], row) for row in scored]
    chosen = [pair for pair in gain if (pair[0] > 0) == best and pair[0] != 0]
    return [row for _, row in sorted(chosen, key=lambda pair: pair[0], reverse=best)][:SAMPLES_SHOWN]


def worst(samples: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The tuned model's worst answers, worst first."""
    scored = [row for row in samples if row.get("tuned_score") is not None]
    return sorted(scored, key=lambda row: row["tuned_score"])[:SAMPLES_SHOWN]


def markdown_report(data: ReportData) -> str:
    """The report as Markdown. Text of models and rows stands in code blocks, so none of it is read as markup."""
    plan, verdict = data.plan, data.verdict
    lines = [f"# {_inline(data.run)}", ""]
    if verdict:
        lines += [f"**{VERDICTS.get(verdict['verdict'], verdict['verdict'])}**", ""]
        lines += [f"- {_inline(reason)}" for reason in verdict.get("reasons", [])]
        lines += ["", "| metric | base | tuned | change | 95 % interval | rows |", "|---|---:|---:|---:|---|---:|"]
        lines += [
            f"| {name} | {m['base']:.4g} | {m['tuned']:.4g} | {m['delta']:+.4g} "
            f"| {m['ci_low']:+.4g} to {m['ci_high']:+.4g} | {m['n']} |"
            for name, m in verdict.get("metrics", {}).items()
        ]
        lines += ["", *(f"- {_inline(line)}" for line in figures(verdict))]
        lines += _group_lines(verdict) + _confusion_lines(verdict)
    else:
        lines.append("Base and tuned were not compared.")
    for title, words in (
        ("What people said, blind", people_lines(data.people)),
        ("What a judge said", judge_lines(data.judge)),
        ("lm-eval", harness_lines(data.harness)),
    ):
        if words:
            lines += ["", f"## {title}", "", *(f"- {_inline(line)}" for line in words)]
    lines += ["", "## What was done", ""]
    lines += [f"- model: {_inline(plan.model.id)}", f"- method: {plan.method.task}, {plan.method.technique}"]
    lines += [f"- {name}: {_inline(reason)}" for name, reason in plan.reasons.items()]
    if data.memory:
        lines += ["", "## Memory at the peak", ""]
        lines += [f"- {name.replace('_', ' ')}: {value:,}" for name, value in data.memory.items() if value is not None]
    for title, rows in (
        ("Gained most", changed_most(data.samples, best=True)),
        ("Lost most", changed_most(data.samples, best=False)),
        ("The tuned model's worst answers", worst(data.samples)),
    ):
        if rows:
            lines += ["", f"## {title}", ""]
            for row in rows:
                lines += _sample_lines(row)
    forgotten = (verdict or {}).get("forgotten") or []
    if forgotten:
        lines += ["", "## General text that became less likely", ""]
        lines += [f"- {row['base']:.3f} -> {row['tuned']:.3f} `{_inline(row['text'])[:160]}`" for row in forgotten]
    packages = ", ".join(f"{k} {v}" for k, v in data.environment.get("packages", {}).items() if v)
    if packages:
        lines += ["", "## Versions", "", packages]
    return "\n".join(lines) + "\n"


def figures(verdict: Mapping[str, Any]) -> list[str]:
    """The figures of a verdict that are no row of its table, one sentence each."""
    found = []
    if perplexity := verdict.get("perplexity"):
        found.append(f"perplexity of the wanted answers: {perplexity['base']:.3g} -> {perplexity['tuned']:.3g}")
    if moved := verdict.get("kl_to_base"):
        found.append(f"distance to the base (KL): {moved['mean']:.3g} nats a token, {moved['rows']} rows")
    if reward := verdict.get("reward_accuracy"):
        interval = f"95 % {reward['ci_low']:.2f} to {reward['ci_high']:.2f}, {reward['rows']} rows"
        found.append(f"reward accuracy against the base: {reward['value']:.2f} ({interval}; chance is 0.50)")
    if noise := verdict.get("noise"):
        again = f"{noise['changed']} of {noise['rows']} answers changed when the same model was asked twice"
        found.append(f"noise floor: {verdict.get('noise_floor') or 0.0:.3g} ({again})")
    for name, speed in (verdict.get("speed") or {}).items():
        if speed:
            first = speed.get("first_token_seconds")
            alone = speed.get("alone_tokens_per_second")
            waits = f", alone {first:.3g} s to the first token" if first is not None else ""
            rate = f" and {alone:.0f} tokens/s after it" if alone is not None else ""
            found.append(f"speed of {name}: {speed['tokens_per_second']:.0f} tokens/s in batches{waits}{rate}")
    return found


def people_lines(people: Mapping[str, Any]) -> list[str]:
    """What raters said, a line for each criterion."""
    if not people:
        return []
    lines = [f"{people['items']} rows rated blind by {', '.join(people['raters'])}"]
    for name, c in people["criteria"].items():
        agreed = f", agreement alpha {c['alpha']:+.2f} ({in_words(c['alpha'])})" if c["alpha"] is not None else ""
        lines.append(f"{name}: {_win_words(c)}{agreed}")
    return lines


def judge_lines(judge: Mapping[str, Any]) -> list[str]:
    """What a language model said as judge, how steady it was, and how far people agree with it."""
    if not judge:
        return []
    failed = f", {judge['failed']} without a readable word" if judge.get("failed") else ""
    lines = [f"{judge['judge']} judged {judge['rows']} rows in both orders{failed}"]
    for name, c in judge.get("criteria", {}).items():
        steady = f"{judge['consistency'][name]:.0%} held when the answers were swapped"
        said = judge.get("people", {}).get(name)
        people = f"; the same winner as people on {said['same_winner']:.0%} of {said['rows']} rows" if said else ""
        lines.append(f"{name}: {_win_words(c)}; {steady}{people}")
    if judge.get("rows") and not judge.get("reliable"):
        lines.append("unreliable: too many of its verdicts turned with the order of the answers")
    return lines


def harness_lines(harness: Mapping[str, Any]) -> list[str]:
    """Results of lm-eval, base against tuned."""
    return [
        f"{task} {metric}: {values['base']:.3f} -> {values['tuned']:.3f}"
        for task, metrics in harness.get("tasks", {}).items()
        for metric, values in metrics.items()
    ]


def _win_words(c: Mapping[str, Any]) -> str:
    counts = f"tuned better {c['wins']}, same {c['ties']}, base better {c['losses']}"
    return f"{counts}, win rate {c['win_rate']:.2f} (95 % {c['ci_low']:.2f} to {c['ci_high']:.2f})"


def _group_lines(verdict: Mapping[str, Any]) -> list[str]:
    groups = verdict.get("groups") or []
    if not groups:
        return []
    rows = [f"| {_inline(g['reason'])} | {g['base']} | {g['tuned']} |" for g in groups]
    return ["", "## What was wrong with answers", "", "| | base | tuned |", "|---|---:|---:|", *rows]


def _confusion_lines(verdict: Mapping[str, Any]) -> list[str]:
    made = (verdict.get("confusion") or {}).get("tuned")
    if not made:
        return []
    labels = [_inline(label) for label in made["labels"]]
    lines = ["", "## Labels of the tuned model", "", f"| wanted | {' | '.join(labels)} |"]
    lines.append("|---|" + "---:|" * len(labels))
    return lines + [
        f"| {label} | {' | '.join(map(str, row))} |" for label, row in zip(labels, made["table"], strict=False)
    ]


def _sample_lines(row: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in ("prompt", "reference", "base", "tuned"):
        text = safe(str(row.get(name, "")), newlines=True)[:600]
        fence = "```" if "```" not in text else "`````"
        lines += [f"{name}:", fence, text, fence]
    return [*lines, ""]


def _inline(text: object) -> str:
    return safe(str(text)).replace("`", "'").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
