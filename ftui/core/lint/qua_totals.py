"""Answers over a whole file: refusals, lengths, spellings of labels."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from dataclasses import dataclass, field

from ftui.core.lint.model import Context, Facts, Reporter, Row
from ftui.core.text import plural

SHORT_CHARACTERS = 24
LABEL_CHARACTERS = 40
_MAX_LABELS = 200
_MAX_LONGEST = 5


@dataclass
class Totals:
    """Counters over the answers of a file. `lengths[n]` counts answers of 2**(n-1) to 2**n - 1 characters."""

    answers: int = 0
    refusals: int = 0
    short: int = 0
    lengths: list[int] = field(default_factory=lambda: [0] * 40)
    longest: list[tuple[int, int]] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    labelled: int = 0
    first_refusal: int = -1

    def merge(self, later: Totals, rows_before: int) -> None:
        if self.first_refusal < 0 <= later.first_refusal:
            self.first_refusal = later.first_refusal + rows_before
        self.answers += later.answers
        self.refusals += later.refusals
        self.short += later.short
        self.labelled += later.labelled
        self.lengths = [mine + theirs for mine, theirs in zip(self.lengths, later.lengths, strict=True)]
        self.longest = heapq.nlargest(
            _MAX_LONGEST, [*self.longest, *((size, row + rows_before) for size, row in later.longest)]
        )
        for label, count in later.labels.items():
            if label in self.labels or len(self.labels) < _MAX_LABELS:
                self.labels[label] += count


def count_size(totals: Totals, row: int, size: int) -> None:
    """Count an answer that is no label."""
    totals.answers += 1
    totals.lengths[min(39, size.bit_length())] += 1
    longest = totals.longest
    if size > 1000 and (len(longest) < _MAX_LONGEST or size > longest[-1][0]):
        longest.append((size, row))
        longest.sort(reverse=True)
        del longest[_MAX_LONGEST:]


def count_answer(totals: Totals, row: Row, text: str, size: int) -> None:
    count_size(totals, row.index, size)
    if size <= SHORT_CHARACTERS:
        totals.short += 1
    if size <= LABEL_CHARACTERS and "\n" not in text:
        totals.labelled += 1
        if len(totals.labels) < _MAX_LABELS or text in totals.labels:
            totals.labels[text] += 1


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    answers = totals.answers
    if not answers:
        return
    if totals.refusals >= 3 and totals.refusals / answers > context.threshold("QUA603.share", 0.02):
        report("QUA603", "", f"{totals.refusals:,} of {plural(answers, 'answer')} ({totals.refusals / answers:.0%})"
                             f" refuse;"
               f" the first is in row {totals.first_refusal}")  # fmt: skip
    few_labels = len(totals.labels) <= 50 and answers >= 10 * len(totals.labels)
    if answers >= 50 and totals.short / answers > 0.9 and not few_labels:
        report("QUA605", "", f"{totals.short / answers:.0%} of the answers have {SHORT_CHARACTERS} characters or fewer")
    _report_outliers(totals, report)
    if answers >= 10 and totals.labelled / answers >= 0.8 and len(totals.labels) < _MAX_LABELS:
        _report_spellings(totals.labels, report)


def _report_outliers(totals: Totals, report: Reporter) -> None:
    below, limit = 0, 0
    for bits, count in enumerate(totals.lengths):
        below += count
        if below >= 0.95 * totals.answers:
            limit = 8 * 2**bits
            break
    outliers = [(size, row) for size, row in totals.longest if size > max(limit, 2000)]
    if outliers and totals.answers >= 50:
        shown = ", ".join(f"row {row} ({size:,} characters)" for size, row in outliers)
        report("QUA606", "", f"more than eight times as long as 95 % of the answers: {shown}")


def _report_spellings(labels: Counter[str], report: Reporter) -> None:
    groups: dict[str, Counter[str]] = {}
    for label, count in labels.items():
        key = re.sub(r"[\W_]+", " ", label).strip().lower()
        groups.setdefault(key, Counter())[label] += count
    if len(groups) > 30 or sum(labels.values()) < 4 * len(groups):
        return
    sizes = {key: sum(group.values()) for key, group in groups.items()}
    for key, group in groups.items():
        short = [other for other in groups if other != key and len(other) >= 3 and key.startswith(other)
                 and sizes[other] * 5 <= sizes[key]]  # fmt: skip
        spelled = group + Counter({label: n for other in short for label, n in groups[other].items()})
        if len(spelled) > 1:
            ways = ", ".join(f'"{label.strip()[:24]}" ({count:,})' for label, count in spelled.most_common(5))
            report("QUA622", "", f"one label, {len(spelled)} spellings: {ways}")
