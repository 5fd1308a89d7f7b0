"""`ftui lint --fix` and `--diff`: what was repaired, or would be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ftui.core.lint.changes import both_sides, differences
from ftui.core.text import clip, plural, safe
from ftui.services.lint import FileReport, LintOptions, lint
from ftui.services.lint_fix import Change, Fixed, Fixer, default_output, fix
from ftui.services.lint_targets import Target, targets

MAX_PASSES = 4
CELLS = 110


def write_fixes(
    found: Sequence[Target], reports: list[FileReport], options: LintOptions, *, unsafe: bool, output: Path | None
) -> list[dict[str, Any]]:
    """Repair each target into a new file; `reports` then holds what is left in the new files."""
    documents = []
    for number, target in enumerate(found):
        report = reports[number]
        if not report.readable or not _fixable(report, unsafe):
            print(f"{safe(report.path)}: nothing to fix.", file=sys.stderr)
            continue
        out = output or default_output(target)
        done = fix(target, report, options, out, unsafe=unsafe)
        after = _again(out, target, options, unsafe=unsafe, done=done)
        reports[number] = after
        documents.append(document(report, done))
        for line in described(report, done):
            print(line, file=sys.stderr)
    return documents


def _again(out: Path, target: Target, options: LintOptions, *, unsafe: bool, done: Fixed) -> FileReport:
    """Check the new file; where repairs made room for others (rows became equal), repair once more."""
    for _ in range(MAX_PASSES):
        new = _target(out, target, options)
        report = lint(new, options)
        if not _fixable(report, unsafe):
            break
        step = out.with_name(out.name + ".step.jsonl")
        more = fix(new, report, options, step, unsafe=unsafe)
        if not more.codes:
            step.unlink(missing_ok=True)
            step.with_name(step.name + ".changes.jsonl").unlink(missing_ok=True)
            break
        step.replace(out)
        extra = step.with_name(step.name + ".changes.jsonl")
        with out.with_name(out.name + ".changes.jsonl").open("ab") as log:
            log.write(extra.read_bytes())
        extra.unlink()
        done.changed += more.changed
        done.dropped += more.dropped
        done.rows_written = more.rows_written
        done.codes.update(more.codes)
    return report


def _target(out: Path, target: Target, options: LintOptions) -> Target:
    new = targets([str(out)], None, options)[0]
    return Target(new.data, new.name, target.split, target.held_out, target.eval_data)


def _fixable(report: FileReport, unsafe: bool) -> bool:
    return bool(report.findings.fixable["safe"] or (unsafe and report.findings.fixable["unsafe"]))


def document(report: FileReport, done: Fixed) -> dict[str, Any]:
    """What was done to one file, for --json."""
    return {
        "path": report.path,
        "out": str(done.out),
        "changes": str(done.changes_file),
        "rows_read": done.rows_read,
        "rows_written": done.rows_written,
        "changed": done.changed,
        "dropped": done.dropped,
        "codes": dict(done.codes),
    }


def described(report: FileReport, done: Fixed) -> Iterator[str]:
    codes = ", ".join(f"{code} {count:,}" for code, count in done.codes.most_common())
    changed, dropped = plural(done.changed, "row"), plural(done.dropped, "row")
    yield f"{safe(report.path)}: {changed} changed, {dropped} dropped ({codes})."
    if done.copied_unreadable:
        yield f"  {plural(done.copied_unreadable, 'unreadable line')} copied as they are."
    yield f"  {plural(done.rows_written, 'row')} in {safe(str(done.out))}; what changed: {safe(str(done.changes_file))}"
    yield f"  {safe(report.path)} is as it was."


def show_diff(found: Sequence[Target], reports: Sequence[FileReport], options: LintOptions, *, unsafe: bool) -> None:
    """Print what fixing would change, row by row; nothing is written."""
    for target, report in zip(found, reports, strict=True):
        if not report.readable:
            continue
        changed = dropped = 0
        for _, change in Fixer(target, report, options, unsafe=unsafe).changes():
            if change is None:
                continue
            changed += change.after is not None
            dropped += change.after is None
            for line in diff_lines(change):
                print(line)
        print(f"{safe(report.path)}: would change {plural(changed, 'row')} and drop {plural(dropped, 'row')}.")


def diff_lines(change: Change) -> Iterator[str]:
    """A row's change: which rules, then each place that differs before (-) and after (+)."""
    line = f" (line {change.line:,})" if change.line is not None else ""
    yield f"row {change.row:,}{line}: {', '.join(dict.fromkeys(change.codes))}"
    if change.after is None:
        yield f"  - {clip(json.dumps(change.before, ensure_ascii=False, default=str), CELLS)}"
        return
    places = list(differences(change.before, change.after))
    for place, before, after in places[:8]:
        yield f"  {safe(place) or 'the row'}"
        old, new = both_sides(before, after)
        yield f"  - {clip(old, CELLS)}"
        yield f"  + {clip(new, CELLS)}"
    if not places:
        yield "  written anew; the content is the same"
    if len(places) > 8:
        yield f"  ... and {len(places) - 8} more places"
