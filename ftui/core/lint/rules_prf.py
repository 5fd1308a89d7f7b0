"""PRF: preference pairs, KTO labels, prompts for rewards: whether the comparison is about what it should be about."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from typing import Any

from ftui.core.conversations import role_of
from ftui.core.lint.about_prf import RULES
from ftui.core.lint.answers import OPENING
from ftui.core.lint.model import (
    DROP,
    Context,
    Facts,
    Fixer,
    Reporter,
    Row,
    Severity,
    Turn,
    resolve_parent,
)
from ftui.core.text import plural

__all__ = ["FIXES", "RULES", "Totals", "check", "finish"]

_SCORES = (("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"), ("chosen_rating", "rejected_rating"),
           ("chosen-rating", "rejected-rating"), ("margin_chosen", "margin_rejected"))  # fmt: skip
_REFERENCES = (
    "answer",
    "solution",
    "ground_truth",
    "reference",
    "target",
    "label",
    "expected",
    "gold",
    "test_cases",
    "tests",
)
_TRUE = frozenset({"true", "1", "yes", "good", "desirable"})
_FALSE = frozenset({"false", "0", "no", "bad", "undesirable"})
_BARE = re.compile(r"[\W_]+")
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


def check(row: Row, report: Reporter, totals: Totals, context: Context) -> None:
    kind = row.format.kind
    if kind == "preference":
        _check_pair(row, report, totals)
    elif kind == "kto":
        _check_label(row, report, totals)
    elif kind == "prompt":
        _check_prompt(row, report, totals)
    elif kind == "stepwise":
        _check_steps(row, report)


def _check_pair(row: Row, report: Reporter, totals: Totals) -> None:
    totals.pairs += 1
    chosen, rejected = row.turns[row.answer_start :], row.rejected
    places = [f"/{row.format.column(name)}" for name in ("chosen", "rejected")]
    values = [row.data.get(row.format.column(name) or "") for name in ("chosen", "rejected")]
    if isinstance(values[0], str) != isinstance(values[1], str):
        report("PRF856", "", f"chosen is {_kind(values[0])}, rejected is {_kind(values[1])}")
        return
    one, other = _text(chosen), _text(rejected)
    if not one.strip() or not other.strip():
        if not any(_calls(turn) for turn in [*chosen, *rejected]):
            place = places[0] if not one.strip() else places[1]
            report("PRF852", place, f"{place[1:]} is empty")
        return
    if (
        row.format.column("prompt") is None
        and (len(chosen) > 1 or len(rejected) > 1)
        and not _one_exchange(row, chosen, rejected)
    ):
        report(
            "PRF857", places[1], f"the sides part {max(len(chosen), len(rejected))} turns before their end", text=other
        )
    elif chosen and rejected and (chosen[-1].role != rejected[-1].role or chosen[-1].role in ("user", "system")):
        ends = f"chosen ends with {chosen[-1].role or 'no role'}, rejected with {rejected[-1].role or 'no role'}"
        report("PRF856", places[1], ends)
    if one == other:
        if not any(_calls(turn) for turn in [*chosen, *rejected]):
            report("PRF851", places[1], "both sides say the same", text=other)
        return
    if _BARE.sub("", one.lower()) == _BARE.sub("", other.lower()):
        report("PRF854", places[1], "the sides differ only in spaces, case or punctuation", text=other)
    _count_pair(row, one, other, totals)
    shorter, longer = sorted((len(one), len(other)))
    if shorter >= 20 and longer > 10 * shorter:
        side = places[0] if len(one) > len(other) else places[1]
        report("PRF853", side, f"{longer:,} characters against {shorter:,}", severity=Severity.INFO)
    for better, worse in _SCORES:
        high, low = row.data.get(better), row.data.get(worse)
        if isinstance(high, (int, float)) and isinstance(low, (int, float)) and high < low:
            report("PRF860", f"/{better}", f"chosen has {high}, rejected has {low}")


def _count_pair(row: Row, one: str, other: str, totals: Totals) -> None:
    totals.chosen_longer += len(one) > len(other)
    totals.rejected_longer += len(one) < len(other)
    for name, pattern in FEATURES.items():
        here, there = bool(pattern.search(one)), bool(pattern.search(other))
        if here != there:
            totals.features[name][0 if here else 1] += 1
    refuses = [_refuses(one), _refuses(other)]
    totals.refusal_chosen += refuses == [True, False]
    totals.refusal_rejected += refuses == [False, True]
    prompt = "\x00".join(turn.text for turn in row.turns[: row.answer_start])
    low, high = sorted((one, other))
    joined = f"{prompt}\x00{low}\x00{high}".encode("utf-8", "surrogatepass")
    totals.saw(int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "big"), one == low, row.index)


def _refuses(text: str) -> bool:
    found = OPENING.match(text)
    return found is not None and found.lastgroup == "refusal"


def _text(turns: Any) -> str:
    return "\n\n".join(turn.text for turn in turns)


def _calls(turn: Turn) -> bool:
    return bool(turn.message and (turn.message.get("tool_calls") or turn.message.get("function_call")))


def _one_exchange(row: Row, chosen: list[Turn], rejected: Any) -> bool:
    """Whether both sides are lists of messages that are answers in themselves: all the assistant's or its tools'."""
    return row.conversation and all(turn.role in ("assistant", "tool") for turn in [*chosen, *rejected])


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "a text"
    return "missing" if value is None else "a list of messages" if isinstance(value, list) else "an object"


def _check_label(row: Row, report: Reporter, totals: Totals) -> None:
    label, column = row.label, row.format.column("label")
    if isinstance(label, bool) or (isinstance(label, (int, float)) and label in (0, 1)):
        totals.labels[1 if label else 0] += 1
        return
    meant = _meant(label)
    what = f'the label is the text "{label[:24]}"' if isinstance(label, str) else f"the label is {type(label).__name__}"
    report(
        "PRF861",
        f"/{column}",
        what if label is not None else "the label is missing",
        fix="none" if meant is None else None,
    )
    if meant is not None:
        totals.labels[1 if meant else 0] += 1


def _meant(label: Any) -> bool | None:
    word = str(label).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _check_prompt(row: Row, report: Reporter, totals: Totals) -> None:
    totals.prompts += 1
    for column in _REFERENCES:
        known = totals.references.get(column)
        if row.data.get(column) not in (None, ""):
            if known is None:
                # Every row before this one lacks the column.
                totals.references[column] = [1, 0 if totals.prompts > 1 else -1]
            else:
                known[0] += 1
            _check_leak(row, column, report)
        elif known is not None and known[1] < 0:
            known[1] = row.index
    last = row.turns[-1] if row.turns else None
    if row.conversation and last is not None and last.role == "assistant":
        report("PRF866", last.pointer, "the prompt ends with an answer", text=last.text)


def _check_leak(row: Row, column: str, report: Reporter) -> None:
    answer = row.data[column]
    if not isinstance(answer, str) or not 1 <= len(answer.strip()) <= 400:
        return
    answer = answer.strip().rpartition("####")[2].strip()
    if answer.lower() not in row.lower:
        return
    told = re.search(rf"(?:answer|solution|result) (?:is|:|=)\s*(?::\s*)?{re.escape(answer.lower())}(?!\w)", row.lower)
    if told or (len(answer) >= 24 and " " in answer):
        report("PRF865", row.turns[0].pointer if row.turns else "", f'"{answer[:60]}" of {column} stands in the prompt')


def _check_steps(row: Row, report: Reporter) -> None:
    steps, labels = row.data.get("completions"), row.label
    if isinstance(steps, list) and isinstance(labels, list) and len(steps) != len(labels):
        report("PRF867", "/labels", f"{plural(len(labels), 'label')} for {plural(len(steps), 'step')}")


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


def _drop(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    return DROP


def _swap(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Swap every chosen column with its rejected one, scores too."""
    for one in [key for key in row if "chosen" in key]:
        other = one.replace("chosen", "rejected")
        if other in row:
            row[one], row[other] = row[other], row[one]
    return row


def _fix_label(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    meant = _meant(parent[key])
    parent[key] = parent[key] if meant is None else meant
    return row


def _cut_last_turn(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    messages = row[pointer.split("/")[1]]
    while (
        isinstance(messages, list)
        and messages
        and isinstance(messages[-1], dict)
        and role_of(messages[-1]) == "assistant"
    ):
        messages.pop()
    return row


FIXES: dict[str, Fixer] = {
    "PRF851": _drop,
    "PRF852": _drop,
    "PRF860": _swap,
    "PRF861": _fix_label,
    "PRF866": _cut_last_turn,
}
