"""A run's result as one HTML file with charts, without scripts and without anything fetched."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.report import (
    VERDICTS,
    ReportData,
    changed_most,
    figures,
    harness_lines,
    judge_lines,
    people_lines,
    worst,
)
from ftui.core.report_charts import changes_svg, curves_svg, wins_svg
from ftui.core.text import safe

TONES = {"SHIP": "#1a7f37", "DON'T SHIP": "#b42318"}
STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328;
       background: #fff }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #d0d7de; padding: .3rem .6rem; text-align: left; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f6f8fa; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }
svg { width: 100%; height: auto }
.verdict { font-size: 1.6rem; font-weight: 700 }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .6rem; margin-bottom: 1.5rem }
@media (max-width: 40rem) { .pair { grid-template-columns: 1fr } }
@media print { body { margin: 0; max-width: none } .pair { break-inside: avoid } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""What a browser may do with the page: show it. Should an escape ever be missing, nothing would run or be fetched."""


def html_report(data: ReportData) -> str:
    """The page; everything from outside is escaped."""
    verdict = data.verdict or {}
    word = VERDICTS.get(verdict.get("verdict", ""), "Not compared")
    metrics = verdict.get("metrics", {})
    losses = {"train loss": data.losses, "held-out loss": data.eval_losses}
    parts = [
        f"<h1>{_escaped(data.run)}</h1>",
        f'<p class="verdict" style="color:{TONES.get(word, "#8a6100")}">{word}</p>',
        _list(verdict.get("reasons", [])),
        _metrics_table(metrics, verdict.get("primary", "")),
        changes_svg(metrics, verdict.get("primary", "")),
        _list(figures(verdict)),
        _groups_table(verdict.get("groups") or []),
        _confusion_table((verdict.get("confusion") or {}).get("tuned")),
        _section("What people said, blind", people_lines(data.people), data.people.get("criteria", {})),
        _section("What a judge said", judge_lines(data.judge), data.judge.get("criteria", {})),
        _section("lm-eval", harness_lines(data.harness), {}),
        "<h2>Loss</h2>",
        curves_svg(losses, points=frozenset({"held-out loss"})),
        *(
            f"<h2>{title}</h2>" + "".join(_sample(row) for row in rows)
            for title, rows in (
                ("Gained most", changed_most(data.samples, best=True)),
                ("Lost most", changed_most(data.samples, best=False)),
                ("The tuned model's worst answers", worst(data.samples)),
            )
            if rows
        ),
        _forgotten(verdict.get("forgotten") or []),
        _done(data),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_escaped(data.run)}</title>\n'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


def _metrics_table(metrics: Mapping[str, Mapping[str, Any]], primary: str) -> str:
    if not metrics:
        return ""
    head = "<tr><th>metric<th class=n>base<th class=n>tuned<th class=n>change<th>95 % interval<th class=n>rows</tr>"
    rows = [
        f"<tr><td>{'<b>' if name == primary else ''}{_escaped(name.replace('_', ' '))}<td class=n>{m['base']:.4g}"
        f"<td class=n>{m['tuned']:.4g}<td class=n>{m['delta']:+.4g}"
        f"<td>{m['ci_low']:+.4g} to {m['ci_high']:+.4g}<td class=n>{m['n']}</tr>"
        for name, m in sorted(metrics.items(), key=lambda item: (item[0] != primary, item[0]))
    ]
    return f"<table>{head}{''.join(rows)}</table>"


def _groups_table(groups: Sequence[Mapping[str, Any]]) -> str:
    if not groups:
        return ""
    rows = "".join(
        f"<tr><td>{_escaped(group['reason'])}<td class=n>{group['base']}<td class=n>{group['tuned']}</tr>"
        for group in groups
    )
    return f"<h2>What was wrong with answers</h2><table><tr><th><th class=n>base<th class=n>tuned</tr>{rows}</table>"


def _confusion_table(made: Mapping[str, Any] | None) -> str:
    if not made:
        return ""
    head = "".join(f"<th class=n>{_escaped(label)}" for label in made["labels"])
    rows = "".join(
        f"<tr><th>{_escaped(label)}" + "".join(f"<td class=n>{count}" for count in row) + "</tr>"
        for label, row in zip(made["labels"], made["table"], strict=False)
    )
    return f"<h2>Labels of the tuned model</h2><table><tr><th>wanted \\ given{head}</tr>{rows}</table>"


def _section(title: str, lines: Sequence[str], criteria: Mapping[str, Mapping[str, Any]]) -> str:
    return f"<h2>{title}</h2>{_list(lines)}{wins_svg(criteria, title)}" if lines else ""


def _sample(row: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<div><p>{title}</p><pre>{_escaped(str(row.get(name, ''))[:1200])}</pre></div>"
        for name, title in (("prompt", "prompt"), ("reference", "wanted"), ("base", "base"), ("tuned", "tuned"))
    )
    return f'<div class="pair">{cells}</div>'


def _forgotten(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    items = "".join(
        f"<tr><td class=n>{row['base']:.3f}<td class=n>{row['tuned']:.3f}<td>{_escaped(row['text'][:300])}</tr>"
        for row in rows
    )
    head = "<tr><th class=n>loss before<th class=n>after<th>text</tr>"
    return f"<h2>General text that became less likely</h2><table>{head}{items}</table>"


def _done(data: ReportData) -> str:
    plan = data.plan
    facts = [f"model: {plan.model.id}", f"method: {plan.method.task}, {plan.method.technique}"]
    facts += [f"{name}: {reason}" for name, reason in plan.reasons.items()]
    facts += [f"{name.replace('_', ' ')}: {value:,}" for name, value in data.memory.items() if value is not None]
    packages = ", ".join(
        f"{name} {version}" for name, version in data.environment.get("packages", {}).items() if version
    )
    return f"<h2>What was done</h2>{_list(facts)}" + (f"<p>{_escaped(packages)}</p>" if packages else "")


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_escaped(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _escaped(text: object) -> str:
    return html.escape(safe(str(text), newlines=True))
