"""Lint results for people: every finding with the line it is about, grouped by code, or one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftui.core.lint.catalogue import all_rules
from ftui.core.lint.model import Finding, Severity
from ftui.core.text import clip, duration, plural, safe
from ftui.services.lint import FileReport, duplicate_cost

GROUPED_ABOVE = 20
SHOWN_PER_CODE = 5
EXCERPT_CELLS = 100


def full(report: FileReport, per_code: int | None = SHOWN_PER_CODE) -> Iterator[str]:
    """Every finding with its excerpt and a mark under the offending part; of each code the first few."""
    shown: dict[str, int] = {}
    for finding in _limited(report, per_code):
        shown[finding.code] = shown.get(finding.code, 0) + 1
        rule = all_rules()[finding.code]
        fix = f" [{finding.fix} fix]" if finding.fix else ""
        yield f"{_place(report, finding)} {finding.severity} {finding.code} {rule.name}: {safe(finding.message)}{fix}"
        yield from _excerpt(finding)
    yield from _and_more(report, shown)


def grouped(report: FileReport, per_code: int | None = SHOWN_PER_CODE) -> Iterator[str]:
    """By code, the worst first: what it is, how often, which rows."""
    samples = report.findings.samples
    order = sorted(samples, key=lambda code: (-Severity(samples[code][0].severity).rank, code))
    for code in order:
        rule, count = all_rules()[code], report.findings.summary[code]
        fix = f" [{rule.safety} fix: {rule.fix}]" if samples[code][0].fix else ""
        yield f"{samples[code][0].severity:<7} {code} {rule.name}: {rule.summary} {_times(count)}{fix}"
        many = samples[code] if per_code is None else samples[code][:per_code]
        for finding in many:
            yield f"    {_row(finding)}{safe(finding.message)}"
            yield from ("    " + line for line in _excerpt(finding))
        if count > len(many):
            yield f"    ... and {count - len(many):,} more (ftui lint {_shell(report.path)} --select {code} --all)"
    if order:
        yield f"What a code means: ftui lint explain {order[0]}"


def concise(report: FileReport) -> Iterator[str]:
    """One line per finding, none left out: path:line: code message."""
    for finding in report.findings:
        yield f"{_place(report, finding)} {finding.code} {safe(finding.message)}"


def statistics(report: FileReport) -> Iterator[str]:
    """A table of codes: how often, in what share of the rows, and whether there is a fix."""
    yield f"{'count':>9}  {'of rows':>7}  code    severity  fix     rule"
    for code, count in report.findings.summary.most_common():
        finding = report.findings.samples[code][0]
        share = f"{100 * count / report.rows:.1f} %" if report.rows and finding.row is not None else "-"
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
    accepted = f"  {plural(report.accepted, 'finding')} accepted by the baseline." if report.accepted else ""
    if accepted:
        yield accepted
    yield from cost_lines(report)
    if not fixed and (found.fixable["safe"] or found.fixable["unsafe"]):
        with_unsafe = f", {found.fixable['unsafe']:,} more with --unsafe-fixes" if found.fixable["unsafe"] else ""
        yield f"  {found.fixable['safe']:,} fixable with --fix{with_unsafe} (into a new file)."


def cost_lines(report: FileReport) -> Iterator[str]:
    """What the findings cost in a run."""
    duplicates = report.findings.summary["DUP701"]
    if duplicates and report.rows:
        of_rows, of_text = 100 * duplicates / report.rows, 100 * duplicate_cost(report)
        yield f"  {plural(duplicates, 'duplicate')} = {of_rows:.0f} % of the rows, {of_text:.0f} % of your compute."
    useless = len(report.findings.useless_rows)
    if useless:
        yield f"  {plural(useless, 'row')} {'teaches' if useless == 1 else 'teach'} nothing."
    leaked = report.findings.summary["DUP705"]
    if leaked:
        verb = "is" if leaked == 1 else "are"
        yield f"  {plural(leaked, 'eval row')} {verb} in the training rows: scores on them mean nothing."


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
            yield f"{code}: ... and {left:,} more (ftui lint {_shell(report.path)} --select {code} --all)"


def _place(report: FileReport, finding: Finding) -> str:
    parts = [safe(report.path)]
    if finding.line is not None:
        parts.append(f"{finding.line}")
    elif finding.row is not None:
        parts.append(f"row {finding.row}")
    return ":".join(parts) + ":" + (f" {safe(finding.pointer)}" if finding.pointer else "")


def _row(finding: Finding) -> str:
    line = f" (line {finding.line:,})" if finding.line is not None else ""
    if finding.row is None:
        return f"line {finding.line:,}: " if finding.line is not None else ""
    return f"row {finding.row:,}{line}{' ' + safe(finding.pointer) if finding.pointer else ''}: "


def _excerpt(finding: Finding) -> Iterator[str]:
    """The excerpt, and under it a line that marks the offending part."""
    if not finding.excerpt:
        return
    text = finding.excerpt
    start, length = finding.mark or (0, 0)
    if start > EXCERPT_CELLS - 20:
        cut = start - 20
        text, start = "…" + text[cut + 1 :], start - cut
    yield f"  | {clip(text, EXCERPT_CELLS)}"
    if finding.mark is not None and start < EXCERPT_CELLS:
        from ftui.core.text import cell_width

        before = cell_width(text[:start])
        width = max(1, min(cell_width(text[start : start + length]), EXCERPT_CELLS - before))
        yield f"  | {' ' * before}{'^' * width}"


def _times(count: int) -> str:
    return f"({count:,} times)" if count > 1 else ""


def _shell(path: str) -> str:
    import shlex

    return safe(shlex.quote(path))
