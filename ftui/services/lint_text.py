"""Lint results for people: every finding with the line it is about, grouped by code, or one line each."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

from ftui.core.lint.catalogue import all_rules
from ftui.core.lint.model import Finding, Severity
from ftui.core.text import cell_width, clip, duration, plural, safe
from ftui.services.dataset import WITHOUT_DATA
from ftui.services.lint import FileReport, duplicate_cost

GROUPED_ABOVE = 20
SHOWN_PER_CODE = 5
NARROWEST, WIDEST = 60, 120
UNKNOWN_WIDTH = 100
"""Where the output is no terminal, and $COLUMNS does not say."""


def width() -> int:
    """Cells per line of what is printed here."""
    known = shutil.get_terminal_size((0, 0)).columns if sys.stdout.isatty() else 0
    known = known or shutil.get_terminal_size((UNKNOWN_WIDTH, 0)).columns
    return min(WIDEST, max(NARROWEST, known))


def full(report: FileReport, per_code: int | None = SHOWN_PER_CODE) -> Iterator[str]:
    """Every finding with its excerpt and a mark under the offending part; of each code the first few."""
    shown: dict[str, int] = {}
    cells = width()
    for finding in _limited(report, per_code):
        shown[finding.code] = shown.get(finding.code, 0) + 1
        rule = all_rules()[finding.code]
        fix = f" [{finding.fix} fix]" if finding.fix else ""
        yield f"{_place(report, finding)} {finding.severity} {finding.code} {rule.name}{fix}"
        at = f"{safe(finding.pointer)}: " if finding.pointer else ""
        yield from _wrapped(f"{at}{safe(finding.message)}", "  ", cells)
        yield from _excerpt(finding, "  ", cells)
    yield from _and_more(report, shown)


def grouped(report: FileReport, per_code: int | None = SHOWN_PER_CODE) -> Iterator[str]:
    """By code, the worst first: what it is, how often, which rows."""
    samples = report.findings.samples
    cells = width()
    order = sorted(samples, key=lambda code: (-Severity(samples[code][0].severity).rank, code))
    for code in order:
        rule, count = all_rules()[code], report.findings.summary[code]
        times = f", {count:,} times" if count > 1 else ""
        yield f"{samples[code][0].severity} {code} {rule.name}{times}"
        yield from _wrapped(rule.summary, "  ", cells)
        if samples[code][0].fix:
            yield from _wrapped(f"{samples[code][0].fix.capitalize()} fix: {rule.fix}.", "  ", cells)
        many = samples[code] if per_code is None else samples[code][:per_code]
        for finding in many:
            yield from _wrapped(f"{_row(finding)}{safe(finding.message)}", "    ", cells)
            yield from _excerpt(finding, "    ", cells)
        if count > len(many):
            yield f"    ... and {count - len(many):,} more (all of them: --select {code} --all)"
        yield ""
    if order:
        yield f"What a code means: ftui lint explain {order[0]}"


def concise(report: FileReport) -> Iterator[str]:
    """One line per finding, none left out: path:line: code message."""
    for finding in report.findings:
        at = f" {safe(finding.pointer)}" if finding.pointer else ""
        yield f"{_place(report, finding)}{at} {finding.code} {safe(finding.message)}"


def statistics(report: FileReport) -> Iterator[str]:
    """A table of codes: how often, in what share of the rows, and whether there is a fix."""
    yield f"{'count':>9}  {'of rows':>7}  code    severity  fix     rule"
    for code, count in report.findings.summary.most_common():
        finding = report.findings.samples[code][0]
        share = _percent(count / report.rows) if report.rows and finding.row is not None else "-"
        rule = all_rules()[code]
        yield f"{count:>9,}  {share:>7}  {code}  {finding.severity:<8}  {finding.fix or '-':<6}  {rule.name}"


def summary(report: FileReport, *, fixed: bool = False) -> Iterator[str]:
    """The last lines: what was read, what was found, what it costs, what can be fixed."""
    found = report.findings
    unreadable = f", {plural(report.unreadable, 'record')} could not be read" if report.unreadable else ""
    yield f"{safe(report.path)}: {plural(report.rows, 'row')}, {report.format}{unreadable}, {duration(report.seconds)}"
    counts = [
        plural(found.by_severity[level], level) for level in ("error", "warning", "info") if found.by_severity[level]
    ]
    yield f"  {', '.join(counts).replace('infos', 'notes').replace('info', 'note') or 'Nothing found.'}"
    if not report.rows and (code := next((code for code in found.summary if code in WITHOUT_DATA), "")):
        yield from _wrapped(WITHOUT_DATA[code], "  ", width())
    if report.accepted:
        yield f"  {plural(report.accepted, 'finding')} accepted by the baseline."
    yield from cost_lines(report)
    safe_fixes, unsafe_fixes = found.fixable["safe"], found.fixable["unsafe"]
    if not fixed and safe_fixes:
        more = f", {unsafe_fixes:,} more with --fix --unsafe-fixes" if unsafe_fixes else ""
        yield f"  {safe_fixes:,} can be fixed with --fix{more} (into a new file)."
    elif not fixed and unsafe_fixes:
        yield f"  {unsafe_fixes:,} can be fixed with --fix --unsafe-fixes (into a new file; look first: --diff)."


def cost_lines(report: FileReport) -> Iterator[str]:
    """What the findings cost in a run."""
    duplicates = report.findings.summary["DUP701"]
    if duplicates and report.rows:
        of_rows, of_text = _percent(duplicates / report.rows), _percent(duplicate_cost(report))
        yield f"  {plural(duplicates, 'duplicate')} = {of_rows} of the rows, {of_text} of your compute."
    useless = len(report.findings.useless_rows)
    if useless:
        yield f"  {plural(useless, 'row')} {'teaches' if useless == 1 else 'teach'} nothing."
    leaked = report.findings.summary["DUP705"]
    if leaked:
        verb = "is" if leaked == 1 else "are"
        yield f"  {plural(leaked, 'eval row')} {verb} in the training rows: scores on them mean nothing."


def _percent(share: float) -> str:
    """A share as people say it: "24 %", "0.3 %"; never 0 for what is there."""
    if share >= 0.0995:
        return f"{100 * share:.0f} %"
    return f"{100 * share:.1f} %" if share >= 0.001 else "<0.1 %"


def _limited(report: FileReport, per_code: int | None) -> Sequence[Finding]:
    if per_code is None:
        return list(report.findings)
    few = [finding for samples in report.findings.samples.values() for finding in samples[:per_code]]
    return sorted(
        few, key=lambda finding: (-1 if finding.row is None else finding.row, finding.line or 0, finding.code)
    )


def _and_more(report: FileReport, shown: dict[str, int]) -> Iterator[str]:
    for code, count in report.findings.summary.items():
        left = count - shown.get(code, 0)
        if left:
            yield f"{code}: ... and {left:,} more (all of them: --select {code} --all)"


def _wrapped(text: str, indent: str, cells: int) -> list[str]:
    """Lines of at most `cells` cells; a text of wide characters is not cut, the terminal does that."""
    if cell_width(text) + len(indent) <= cells or not text.isascii():
        return [indent + text]
    return textwrap.wrap(
        text, cells, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _place(report: FileReport, finding: Finding) -> str:
    parts = [safe(report.path)]
    if finding.line is not None:
        parts.append(f"{finding.line}")
    elif finding.row is not None:
        parts.append(f"row {finding.row}")
    return ":".join(parts) + ":"


def _row(finding: Finding) -> str:
    line = f" (line {finding.line:,})" if finding.line is not None else ""
    if finding.row is None:
        return f"line {finding.line:,}: " if finding.line is not None else ""
    return f"row {finding.row:,}{line}{' ' + safe(finding.pointer) if finding.pointer else ''}: "


def _excerpt(finding: Finding, indent: str, cells: int) -> Iterator[str]:
    """The excerpt, and under it a line that marks the offending part."""
    if not finding.excerpt:
        return
    text, room = finding.excerpt, cells - len(indent) - 2
    start, length = finding.mark or (0, 0)
    if start > room - 20:
        cut = start - 20
        text, start = "…" + text[cut + 1 :], start - cut
    yield f"{indent}| {clip(text, room)}"
    if finding.mark is not None and start < room:
        before = cell_width(text[:start])
        marked = max(1, min(cell_width(text[start : start + length]), room - before))
        yield f"{indent}| {' ' * before}{'^' * marked}"
