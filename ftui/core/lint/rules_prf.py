"""PRF: preference pairs, KTO labels, prompts for rewards: whether the comparison is about what it should be about."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from ftui.core.lint.about_prf import RULES
from ftui.core.lint.answers import OPENING
from ftui.core.lint.model import Context, Reporter, Row, Severity, Turn
from ftui.core.lint.prf_fixes import FIXES, meant_label
from ftui.core.lint.prf_totals import FEATURES, Totals, finish
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
_BARE = re.compile(r"[\W_]+")


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
    meant = meant_label(label)
    what = f'the label is the text "{label[:24]}"' if isinstance(label, str) else f"the label is {type(label).__name__}"
    report(
        "PRF861",
        f"/{column}",
        what if label is not None else "the label is missing",
        fix="none" if meant is None else None,
    )
    if meant is not None:
        totals.labels[1 if meant else 0] += 1


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
