"""Checks datasets: reads them, runs every rule over every row, looks for duplicates and leaks, and reports per file."""

from __future__ import annotations

import gc
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftui.core.formats import Format, detect_format, format_from_mapping
from ftui.core.lint.catalogue import select_rules
from ftui.core.lint.engine import shifted
from ftui.core.lint.model import Facts, Finding, Reporter
from ftui.core.text import gib
from ftui.services.dataset import CANNOT_READ, STDIN, finish_tally, read_source
from ftui.services.dataset_bytes import BLOCK_BYTES
from ftui.services.dataset_lines import Tally
from ftui.services.dataset_sniff import Source
from ftui.services.lint_findings import FindingStore
from ftui.services.lint_near import report_contamination, report_near_duplicates
from ftui.services.lint_report import FileReport, LintOptions, Progress, content_key, duplicate_cost
from ftui.services.lint_stretch import PARALLEL_BYTES, Checked, How, LineMap, batches, check_rows, in_parallel
from ftui.services.lint_targets import Target, eval_beside, targets

__all__ = [
    "FileReport",
    "LintOptions",
    "Progress",
    "content_key",
    "duplicate_cost",
    "lint",
    "lint_files",
]

SAMPLE_ROWS = 64
ONCE_PER_FILE = frozenset({"SCH305", "SCH306", "SCH307", "SCH310", "SCH313", "SCH314"})
"""Codes about columns: processes that check parts of a file each report them, the file reports them once."""
LIMITS = {"openai": (512 << 20, 0), "together": (int(50.1 * (1 << 30)), 0), "mistral": (10 << 30, 10_000_000)}
"""Target -> (bytes, rows) that its file check accepts; 0 is no limit."""


def lint(target: Target, options: LintOptions, progress: Callable[[Progress], None] = lambda _: None) -> FileReport:
    """Check one target. Raises FtuiError for unknown codes and missing packages, never for what is in the data."""
    began = time.perf_counter()
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1000)  # rows make no reference cycles: looking for them costs a tenth of the time
    try:
        run = _Run(target, options, progress)
        for source in target.data.sources:
            run.source(source)
        report = run.finished()
    finally:
        gc.set_threshold(*thresholds)
    report.seconds = time.perf_counter() - began
    return report


def lint_files(
    paths: Sequence[str], eval_path: str | None = None, options: LintOptions | None = None
) -> list[FileReport]:
    """Check files, folders or globs as `ftui lint` does; one report per file, or per split of a folder."""
    options = options or LintOptions()
    return [lint(target, options) for target in targets(paths, eval_path, options)]


