"""`ftui lint --fix` and `--diff`: what was repaired, or would be."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from ftui.core.lint.changes import both_sides, differences
from ftui.core.text import clip, plural, safe
from ftui.errors import FtuiError
from ftui.services.dataset import Dataset
from ftui.services.lint import FileReport, LintOptions, lint
from ftui.services.lint_fix import Change, Fixed, Fixer, default_output, fix
from ftui.services.lint_targets import Target, eval_among, targets

MAX_PASSES = 4
CELLS = 110


def write_fixes(
    found: Sequence[Target], reports: list[FileReport], options: LintOptions, *, unsafe: bool, output: Path | None
) -> list[dict[str, Any]]:
    """Repair each target into a new file; `reports` then holds what is left in the new files.

    A folder with several splits becomes a new folder with a file for each, so that it can be used in its place.
    """
    documents: list[dict[str, Any]] = []
    folders = [path for path in dict.fromkeys(target.data.path for target in found) if is_folder(path, found)]
    for path in folders:
        documents += _fix_folder(path, found, reports, options, unsafe=unsafe, output=output)
    for number, target in enumerate(found):
        report = reports[number]
        if target.data.path in folders:
            continue
        if not report.readable or not _fixable(report, unsafe):
            print(f"{safe(report.path)}: nothing to fix.", file=sys.stderr)
            continue
        reports[number], done = _fixed(target, report, options, output or default_output(target), unsafe=unsafe)
        documents.append(_told(report, done))
    return documents


def is_folder(path: str, found: Sequence[Target]) -> bool:
    """Whether a path is a folder of several splits among the targets."""
    return sum(target.data.path == path for target in found) > 1 and Path(path).is_dir()


def _fix_folder(
    path: str,
    found: Sequence[Target],
    reports: list[FileReport],
    options: LintOptions,
    *,
    unsafe: bool,
    output: Path | None,
) -> list[dict[str, Any]]:
    mine = [number for number, target in enumerate(found) if target.data.path == path]
    if not any(reports[number].readable and _fixable(reports[number], unsafe) for number in mine):
        print(f"{safe(path)}: nothing to fix.", file=sys.stderr)
        return []
    here = Path(path).resolve()
    beside = Path(path) if Path(path).name not in ("", "..") else here
    out = output or beside.with_name(f"{beside.name}.fixed")
    if here in (out.resolve(), *out.resolve().parents):
        raise FtuiError("A fix never writes into its input", str(out), "Name another folder with --output.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FtuiError("The new folder cannot be made", f"{out}: {error.strerror}", "Name another one.") from None
    documents: list[dict[str, Any]] = []
    held_out: list[tuple[Dataset, str]] = []
    for number in sorted(mine, key=lambda number: not found[number].held_out):  # training rows are compared with them
        target, report = found[number], reports[number]
        if not report.readable:
            print(f"{safe(report.path)} cannot be read and is left out.", file=sys.stderr)
            continue
        if target.eval_data is not None and (fixed := eval_among(held_out)) is not None:
            target = replace(target, eval_data=fixed)
        file = out / f"{target.split or 'rows'}.jsonl"
        reports[number], done = _fixed(target, report, options, file, unsafe=unsafe)
        documents.append(_told(report, done))
        if target.held_out:
            held_out.append((_target(file, target, options).data, target.split))
    print(f"{safe(path)} is as it was; the repaired folder is {safe(str(out))}", file=sys.stderr)
    return documents


def _fixed(
    target: Target, report: FileReport, options: LintOptions, out: Path, *, unsafe: bool
) -> tuple[FileReport, Fixed]:
    done = fix(target, report, options, out, unsafe=unsafe)
    return _again(out, target, options, unsafe=unsafe, done=done), done


def _told(report: FileReport, done: Fixed) -> dict[str, Any]:
    for line in described(report, done):
        print(line, file=sys.stderr)
    return document(report, done)


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
    yield f"{safe(report.path)}: {changed} changed, {dropped} dropped{f' ({codes})' if codes else ''}."
    if done.copied_unreadable:
        yield f"  {plural(done.copied_unreadable, 'unreadable line')} copied as they are."
    yield f"  {plural(done.rows_written, 'row')} in {safe(str(done.out))}; what changed: {safe(str(done.changes_file))}"
    yield f"  {safe(report.path)} is as it was."


def show_diff(
    found: Sequence[Target], reports: Sequence[FileReport], options: LintOptions, *, unsafe: bool, out: IO[str]
) -> None:
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
                print(line, file=out)
        rows = f"would change {plural(changed, 'row')} and drop {plural(dropped, 'row')}"
        print(f"{safe(report.path)}: {rows}.", file=out)


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
