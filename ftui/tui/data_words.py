"""A dataset's check in words: findings in groups, rows with the offending part marked, lengths as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.core.text import clip, gib, plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.axes import nice_step
from ftui.tui.widgets.lines import Row

SEVERITIES = ("error", "warning", "info")
WORDS = {"error": "ERROR", "warning": "WARNING", "info": "NOTE"}
LOOKS = {"error": "fail", "warning": "warn", "info": "dim"}
MOST_SHOWN = 40
_BARS = 12


@dataclass(frozen=True)
class Group:
    """All findings of one rule."""

    code: str
    severity: str
    title: str
    findings: Sequence[Mapping[str, Any]]
    count: int


def groups_of(report: Mapping[str, Any]) -> list[Group]:
    """The findings of one file (`ftui lint --json`) by rule, the worst first."""
    from ftui.core.lint.catalogue import all_rules

    rules = all_rules()
    by_code: dict[str, list[Mapping[str, Any]]] = {}
    for finding in report.get("findings", ()):
        if isinstance(finding, Mapping):
            by_code.setdefault(str(finding.get("code", "")), []).append(finding)
    summary = report.get("summary")
    found = []
    for code, findings in by_code.items():
        severity = str(findings[0].get("severity", "info"))
        title = rules[code].summary if code in rules else str(findings[0].get("message", ""))
        count = summary.get(code) if isinstance(summary, Mapping) else None
        found.append(Group(code, severity, title, findings, count if isinstance(count, int) else len(findings)))
    order = {severity: index for index, severity in enumerate(SEVERITIES)}
    return sorted(found, key=lambda group: (order.get(group.severity, 3), -group.count, group.code))


def counts_of(groups: Sequence[Group]) -> dict[str, int]:
    """How many findings there are of each severity."""
    return {s: sum(g.count for g in groups if g.severity == s) for s in SEVERITIES}


def headline(report: Mapping[str, Any], groups: Sequence[Group]) -> Row:
    """The file in one row: format, rows, size, findings."""
    counts = counts_of(groups)
    rows, size = report.get("rows"), report.get("bytes")
    parts: list[tuple[str, str]] = [(safe(str(report.get("format") or "unknown format")), "strong")]
    if isinstance(rows, int):
        parts.append((f", {plural(rows, 'row')}", "text"))
    if isinstance(size, int):
        parts.append((f", {gib(size)}", "text"))
    worst = next((s for s in SEVERITIES if counts[s]), "")
    if not worst:
        parts.append((": nothing to object to", "ok"))
    else:
        nouns = {"error": "error", "warning": "warning", "info": "note"}
        said = ", ".join(plural(counts[s], nouns[s]) for s in SEVERITIES if counts[s])
        parts.append((f": {said}", LOOKS[worst]))
    return tuple(parts)


def group_line(group: Group, glyphs: Glyphs, width: int) -> Row:
    """A group in the list: severity in a word, code, how many, what."""
    sign = {"error": glyphs.bad, "warning": glyphs.warning}.get(group.severity, glyphs.middle)
    word = f"{sign} {WORDS.get(group.severity, 'NOTE'):<7} "
    room = max(8, width - len(word) - 14)
    return (
        (word, LOOKS.get(group.severity, "dim")),
        (f"{safe(group.code):<7}", "dim"),
        (f"{group.count:>6} ", "strong"),
        (clip(group.title, room), "text"),
    )


def group_detail(group: Group) -> list[Row]:
    """Why the rule objects, what can be done, and the rows."""
    from ftui.core.lint.catalogue import all_rules

    rule = all_rules().get(group.code)
    rows: list[Row] = [((f"{safe(group.code)} ", "accent"), (safe(group.title), "strong"))]
    if rule is not None:
        rows.append(((rule.explanation, "text"),))
        if rule.fix:
            word = {"safe": "Fix (safe)", "unsafe": "Fix (changes meaning)"}.get(rule.safety, "What helps")
            rows.append(((f"{word}: ", "ok"), (rule.fix, "text")))
    rows.append((("", "text"),))
    for finding in group.findings[:MOST_SHOWN]:
        rows += _finding(finding)
    if group.count > min(MOST_SHOWN, len(group.findings)):
        rows.append(((f"... and {group.count - min(MOST_SHOWN, len(group.findings)):,} more", "dim"),))
    return rows


def _finding(finding: Mapping[str, Any]) -> list[Row]:
    line, row = finding.get("line"), finding.get("row")
    place = f"line {line}" if isinstance(line, int) else f"row {row}" if isinstance(row, int) else "file"
    pointer = safe(str(finding.get("pointer") or ""))
    rows: list[Row] = [((f"{place} {pointer}".rstrip() + ": ", "dim"), (safe(str(finding.get("message", ""))), "text"))]
    excerpt = finding.get("excerpt")
    if isinstance(excerpt, str) and excerpt:
        rows.append((("  ", "text"), *_marked(excerpt, finding.get("mark"))))
    return rows


def _marked(excerpt: str, mark: object) -> list[tuple[str, str]]:
    """The excerpt with its offending part between brackets of colour; also readable without: »part«."""
    if isinstance(mark, list | tuple) and len(mark) == 2 and all(isinstance(part, int) for part in mark):
        start, length = mark
        if 0 <= start < len(excerpt) and length > 0:
            before, part, after = excerpt[:start], excerpt[start : start + length], excerpt[start + length :]
            return [(safe(before), "dim"), (f"»{safe(part)}«", "warn"), (safe(after), "dim")]
    return [(safe(excerpt), "dim")]


def length_rows(lengths: Sequence[int], limit: int | None, width: int, glyphs: Glyphs) -> list[Row]:
    """Row lengths in tokens as bars, with the line where rows are cut."""
    if not lengths:
        return [(("No row could be counted.", "dim"),)]
    ordered = sorted(lengths)
    step = max(1, int(nice_step(max(ordered[-1], limit or 0, 1), _BARS - 2)))
    bars = [0] * (max(ordered[-1], limit or 0) // step + 1)
    for length in ordered:
        bars[length // step] += 1
    most, label = max(bars), len(f"{step * len(bars):,}")
    room = max(10, width - label - 14)
    rows: list[Row] = []
    for index, count in enumerate(bars):
        beyond = limit is not None and index * step >= limit
        if limit is not None and index and (index - 1) * step < limit <= index * step:
            cut = f"{glyphs.dash * 2} longer rows are cut here: {limit:,} tokens "
            rows.append(((cut.ljust(width - 1, glyphs.dash), "warn"),))
        bar = glyphs.full * max(1 if count else 0, round(count / most * room))
        mark = " cut" if beyond and count else ""
        said = (f" {count:,}{mark}", "dim")
        rows.append(((f"{index * step:>{label},} ", "dim"), (bar, "warn" if beyond else "bright"), said))
    half, most_of = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
    total = plural(len(ordered), "row")
    summary = f"{total}: half up to {half:,} tokens, 95 % up to {most_of:,}, longest {ordered[-1]:,}"
    return [((summary, "text"),), *rows]


def trained_rows(row: Mapping[str, Any], glyphs: Glyphs) -> list[Row]:
    """One row as the trainer will see it: trained stretches in colour and between brackets."""
    head = f"row {row.get('index')}: {row.get('trained')} of {row.get('tokens')} tokens are trained"
    rows: list[Row] = [((head, "strong"),)]
    if row.get("dropped"):
        rows.append(((f"left out: {safe(str(row['dropped']))}", "warn"),))
    rows += [((f"note: {safe(str(note))}", "dim"),) for note in row.get("notes", ())]
    spans: list[tuple[str, str]] = []
    for text, trained in row.get("pieces", ()):
        lines = safe(str(text), newlines=True, tabs=True).split("\n")
        look = "ok" if trained else "dim"
        if trained:
            lines[0] = "⟦" + lines[0]
            lines[-1] += "⟧"
        for index, line in enumerate(lines):
            if index:
                rows.append(tuple(spans))
                spans = []
            spans.append((line, look))
    return [*rows, tuple(spans), (("", "text"),)]
