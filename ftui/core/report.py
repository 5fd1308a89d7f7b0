"""A run's result as a page that a person can hand to their team: Markdown, and self-contained HTML with charts."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
    else:
        lines.append("Base and tuned were not compared.")
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


def html_report(data: ReportData) -> str:
    """The report as one HTML file without scripts and without anything fetched; everything from outside is escaped."""
    verdict = data.verdict or {}
    word = VERDICTS.get(verdict.get("verdict", ""), "not compared")
    tone = {"SHIP": "#1a7f37", "DON'T SHIP": "#b42318"}.get(word, "#8a6100")
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{m['base']:.4g}</td><td>{m['tuned']:.4g}</td><td>{m['delta']:+.4g}</td>"
        f"<td>{m['ci_low']:+.4g} to {m['ci_high']:+.4g}</td><td>{m['n']}</td></tr>"
        for name, m in verdict.get("metrics", {}).items()
    )
    reasons = "".join(f"<li>{_escaped(reason)}</li>" for reason in verdict.get("reasons", []))
    samples = "".join(
        f"<h2>{title}</h2>" + "".join(_sample_html(row) for row in rows)
        for title, rows in (
            ("Gained most", changed_most(data.samples, best=True)),
            ("Lost most", changed_most(data.samples, best=False)),
            ("The tuned model's worst answers", worst(data.samples)),
        )
        if rows
    )
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{_escaped(data.run)}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328 }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ border-bottom: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left }}
pre {{ background: #f6f8fa; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere }}
.verdict {{ color: {tone}; font-size: 1.6rem; font-weight: 700 }}
</style>
<h1>{_escaped(data.run)}</h1>
<p class="verdict">{word}</p>
<ul>{reasons}</ul>
<table><tr><th>metric<th>base<th>tuned<th>change<th>95 % interval<th>rows</tr>{rows}</table>
<h2>Loss</h2>
{loss_svg(data.losses, data.eval_losses)}
{samples}
</html>
"""  # noqa: E501


def loss_svg(
    losses: Sequence[tuple[int, float]], eval_losses: Sequence[tuple[int, float]], width: int = 800, height: int = 300
) -> str:
    """Train loss as a line, held-out loss as a line with points; axes in steps and nats per token."""
    points = [*losses, *eval_losses]
    if not points:
        return "<p>No steps.</p>"
    last = max(step for step, _ in points) or 1
    low, high = min(value for _, value in points), max(value for _, value in points)
    span = (high - low) or 1.0

    def place(step: float, value: float) -> str:
        return f"{50 + step / last * (width - 70):.1f},{height - 30 - (value - low) / span * (height - 50):.1f}"

    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="loss over steps" xmlns="http://www.w3.org/2000/svg">',
        f'<path d="M50 20V{height - 30}H{width - 20}" fill="none" stroke="#8c959f"/>',
        f'<text x="4" y="28" font-size="12">{high:.3g}</text>',
        f'<text x="4" y="{height - 30}" font-size="12">{low:.3g}</text>',
        f'<text x="{width - 60}" y="{height - 10}" font-size="12">{last} steps</text>',
    ]
    for values, colour, name in ((losses, "#0969da", "train"), (eval_losses, "#bc4c00", "held out")):
        if values:
            line = " ".join(place(step, value) for step, value in values)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"><title>{name}</title></polyline>')
    parts += [
        f'<circle cx="{x}" cy="{y}" r="4" fill="#bc4c00"/>'
        for x, y in (place(step, value).split(",") for step, value in eval_losses)
    ]
    parts.append('<text x="60" y="16" font-size="12" fill="#0969da">train</text>')
    parts.append('<text x="100" y="16" font-size="12" fill="#bc4c00">held out</text></svg>')
    return "".join(parts)


def _sample_lines(row: Mapping[str, Any]) -> list[str]:
    lines = []
    for name in ("prompt", "reference", "base", "tuned"):
        text = safe(str(row.get(name, "")), newlines=True)[:600]
        fence = "```" if "```" not in text else "`````"
        lines += [f"{name}:", fence, text, fence]
    return [*lines, ""]


def _sample_html(row: Mapping[str, Any]) -> str:
    return "".join(
        f"<p>{name}</p><pre>{_escaped(str(row.get(name, ''))[:600])}</pre>"
        for name in ("prompt", "reference", "base", "tuned")
    )


def _escaped(text: object) -> str:
    return html.escape(safe(str(text), newlines=True))


def _inline(text: object) -> str:
    return safe(str(text)).replace("`", "'").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