class _Run:
    """One target being checked: what has been seen of it so far."""

    def __init__(self, target: Target, options: LintOptions, progress: Callable[[Progress], None]) -> None:
        self.target, self.options, self.progress = target, options, progress
        self.expected = _expected(target, options)
        self.how = _how(target, options, self.expected)
        self.checker = self.how.checker()
        self.whole = Checked()
        self.store = FindingStore()
        self.digest = hashlib.sha256()
        self.evaluated = _check_eval(target, options)
        self.baseline = options.baselines.get(target.name)
        self.accepted = 0
        self._said: set[tuple[str, str]] = set()
        self._done_bytes = 0
        self._keep(target.data.findings)

    def source(self, source: Source) -> None:
        """Check one file."""
        workers = _workers(self.options)
        if source.is_plain_lines and source.size_bytes >= PARALLEL_BYTES and workers > 1:
            self._in_parallel(source, workers)
        else:
            self._in_order(source)
        self.checker.flush()
        self._keep(self.checker.take_findings())
        self._say()

    def _in_order(self, source: Source) -> None:
        first_row = self.whole.tally.records
        before = self._done_bytes
        for _ in _hashed(source.path, self.digest):
            pass
        reader_report = _Shifted(self.checker.report, first_row)
        for records in batches(read_source(source, reader_report, self.whole.tally), first_row):
            check_rows(self.checker, self.whole, self.how.near, records)
            self._keep(self.checker.take_findings())
            row, line, _ = records[-1]
            self._done_bytes = before + min(source.size_bytes, (line or 0) * 512)
            self._say(row)
        self._done_bytes = before + source.size_bytes

    def _in_parallel(self, source: Source, workers: int) -> None:
        first_row = self.whole.tally.records
        hashing = _hashed(source.path, self.digest)
        part = Tally()
        with closing(in_parallel(self.how, source, workers)) as parts:  # an interruption ends its processes
            for size, made in parts:
                self._take_in(made, part, first_row + part.records)
                part.merge(made.tally)
                self._done_bytes += size
                self._say(first_row + part.records)
                for _ in range(1 + size // BLOCK_BYTES):  # while the workers check, this process has time
                    next(hashing, None)
        for _ in hashing:
            pass
        finish_tally(part, source, self.checker.report)
        self.whole.tally.merge(part)

    def _take_in(self, made: Checked, part: Tally, rows_before: int) -> None:
        """Add what a worker found in a stretch."""
        whole, checker = self.whole, self.checker
        checker.merge(made.state, rows_before)
        self._keep(shifted(finding, rows_before, part.lines) for finding in made.findings)
        for name, count in made.formats.items():
            checker.formats[name] = checker.formats.get(name, 0) + count
        checker.failures += made.failures
        if len(made.sketches):
            whole.sketches.pad_to(rows_before)
            whole.sketches.extend(made.sketches)
        whole.lines.extend(made.lines, rows_before, part.lines)

    def finished(self) -> FileReport:
        """Check what only the whole file shows, and report."""
        whole, checker, target = self.whole, self.checker, self.target
        name = max(checker.formats, key=lambda name: checker.formats[name], default="unknown")
        evaluated = self.evaluated
        checker.finish(Facts(
            rows=whole.tally.readable,
            format=name,
            eval_rows=None if evaluated is None else evaluated.tally.readable,
            eval_state=None if evaluated is None else evaluated.state,
            held_out=target.held_out,
            eval_beside=eval_beside(target) if evaluated is None and not target.held_out else "",
        ))  # fmt: skip
        _limits(target, whole.tally.readable, self.options.context.trainer, checker.report)
        if self.how.near:
            whole.sketches.pad_to(whole.tally.records)
            report_near_duplicates(
                checker.report, whole, target, checker, evaluated, self.options, lambda share: self._say(compared=share)
            )
        if self.options.benchmarks:
            report_contamination(checker.report, target, self.options)
        if self.baseline is not None and self.baseline.sha256 != self.digest.hexdigest():
            checker.report.at(None)
            checker.report("FIL015", "", "the content is not that for which the baseline was written")
        self._keep(_with_line(finding, whole.lines) for finding in checker.take_findings())
        return FileReport(
            path="-" if target.data.path == STDIN else target.name,
            format=name,
            rows=whole.tally.readable,
            unreadable=whole.tally.records - whole.tally.readable,
            bytes=target.data.size_bytes,
            sha256=self.digest.hexdigest() if target.data.sources else "",
            findings=self.store,
            columns=dict(self.expected.columns) if self.expected else {},
            split=target.split,
            held_out=target.held_out,
            readable=bool(target.data.sources) or not any(finding.code in CANNOT_READ for finding in self.store),
            state=checker.state,
            failures=checker.failures,
            accepted=self.accepted,
        )

    def _keep(self, findings: Iterable[Finding]) -> None:
        if self.baseline is None:
            self.store.add(finding for finding in findings if self._first(finding))
            return
        totals = self.checker.state.get("DUP")
        for finding in findings:
            if self._first(finding):
                if self.baseline.accepts(finding, content_key(totals, finding.row)):
                    self.accepted += 1
                else:
                    self.store.add([finding])

    def _first(self, finding: Finding) -> bool:
        """False for a finding about a column that another stretch of the file reported before."""
        if finding.code not in ONCE_PER_FILE or len(self._said) > 10_000:
            return True
        if finding.code == "SCH310" and finding.pointer != "/conversation":
            return True
        key = (finding.code, finding.message if finding.code == "SCH307" else finding.pointer)
        if key in self._said:
            return False
        self._said.add(key)
        return True

    def _say(self, rows: int | None = None, compared: float | None = None) -> None:
        count = self.whole.tally.records if rows is None else rows
        self.progress(Progress(self.target.name, self._done_bytes, self.target.data.size_bytes, count, compared))


def _how(target: Target, options: LintOptions, expected: Format | None) -> How:
    rules = select_rules(options.select, options.ignore)
    near = options.near and any(code in rules for code in ("DUP702", "DUP706"))
    kind = target.data.sources[0].kind if target.data.sources else ""
    context = replace(options.context, source=kind)
    always = ("DUP",) if options.keep_keys or options.baselines or near else ()
    return How(rules, options.severities, context, options.mapping, always, expected, near, options.model)


def _expected(target: Target, options: LintOptions) -> Format | None:
    """The commonest format of the first rows."""
    if options.mapping:
        return format_from_mapping(options.mapping)
    counts: Counter[Format] = Counter()
    for source in target.data.sources[:1]:
        for number, (_, _, data) in enumerate(read_source(source, Reporter({}), Tally())):
            if number >= SAMPLE_ROWS:
                break
            counts[detect_format(data, options.context.task)] += 1
    return counts.most_common(1)[0][0] if counts else None


def _workers(options: LintOptions) -> int:
    if options.workers:
        return options.workers
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class _Shifted(Reporter):
    """A Reporter for a reader that numbers the rows of its own file, in a dataset of several files."""

    def __init__(self, real: Reporter, first_row: int) -> None:
        super().__init__({})
        self._real = real
        self._first_row = first_row

    def __call__(self, code: str, pointer: str, message: str, **details: Any) -> None:
        self._real.row = None if self.row is None else self.row + self._first_row
        self._real.line = self.line
        self._real(code, pointer, message, **details)


def _with_line(finding: Finding, lines: LineMap) -> Finding:
    """Findings that only the whole file shows know their row; the line is looked up."""
    if finding.row is None or finding.line is not None:
        return finding
    return replace(finding, line=lines.line(finding.row))


def _hashed(path: Path, digest: Any) -> Iterator[None]:
    """Feed a file to a hash, a block at each step."""
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                yield
    except OSError:
        return


def _check_eval(target: Target, options: LintOptions) -> Checked | None:
    """Hashes and labels of the eval split, for leaks and unseen classes; its own findings are another target's."""
    if target.eval_data is None:
        return None
    how = How({}, {}, options.context, options.mapping, ("DUP", "DST"), None, options.near)
    checker, made = how.checker(), Checked()
    for source in target.eval_data.sources:
        first_row = made.tally.records
        for records in batches(read_source(source, Reporter({}), made.tally), first_row):
            check_rows(checker, made, how.near, records)
    made.sketches.pad_to(made.tally.records if how.near else 0)
    made.state = checker.state
    return made


def _limits(target: Target, rows: int, trainer: str, report: Reporter) -> None:
    most_bytes, most_rows = LIMITS.get(trainer, (0, 0))
    size = target.data.size_bytes
    report.at(None)
    if most_bytes and size > most_bytes:
        report("FIL009", "", f"{gib(size)}, {trainer} takes {gib(most_bytes)} at most")
    elif most_rows and rows > most_rows:
        report("FIL009", "", f"{rows:,} rows, {trainer} takes {most_rows:,} at most")
