"""Pairs, labels and prompts over a whole file: what tells the sides apart, and how the labels are spread."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ftui.core.lint.model import Context, Facts, Reporter, Severity

FEATURES = {
    "a list": re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])\s", re.M),
    "a heading": re.compile(r"^#{1,4} ", re.M),
    "bold type": re.compile(r"\*\*[^*\n]+\*\*"),
    "a code block": re.compile(r"```"),
    "emoji": re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]"),
    "an exclamation mark": re.compile(r"!(?:\s|$)"),
    'an opening "Sure"': re.compile(r"\A\s*(?:Sure|Certainly|Of course|Absolutely)\b"),
}
_MIN_PAIRS = 30


@dataclass
class Totals:
    """Counters over pairs, labels and prompts. `seen`: a pair's key -> its direction and first row."""

    pairs: int = 0
    chosen_longer: int = 0
    rejected_longer: int = 0
    refusal_chosen: int = 0
    refusal_rejected: int = 0
    features: dict[str, list[int]] = field(default_factory=lambda: {name: [0, 0] for name in FEATURES})
    seen: dict[int, tuple[bool, int]] = field(default_factory=dict)
    opposed: list[tuple[int, int]] = field(default_factory=list)
    labels: list[int] = field(default_factory=lambda: [0, 0])
    prompts: int = 0
    references: dict[str, list[int]] = field(default_factory=dict)

    def merge(self, later: Totals, rows_before: int) -> None:
        self.pairs += later.pairs
        self.chosen_longer += later.chosen_longer
        self.rejected_longer += later.rejected_longer
        self.refusal_chosen += later.refusal_chosen
        self.refusal_rejected += later.refusal_rejected
        self.prompts += later.prompts
        self.labels = [mine + theirs for mine, theirs in zip(self.labels, later.labels, strict=True)]
        for name, (chosen, rejected) in later.features.items():
            self.features[name][0] += chosen
            self.features[name][1] += rejected
        self.opposed += [(first + rows_before, second + rows_before) for first, second in later.opposed]
        for key, (direction, row) in later.seen.items():
            self.saw(key, direction, row + rows_before)
        for column, (count, first_without) in later.references.items():
            mine = self.references.setdefault(column, [0, -1])
            mine[0] += count
            if mine[1] < 0 <= first_without:
                mine[1] = first_without + rows_before

    def saw(self, key: int, direction: bool, row: int) -> None:
        known = self.seen.setdefault(key, (direction, row))
        if known[0] != direction:
            self.opposed.append((known[1], row))


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    for first, second in totals.opposed[:100]:
        report("PRF855", "", f"row {second} says the opposite of row {first}")
    differing = totals.chosen_longer + totals.rejected_longer
    if differing >= _MIN_PAIRS:
        _report_length(totals.chosen_longer, differing, report, context)
    _report_features(totals, report)
    refusals = totals.refusal_chosen + totals.refusal_rejected
    if totals.pairs >= 20 and refusals >= 0.02 * totals.pairs and refusals >= 3:
        report("PRF858", "", f"in {totals.refusal_chosen:,} pairs only the chosen side refuses, in"
               f" {totals.refusal_rejected:,} only the rejected one, of {totals.pairs:,}")  # fmt: skip
    _report_labels(totals, report)
    _report_references(totals, report, context)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson score interval)."""
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle - half, middle + half


def _report_length(longer: int, count: int, report: Reporter, context: Context) -> None:
    share = longer / count
    low, high = wilson(longer, count)
    limit = context.threshold("PRF853.share", 0.65)
    if (share > limit and low > 0.5) or (share < 1 - limit and high < 0.5):
        side, part = ("chosen", share) if share > 0.5 else ("rejected", 1 - share)
        bounds = (low, high) if share > 0.5 else (1 - high, 1 - low)
        report("PRF853", "", f"the {side} side is the longer one in {part:.0%} of {count:,} pairs"
               f" (95 % interval {bounds[0]:.0%} to {bounds[1]:.0%})")  # fmt: skip


def _report_features(totals: Totals, report: Reporter) -> None:
    for name, (chosen, rejected) in totals.features.items():
        one_sided = chosen + rejected
        if one_sided < _MIN_PAIRS or one_sided < 0.1 * totals.pairs:
            continue
        share = max(chosen, rejected) / one_sided
        if share >= 0.85:
            side = "chosen" if chosen > rejected else "rejected"
            report("PRF859", "", f"where {name} stands on one side only ({one_sided:,} pairs), it is the {side} side"
                   f" in {share:.0%}")  # fmt: skip


def _report_labels(totals: Totals, report: Reporter) -> None:
    bad, good = totals.labels
    if bad + good < 10:
        return
    if not bad or not good:
        report("PRF862", "", f"all {bad + good:,} labels are {'true' if good else 'false'}")
    elif max(bad, good) > 2 * min(bad, good):
        which, weight = ("false", good / bad) if good > bad else ("true", bad / good)
        report("PRF862", "", f"{good:,} true and {bad:,} false: weigh the {which} ones by about {weight:.1f}")


def _report_references(totals: Totals, report: Reporter, context: Context) -> None:
    if not totals.prompts:
        return
    for column, (count, first) in totals.references.items():
        if totals.prompts > count >= 0.5 * totals.prompts:
            where = f"; the first is in row {first}" if first >= 0 else ""
            report("PRF864", "", f'{totals.prompts - count:,} of {totals.prompts:,} prompts have no "{column}"{where}')
    if not totals.references and context.task in ("grpo", "rloo"):
        text = "no prompt has a column to compare an answer with; a reward that compares has nothing to go by"
        report("PRF864", "", text, severity=Severity.WARNING)
