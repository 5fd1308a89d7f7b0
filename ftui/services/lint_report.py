"""What a check of datasets is asked for, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftui.core.lint import rules_dup
from ftui.core.lint.model import Context, Severity
from ftui.services.lint_baseline import Baseline
from ftui.services.lint_findings import FindingStore


@dataclass(frozen=True)
class Progress:
    """How far a file is: for a bar with rate and ETA. compared: once all is read, the share of the rows that were
    compared with each other, 0 to 1; before that None."""

    path: str
    done_bytes: int
    total_bytes: int
    rows: int
    compared: float | None = None


@dataclass(frozen=True)
class LintOptions:
    """What to check, and for which run.

    select, ignore: code prefixes. severities: overrides by code. mapping: column mapping. workers: processes; 0 is one
    per core. near: look for near duplicates. model: folder of the tokenizer for the TOK rules, "" for none.
    benchmarks: files of items that must not be among the training rows (DUP707). keep_keys: keep content hashes per
    row even when no DUP rule is on (writing a baseline needs them). baselines: accepted findings, by file.
    """

    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    mapping: Mapping[str, str] | None = None
    workers: int = 0
    near: bool = True
    model: str = ""
    benchmarks: Sequence[str] = ()
    keep_keys: bool = False
    baselines: Mapping[str, Baseline] = field(default_factory=dict)


@dataclass
class FileReport:
    """What is known of one dataset (a file, or one split of a folder).

    unreadable: records that could not be read as rows. columns: canonical column -> column of the file.
    state: the families' totals. failures: rules that failed on a row (our bugs).
    """

    path: str
    format: str
    rows: int
    unreadable: int
    bytes: int
    sha256: str
    findings: FindingStore
    columns: Mapping[str, str] = field(default_factory=dict)
    split: str = ""
    seconds: float = 0.0
    held_out: bool = False
    readable: bool = True
    state: Mapping[str, Any] = field(default_factory=dict)
    failures: Sequence[str] = ()
    accepted: int = 0
    """Findings that the baseline accepts, not counted in `findings`."""

    def content_key(self, row: int | None) -> str:
        """A hexadecimal hash of a row's content, "" for the whole file or an unreadable row."""
        return content_key(self.state.get("DUP"), row)


def content_key(totals: Any, row: int | None) -> str:
    """A hexadecimal hash of a row's content out of the DUP family's totals, "" where there is none."""
    if row is None or totals is None or row >= totals.rows:
        return ""
    key = bytes(totals.contents[16 * row : 16 * row + 16])
    return key.hex() if any(key) else ""


def duplicate_cost(report: FileReport) -> float:
    """The share of all text, and so about of the compute, that exact repeats take: 0 to 1."""
    totals = report.state.get("DUP")
    if totals is None:
        return 0.0
    return rules_dup.cost_of(totals, rules_dup.exact_repeats(totals))
