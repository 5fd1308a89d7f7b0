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
    half, most_of, longest = ordered[len(ordered) // 2], ordered[(len(ordered) - 1) * 95 // 100], ordered[-1]
    top = longest if longest <= 2 * most_of else most_of  # a few very long rows must not squeeze all others into a bar
    step = max(1, int(nice_step(max(top, 1), _BARS - 2)))
    bars = [0] * (top // step + 1)
    for length in ordered:
        bars[min(length // step, len(bars) - 1)] += 1
    beyond = sum(length >= len(bars) * step for length in ordered)
    bars[-1] -= beyond
    over = sum(length > limit for length in ordered) if limit else 0
    label = f"{len(bars) * step:,}+"
    room = max(10, width - len(label) - 10)
    rows: list[Row] = [
        (
            (f"{start * step:>{len(label)},} ", "dim"),
            (glyphs.full * max(1 if count else 0, round(count / max(bars) * room)), "bright"),
            (f" {count:,}", "dim"),
        )
        for start, count in enumerate(bars)
    ]
    if beyond:
        rows.append(((f"{label:>{len(label)}} ", "dim"), (f"{beyond:,} up to {longest:,}", "text")))
    if limit:
        cut = f"{plural(over, 'row is', 'rows are')} longer than {limit:,} tokens and cut there"
        none = f"no row is longer than the limit of {limit:,} tokens"
        line: Row = ((f"{glyphs.dash * 2} {cut if over else none} ", "warn" if over else "ok"),)
        place = limit // step + 1
        rows.insert(min(place, len(bars)) if over else len(rows), line)
    total = plural(len(ordered), "row")
    summary = f"{total}: half up to {half:,} tokens, 95 % up to {most_of:,}, longest {longest:,}"
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
