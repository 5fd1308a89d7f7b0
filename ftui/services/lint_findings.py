"""Findings by the million: counted, the first of each code kept at hand, the rest on disk."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from typing import IO

from ftui.core.lint.model import Finding, Severity

IN_MEMORY = 20_000
TEACH_NOTHING = frozenset({"MSG406", "TOK501", "TOK503", "PRF851", "PRF852", "SCH301"})
"""Codes of rows from which nothing is learned, though they cost compute."""
SAMPLES_PER_CODE = 100
_WRITE_AT_ONCE = 2_000


class FindingStore:
    """Takes findings in and gives them back, in memory that does not grow with their number.

    summary: code -> how many. by_severity: "error", "warning", "info" -> how many. fixable: "safe", "unsafe" -> how
    many. samples: code -> the first hundred. useless_rows: rows that teach nothing.
    """

    def __init__(self) -> None:
        self.summary: Counter[str] = Counter()
        self.by_severity: Counter[str] = Counter()
        self.samples: dict[str, list[Finding]] = {}
        self.useless_rows: set[int] = set()
        self.fixable: Counter[str] = Counter()
        self._held: list[Finding] = []
        self._spool: IO[bytes] | None = None

    def __len__(self) -> int:
        return self.summary.total()

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.summary[finding.code] += 1
            self.by_severity[finding.severity] += 1
            if finding.fix:
                self.fixable[finding.fix] += 1
            if finding.code in TEACH_NOTHING and finding.row is not None:
                self.useless_rows.add(finding.row)
            samples = self.samples.setdefault(finding.code, [])
            if len(samples) < SAMPLES_PER_CODE:
                samples.append(finding)
            self._held.append(finding)
        if self._spool is not None and len(self._held) >= _WRITE_AT_ONCE:
            self._write()
        elif self._spool is None and len(self._held) > IN_MEMORY:
            self._spool = tempfile.TemporaryFile(prefix="ftui-findings-")  # noqa: SIM115
            self._write()

    def _write(self) -> None:
        assert self._spool is not None
        self._spool.write("".join(json.dumps(astuple(finding)) + "\n" for finding in self._held).encode("ascii"))
        self._held = []

    def __iter__(self) -> Iterator[Finding]:
        """All findings: by row where they fit in memory, else in the order in which they were met."""
        if self._spool is None:
            yield from sorted(self._held, key=lambda f: (-1 if f.row is None else f.row, f.line or 0, f.code))
            return
        self._write()
        self._spool.seek(0)
        for line in self._spool:
            code, severity, row, at_line, pointer, message, excerpt, mark, fix = json.loads(line)
            place = None if mark is None else (mark[0], mark[1])
            yield Finding(code, severity, row, at_line, pointer, message, excerpt, place, fix)

    def worst(self) -> Severity | None:
        """The highest severity there is, None for no finding at all."""
        found = [Severity(name) for name, count in self.by_severity.items() if count]
        return max(found, key=lambda severity: severity.rank, default=None)
