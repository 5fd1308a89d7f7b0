"""Applies the families to the rows of one file. Pure: rows come in, findings come out; reading is the caller's."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ftui.core.formats import Format, detect_format, format_from_mapping
from ftui.core.lint.catalogue import NOT_FOR_PLAIN_ROWS, all_rules, family_modules
from ftui.core.lint.dup_keys import near_text
from ftui.core.lint.model import Context, Facts, Finding, Reporter, Row, Rule, Severity
from ftui.core.lint.plain import PlainRecord, plain_chat, plain_parts, plain_run
from ftui.core.lint.view import view

BATCH_ROWS = 256
"""Rows per call of a family with `check_batch`."""

SHORT_RUN_ROWS = 8
"""A shorter run of plain rows is checked row by row."""
SUPPRESS_KEY = "_ftui_ignore"
"""A row may carry `"_ftui_ignore": ["QUA603"]`: findings with these code prefixes are dropped for that row."""


class Checker:
    """Checks the rows of one file, or of one stretch of it.

    rules: the rules that are switched on. always: families that count even when none of their rules is on. expected:
    the format of most rows of the file, where the caller has looked: a row without an answer in a file of
    conversations is then a broken conversation, not a prompt.

    Give rows to `row` in order; then `finish` once. A stretch that another process checked comes back as its `state`,
    which `merge` takes in file order. A rule that fails on a row is a bug of ours and ends up in `failures`; the other
    rules go on.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        context: Context,
        severities: Mapping[str, Severity] | None = None,
        mapping: Mapping[str, str] | None = None,
        always: Sequence[str] = (),
        expected: Format | None = None,
    ) -> None:
        self.report = Reporter(rules, severities)
        self.context = context
        self._mapped: Format | None = format_from_mapping(mapping) if mapping else None
        self._expected = expected if expected is not None and expected.name in ("chat", "sharegpt") else None
        self.formats: dict[str, int] = {}
        self.failures: list[str] = []
        self._totals: dict[str, Any] = {}
        self._checks: list[tuple[Any, Any]] = []
        self._plain_checks: list[tuple[Any, Any]] = []
        self._plain_families: list[str] = []
        self._batch_checks: list[tuple[Any, Any]] = []
        self._batch: list[Row] = []
        for family, module in family_modules().items():
            if family not in always and not any(code.startswith(family) for code in rules):
                continue
            totals = module.Totals() if hasattr(module, "Totals") else None
            self._totals[family] = totals
            if hasattr(module, "check"):
                self._checks.append((module.check, totals))
                if family not in NOT_FOR_PLAIN_ROWS:
                    self._plain_checks.append((module.check, totals))
                    self._plain_families.append(family)
            if hasattr(module, "check_batch") and context.tokenizer is not None:
                self._batch_checks.append((module.check_batch, totals))

    def row(self, index: int, line: int | None, data: dict[str, Any]) -> Row:
        """Check one row; gives its view."""
        seen = plain_chat(index, line, data) if self._mapped is None else None
        if seen is None:
            format = self._mapped or detect_format(data, self.context.task)
            if format.name == "prompt" and self._expected is not None and self._expected.columns[0][1] in data:
                format = self._expected
            seen = view(index, line, data, format)
            self.formats[seen.format.name] = self.formats.get(seen.format.name, 0) + 1
        else:
            self.formats["chat"] = self.formats.get("chat", 0) + 1
        report, context = self.report, self.context
        report.row, report.line = index, line
        before = len(report.findings)
        for check, totals in self._plain_checks if seen.plain else self._checks:
            try:
                check(seen, report, totals, context)
            except Exception as error:
                self._failed(check, index, error)
        if SUPPRESS_KEY in data and len(report.findings) > before:
            report.findings[before:] = _unsuppressed(report.findings[before:], data[SUPPRESS_KEY])
        if self._batch_checks:
            self._batch.append(seen)
            if len(self._batch) >= BATCH_ROWS:
                self.flush()
        return seen

    def rows(self, records: Sequence[tuple[int, int | None, dict[str, Any]]]) -> list[str]:
        """Check rows, given as (index, line, row) in order; gives the `near_text` of each. Runs of plain rows are
        looked at together, so findings come family by family."""
        near: list[str] = []
        plain: list[PlainRecord] = []
        due = 0
        for index, line, data in records:
            parts = plain_parts(data) if self._mapped is None else None
            if plain and (parts is None or index != due):
                near += self._plain_rows(due - len(plain), plain)
                plain = []
            if parts is None:
                near.append(near_text(self.row(index, line, data)))
            else:
                plain.append((line, data, *parts))
                due = index + 1
        return near + self._plain_rows(due - len(plain), plain) if plain else near

    def _plain_rows(self, first: int, records: list[PlainRecord]) -> list[str]:
        run = None if len(records) < SHORT_RUN_ROWS else plain_run(first, records)
        if run is None:
            return [near_text(self.row(index, line, data)) for index, (line, data, *_) in enumerate(records, first)]
        self.formats["chat"] = self.formats.get("chat", 0) + len(run)
        for family in self._plain_families:
            module, totals = family_modules()[family], self._totals[family]
            check_plain = getattr(module, "check_plain", None)
            self.report.row, self.report.line = first, records[0][0]
            try:
                if check_plain is not None:
                    check_plain(run, self.report, totals, self.context)
                else:
                    run.look_closer(range(len(run)), module.check, self.report, totals, self.context)
            except Exception as error:
                self._failed(check_plain or module.check, self.report.row, error)
        if self._batch_checks:
            for place in range(len(run)):
                self._batch.append(run.row(place))
                if len(self._batch) >= BATCH_ROWS:
                    self.flush()
        return run.near_texts()

    def restart(self) -> None:
        """Forget what was counted, as if no row had been checked: for looking at rows one by one."""
        modules = family_modules()
        self._totals = {family: modules[family].Totals() if totals is not None else None
                        for family, totals in self._totals.items()}  # fmt: skip
        checks = {family: (modules[family].check, totals) for family, totals in self._totals.items()
                  if hasattr(modules[family], "check")}  # fmt: skip
        self._checks = list(checks.values())
        self._plain_checks = [pair for family, pair in checks.items() if family not in NOT_FOR_PLAIN_ROWS]

    def flush(self) -> None:
        """Check the rows that wait for a full batch."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        before = len(self.report.findings)
        for check_batch, totals in self._batch_checks:
            try:
                check_batch(batch, self.report, totals, self.context)
            except Exception as error:
                self._failed(check_batch, batch[0].index, error)
        ignored = {row.index: row.data[SUPPRESS_KEY] for row in batch if SUPPRESS_KEY in row.data}
        if ignored:
            fresh = self.report.findings[before:]
            self.report.findings[before:] = [
                finding for finding in fresh
                if finding.row not in ignored or _unsuppressed([finding], ignored[finding.row])
            ]  # fmt: skip

    def _failed(self, check: Any, row: int, error: Exception) -> None:
        if len(self.failures) < 20:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.failures.append(
                f"{check.__module__.rpartition('.')[2]}:{where.lineno} on row {row:,}: {error!r}"[:300]
            )

    def take_findings(self) -> list[Finding]:
        """The findings since the last call, and forget them."""
        findings, self.report.findings = self.report.findings, []
        return findings

    @property
    def state(self) -> dict[str, Any]:
        """What `merge` needs of a stretch, besides its findings; picklable."""
        return self._totals

    def merge(self, state: Mapping[str, Any], rows_before: int) -> None:
        """Take in the totals of the stretch that begins with row `rows_before`."""
        for family, totals in state.items():
            if totals is not None:
                self._totals[family].merge(totals, rows_before)

    def finish(self, facts: Facts) -> None:
        """Check what only the whole file shows."""
        self.flush()
        self.report.at(None)
        facts = replace(facts, state=self._totals)
        for family, totals in self._totals.items():
            finish = getattr(family_modules()[family], "finish", None)
            if finish is not None:
                try:
                    finish(totals, self.report, self.context, facts)
                except Exception as error:
                    self._failed(finish, facts.rows, error)


def _unsuppressed(findings: Sequence[Finding], prefixes: Any) -> list[Finding]:
    if not isinstance(prefixes, list):
        return list(findings)
    codes = tuple(prefix for prefix in prefixes if isinstance(prefix, str) and prefix)
    return [finding for finding in findings if not finding.code.startswith(codes)] if codes else list(findings)


def shifted(finding: Finding, rows_before: int, lines_before: int) -> Finding:
    """A finding of a stretch, with the row and line that it has in the whole file."""
    return Finding(
        finding.code,
        finding.severity,
        None if finding.row is None else finding.row + rows_before,
        None if finding.line is None else finding.line + lines_before,
        finding.pointer,
        finding.message,
        finding.excerpt,
        finding.mark,
        finding.fix,
    )


def check_rows(
    rows: Iterable[dict[str, Any]], context: Context | None = None, rules: Mapping[str, Rule] | None = None
) -> list[Finding]:
    """Check rows that are in memory already: for tests, for the wizard's review, for one repaired row."""
    checker = Checker(all_rules() if rules is None else rules, context or Context())
    count = 0
    name = ""
    for index, data in enumerate(rows):
        name = checker.row(index, index + 1, data).format.name
        count += 1
    checker.finish(Facts(count, name))
    if checker.failures:
        raise RuntimeError("; ".join(checker.failures))
    return checker.take_findings()
