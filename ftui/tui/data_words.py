"""A dataset's check in words: findings in groups, what a fix would change, rows with the offending part marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.core.text import clip, duration, gib, plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

SEVERITIES = ("error", "warning", "info")
WORDS = {"error": "ERROR", "warning": "WARNING", "info": "NOTE"}
LOOKS = {"error": "fail", "warning": "warn", "info": "dim"}
FIX, KEEP = "fix", "keep"
_EXAMPLES = 2
_NO_ROWS = ("FIL", "ENC", "JSN", "CSV")
"""Families whose findings are about lines and bytes: what they object to is often no row at all."""


@dataclass(frozen=True)
class Group:
    """All findings of one rule, as services.data_check gives them. fixable: how many of them a fix can mend.

    safety: "safe" where the fix keeps what a row means, "unsafe" where it may change or drop it, "" without one.
    """

    code: str
    severity: str
    title: str
    explanation: str
    count: int
    fixable: int
    safety: str
    fix: str
    rows: Sequence[int]
    findings: Sequence[Mapping[str, Any]]
    examples: Sequence[Mapping[str, Any]]

    @property
    def weight(self) -> str:
        """How much the fix matters: necessary, recommended or optional; "" where there is none."""
        if not self.fixable:
            return ""
        if self.severity == "error":
            return "necessary"
        return "recommended" if self.severity == "warning" and self.safety == "safe" else "optional"

    @property
    def proposed(self) -> str:
        """What is done unless the user says otherwise: FIX or KEEP; "" where nothing can be done."""
        return {"necessary": FIX, "recommended": FIX, "optional": KEEP}.get(self.weight, "")


def groups_of(report: Mapping[str, Any]) -> list[Group]:
    """The groups of a check, in its order."""
    return [_group(group) for group in _list(report.get("groups")) if isinstance(group, Mapping)]


def _group(group: Mapping[str, Any]) -> Group:
    fix = group.get("fix")
    fix = fix if isinstance(fix, Mapping) else {}
    return Group(
        code=str(group.get("code", "")),
        severity=str(group.get("severity", "info")),
        title=str(group.get("summary") or group.get("name") or ""),
        explanation=str(group.get("explanation", "")),
        count=_count(group.get("count")),
        fixable=_count(group.get("fixable")) if fix else 0,
        safety=str(fix.get("safety", "")),
        fix=str(fix.get("description", "")),
        rows=[row for row in _list(group.get("rows")) if isinstance(row, int)],
        findings=[finding for finding in _list(group.get("findings")) if isinstance(finding, Mapping)],
        examples=[example for example in _list(group.get("examples")) if isinstance(example, Mapping)],
    )


def counts_of(groups: Sequence[Group]) -> dict[str, int]:
    """How many findings there are of each severity."""
    return {s: sum(g.count for g in groups if g.severity == s) for s in SEVERITIES}


def counts_in_words(counts: Mapping[str, int]) -> str:
    """The counts of `counts_of`, the worst first; empty where there are none."""
    nouns = {"error": "error", "warning": "warning", "info": "note"}
    return ", ".join(plural(counts[s], nouns[s]) for s in SEVERITIES if counts[s])


def notes_by_row(groups: Sequence[Group]) -> dict[int, list[str]]:
    """Row number -> what the check said about it, as far as the findings are at hand."""
    notes: dict[int, list[str]] = {}
    for group in groups:
        for finding in group.findings:
            if isinstance(row := finding.get("row"), int):
                place = f" ({finding['pointer']})" if finding.get("pointer") else ""
                notes.setdefault(row, []).append(f"{group.code}: {finding.get('message', '')}{place}")
    return notes


PHASES = {"comparing": "Comparing rows that look alike in", "showing": "Looking up examples in"}
_SHORTEST_WAIT_SECONDS = 3.0
"""Before that, how long it will take is a guess, and nobody asks."""


def progress_row(name: str, progress: Mapping[str, Any], seconds: float = 0.0) -> Row:
    """How far the check of a file is, as services.data_check says it. seconds: since it began."""
    done, total, rows = (_count(progress.get(key)) for key in ("done_bytes", "total_bytes", "rows"))
    phase, share = str(progress.get("phase") or ""), progress.get("share")
    if phase in PHASES:
        far = f" {min(1.0, share):.0%}" if isinstance(share, float) else ""
        return ((f"{PHASES[phase]} {clip(name, 36)} ...{far}", "accent"), (f"  {plural(rows, 'row')}", "dim"))
    read = min(1.0, done / total) if total else 0.0
    far = f" {read:.0%}" if total else ""
    left = f", {duration(seconds / read - seconds)} left to read" if seconds > _SHORTEST_WAIT_SECONDS and read else ""
    return (
        (f"Checking {clip(name, 36)} ...{far}", "accent"),
        (f"  {plural(rows, 'row')}{left}" if rows else "", "dim"),
    )


def headline(report: Mapping[str, Any], groups: Sequence[Group]) -> Row:
    """The file in one row: format, rows, size, findings."""
    counts = counts_of(groups)
    rows, size = report.get("rows"), report.get("bytes")
    parts: list[tuple[str, str]] = [(safe(str(report.get("format") or "unknown format")), "strong")]
    if isinstance(rows, int):
        parts.append((f", {plural(rows, 'row')}", "text"))
    if isinstance(size, int):
        parts.append((f", {gib(size)}", "text"))
    if held_out := report.get("held_out"):
        parts.append((f", held out: {clip(str(held_out), 24)}", "text"))
    worst = next((s for s in SEVERITIES if counts[s]), "")
    if not worst:
        parts.append((": nothing to object to", "ok"))
    else:
        parts.append((f": {counts_in_words(counts)}", LOOKS[worst]))
    return tuple(parts)


def cost_row(report: Mapping[str, Any]) -> Row | None:
    """What the findings cost a run; None where they cost nothing."""
    cost = report.get("cost")
    if not isinstance(cost, Mapping):
        return None
    share, useless, leaked = cost.get("duplicate_share"), _count(cost.get("useless_rows")), cost.get("leaked_eval_rows")
    said = []
    if isinstance(share, float) and share >= 0.01:
        said.append(f"repeats take {share:.0%} of the compute")
    if useless:
        said.append(f"{plural(useless, 'row teaches', 'rows teach')} nothing")
    if leaked and isinstance(leaked, int):
        said.append(f"{plural(leaked, 'row is', 'rows are')} in the held-out data")
    return (("What it costs: " + "; ".join(said), "warn"),) if said else None


def group_line(group: Group, choice: str, glyphs: Glyphs, width: int) -> Row:
    """A group in the list: severity in a word, whether it will be fixed, code, how many, what."""
    sign = {"error": glyphs.bad, "warning": glyphs.warning}.get(group.severity, glyphs.middle)
    word = f"{sign} {WORDS.get(group.severity, 'NOTE'):<7} "
    box = ("[x] " if choice == FIX else "[ ] ") if group.fixable else "ok  " if choice == KEEP else "    "
    room = max(8, width - len(word) - len(box) - 15)
    return (
        (word, LOOKS.get(group.severity, "dim")),
        (box, "ok" if choice == FIX else "dim"),
        (f"{clip(group.code, 7):<7}", "dim"),
        (f"{group.count:>6} ", "strong"),
        (clip(group.title, room), "text"),
    )


def group_detail(group: Group, choice: str) -> list[Row]:
    """What can be done with before and after, why the rule objects, and the rows."""
    rows: list[Row] = [((f"{clip(group.code, 12)} ", "accent"), (safe(group.title), "strong"))]
    rows += _question(group, choice)
    for example in group.examples[:_EXAMPLES]:
        rows += _before_and_after(example)
    if group.explanation:
        rows += [(("", "text"),), ((safe(group.explanation), "text"),)]
    rows.append((("", "text"),))
    for finding in group.findings:
        rows += _finding(finding)
    if group.count > len(group.findings):
        rows.append(((f"... and {group.count - len(group.findings):,} more", "dim"),))
    return rows


def _question(group: Group, choice: str) -> list[Row]:
    if not group.fixable:
        if group.code[:3] in _NO_ROWS:
            return [(("No fix: mend the file itself.", "dim"),)]
        more = f" r walks the {plural(len(group.rows), 'row')}." if group.rows else ""
        return [((f"No fix: a person has to decide.{more}", "dim"),)]
    keys = "[Y/n]" if group.proposed == FIX else "[y/N]"
    look = {"necessary": "fail", "recommended": "warn"}.get(group.weight, "dim")
    keeps = "keeps what the rows mean" if group.safety == "safe" else "may change what a row means, or drop it"
    mended = plural(group.fixable, "place") if group.fixable == group.count else f"{group.fixable:,} of {group.count:,}"
    now = "will be fixed" if choice == FIX else "stays as it is"
    return [
        ((f"{group.weight.capitalize()}: ", look), (f"{safe(group.fix)}? {keys}", "strong"), (f"  now: {now}", "ok")),
        ((f"{mended}; {keeps}", "dim"),),
    ]


def _before_and_after(example: Mapping[str, Any]) -> list[Row]:
    line, row = example.get("line"), example.get("row")
    where = f"line {line}" if isinstance(line, int) else f"row {row}"
    rows: list[Row] = []
    for place in _list(example.get("places")):
        if not isinstance(place, list) or len(place) != 3:
            continue
        pointer, before, after = (safe(str(part)) for part in place)
        if example.get("dropped"):
            rows.append(((f"{where} is left out: ", "dim"), (f"- {before}", "fail")))
            continue
        rows.append(((f"{where} {pointer}", "dim"),))
        rows.append((("  - ", "fail"), (before, "text")))
        rows.append((("  + ", "ok"), (after, "text")))
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


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
