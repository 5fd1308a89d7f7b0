"""Repairs: always into a new file, with a second file that says what was changed in which row and why."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftui.core.conversations import RowError
from ftui.core.lint import rules_dup
from ftui.core.lint.catalogue import all_fixes, select_rules
from ftui.core.lint.engine import Checker
from ftui.core.lint.model import Finding, Reporter, Rule
from ftui.errors import FtuiError
from ftui.services.dataset import read_source
from ftui.services.dataset_lines import LineReader, Tally
from ftui.services.dataset_write import RowWriter, row_bytes
from ftui.services.lint import FileReport, LintOptions
from ftui.services.lint_targets import Target

MAX_ROUNDS = 12
"""One repair may uncover the need for another; no row needs more rounds than this."""
BY_ROW_NUMBER = ("DUP702", "DUP704", "DUP706", "DUP707")
"""Fixes that drop rows which only the whole file shows."""
KEPT_AS_WRITTEN = frozenset({"JSN206", "JSN208"})
"""Reading such a row already decides something; without a fix for it the line is copied byte for byte."""


@dataclass(frozen=True)
class Change:
    """What happened to one row. codes: the rules that led to it. after: None when the row was dropped."""

    row: int
    line: int | None
    codes: tuple[str, ...]
    pointers: tuple[str, ...]
    before: dict[str, Any]
    after: dict[str, Any] | None


@dataclass
class Fixed:
    """What fixing did. codes: how many repairs each rule led to. out: the new file, None when nothing was to do."""

    out: Path | None = None
    changes_file: Path | None = None
    rows_read: int = 0
    rows_written: int = 0
    changed: int = 0
    dropped: int = 0
    copied_unreadable: int = 0
    codes: Counter[str] = field(default_factory=Counter)


def default_output(target: Target) -> Path:
    """`train.fixed.jsonl` beside `train.csv`; in the current folder for standard input."""
    if target.data.path == "-":
        return Path("stdin.fixed.jsonl")
    source = target.data.sources[0].path if len(target.data.sources) == 1 else Path(target.data.path)
    name = source.name
    for suffix in (".gz", ".gzip", ".zst", ".zstd"):
        name = name.removesuffix(suffix)
    return source.with_name(f"{Path(name).stem}.fixed.jsonl")


class Fixer:
    """Repairs the rows of one target with the fixes that are allowed.

    unsafe: also fixes that may change what a row means, or drop it.
    """

    def __init__(self, target: Target, report: FileReport, options: LintOptions, *, unsafe: bool) -> None:
        self.target, self.options, self.unsafe = target, options, unsafe
        rules = select_rules(options.select, options.ignore)
        fixes = all_fixes()
        allowed = ("safe", "unsafe") if unsafe else ("safe",)
        self._allowed = allowed
        self._fixes = {code: fix for code, fix in fixes.items() if code in rules and code[:3] != "DUP"}
        self._rules: dict[str, Rule] = {code: rule for code, rule in rules.items() if code in self._fixes}
        self._dedupe = "DUP701" in rules
        self._seen: set[bytes] = set()
        self._leaked = _eval_contents(target, options) if "DUP705" in rules else set()
        wanted = [code for code in BY_ROW_NUMBER if unsafe and code in rules]
        self._drop_rows = {f.row: f.code for f in report.findings if f.code in wanted and f.row is not None}
        self._checker = Checker(self._rules, options.context, {}, options.mapping)
        self._keys = Checker({}, options.context, {}, options.mapping, ("DUP",))
        self._reader_says = Reporter(rules)
        self.result = Fixed()

    def changes(self, unreadable: Callable[[bytes], None] | None = None) -> Iterator[tuple[bytes, Change | None]]:
        """(line to write, what was changed) per row; an empty line where the row is dropped.

        unreadable: called in place for records that cannot be read; they are copied in safe mode.
        """
        first_row = 0
        for source in self.target.data.sources:
            tally = Tally()
            says = self._reader_says
            reader = (
                LineReader(says, repair=self.unsafe, unreadable=unreadable, keep_raw=True)
                if source.kind == "jsonl"
                else None
            )
            for row, line, data in read_source(source, says, tally, reader):
                codes = {finding.code for finding in says.findings if finding.row == row}
                says.findings.clear()
                yield self._one(first_row + row, line, data, codes, (reader.raw or None) if reader else None)
            first_row += tally.records

    def _one(
        self, row: int, line: int | None, data: dict[str, Any], reading: set[str], raw: bytes | None
    ) -> tuple[bytes, Change | None]:
        result = self.result
        result.rows_read += 1
        allowed_reading = {code for code in reading if _safety(code) in self._allowed}
        untouchable = reading & KEPT_AS_WRITTEN or (reading - allowed_reading)
        before = data
        codes: list[str] = []
        pointers: list[str] = []
        after: dict[str, Any] | None = data
        if row in self._drop_rows:
            codes, pointers, after = [self._drop_rows[row]], [""], None
        elif not untouchable:
            before = copy.deepcopy(data) if self._needs(data) else data
            after = self._repaired(data, codes, pointers)
        if after is not None and (self._dedupe or self._leaked):
            dropped_by = self._repeated(after)
            if dropped_by:
                codes, pointers, after = [*codes, dropped_by], [*pointers, ""], None
        if after is None:
            result.dropped += 1
            result.codes.update(codes)
            return b"", Change(row, line, tuple(codes), tuple(pointers), before, None)
        codes += sorted(allowed_reading)
        result.codes.update(codes)
        try:
            written = (raw.strip() + b"\n") if raw is not None and not codes else row_bytes(after)
        except RowError:
            written = (raw.strip() + b"\n") if raw is not None else b""
        result.rows_written += bool(written)
        if not codes:
            return written, None
        result.changed += 1
        return written, Change(row, line, tuple(codes), tuple(pointers), before, after)

    def _needs(self, data: dict[str, Any]) -> bool:
        return bool(self._open_findings(data, set()))

    def _open_findings(self, data: dict[str, Any], tried: set[tuple[str, str]]) -> list[Finding]:
        checker = self._checker
        checker.restart()
        checker.row(0, 1, data)
        return [
            finding for finding in checker.take_findings()
            if finding.fix in self._allowed and (finding.code, finding.pointer) not in tried
        ]  # fmt: skip

    def _repaired(self, data: dict[str, Any], codes: list[str], pointers: list[str]) -> dict[str, Any] | None:
        """Apply one fix after another until none is left; a fix that changes nothing is not tried again."""
        tried: set[tuple[str, str]] = set()
        for _ in range(MAX_ROUNDS * 8):
            findings = self._open_findings(data, tried)
            if not findings:
                return data
            finding = findings[0]
            was = json.dumps(data, sort_keys=True, default=str)
            try:
                made = self._fixes[finding.code](data, finding.pointer)
            except (LookupError, TypeError, ValueError, AttributeError):
                made = data  # the place is not there any more: an earlier fix moved it
            if made is None:
                codes.append(finding.code)
                pointers.append(finding.pointer)
                return None
            if json.dumps(made, sort_keys=True, default=str) == was and list(made) == list(data):
                tried.add((finding.code, finding.pointer))
            else:
                codes.append(finding.code)
                pointers.append(finding.pointer)
                tried.clear()
            data = made
        return data

    def _repeated(self, data: dict[str, Any]) -> str:
        """The rule by which the row goes: it repeats one that was written, or is in the eval split."""
        self._keys.restart()
        key = rules_dup.content_key(self._keys.row(0, 1, data))
        if key in self._leaked:
            return "DUP705"
        if self._dedupe:
            if key in self._seen:
                return "DUP701"
            self._seen.add(key)
        return ""


def _safety(code: str) -> str:
    rule = select_rules().get(code)
    return rule.safety if rule else "none"


def _eval_contents(target: Target, options: LintOptions) -> set[bytes]:
    if target.eval_data is None:
        return set()
    checker = Checker({}, options.context, {}, options.mapping, ("DUP",))
    contents: set[bytes] = set()
    for source in target.eval_data.sources:
        for row, line, data in read_source(source, Reporter({}), Tally()):
            contents.add(rules_dup.content_key(checker.row(row, line, data)))
            checker.restart()
    return contents


def fix(target: Target, report: FileReport, options: LintOptions, out: Path, *, unsafe: bool) -> Fixed:
    """Write the repaired rows to `out` and what was changed to `out` + ".changes.jsonl"; the input is never touched.

    Raises FtuiError when `out` is an input file, or rows would be lost that only --unsafe-fixes may drop.
    """
    for source in target.data.sources:
        if out.exists() and out.samefile(source.path):
            raise FtuiError("A fix never overwrites its input", str(out), "Name another file with --output.")
    if report.unreadable and not unsafe and any(source.kind != "jsonl" for source in target.data.sources):
        raise FtuiError(
            "Some records cannot be read and would be lost",
            f"{report.unreadable:,} records of {target.name}",
            "Mend them by hand, or add --unsafe-fixes to leave them out.",
        )
    fixer = Fixer(target, report, options, unsafe=unsafe)
    changes_file = out.with_name(out.name + ".changes.jsonl")
    with RowWriter(out, mode=0o644) as rows, RowWriter(changes_file, mode=0o644) as log:

        def copied(raw: bytes) -> None:
            if unsafe:
                fixer.result.dropped += 1
                fixer.result.codes["unreadable"] += 1
            else:
                rows.write_line(raw.strip() + b"\n")
                fixer.result.copied_unreadable += 1

        for line, change in fixer.changes(copied):
            if change is not None:
                log.write(change_record(change, rows.rows if line else None))
            if line:
                rows.write_line(line)
    fixer.result.out, fixer.result.changes_file = out, changes_file
    return fixer.result


def change_record(change: Change, out_row: int | None) -> dict[str, Any]:
    """One line of the changes file. Hashes instead of texts: what was removed may be a secret."""
    return {
        "row": change.row,
        "line": change.line,
        "out_row": out_row,
        "action": "dropped" if change.after is None else "changed",
        "codes": list(change.codes),
        "pointers": list(change.pointers),
        "before_sha256": _sha256(change.before),
        "after_sha256": None if change.after is None else _sha256(change.after),
    }


def _sha256(row: dict[str, Any]) -> str:
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
