"""What the tuning changed, row by row: held-out prompts with the answers of both models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from ftui.core.text import clip, plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

KINDS = ("changed most first", "better first", "worse first", "the tuned model's worst", "in the file's order")
LONGEST_TEXT = 6_000
_MOST_LISTED = 500
_MOST_COMPARED = 3_000
_LEAST_ALIKE = 0.5
"""Below this likeness nearly every word would be marked, which says nothing."""
Sample = Mapping[str, Any]


def gain(sample: Sample) -> float | None:
    """How much the score rose; None where a row has none."""
    base, tuned = sample.get("base_score"), sample.get("tuned_score")
    return float(tuned) - float(base) if _is_number(base) and _is_number(tuned) else None  # type: ignore[arg-type]


def chosen(samples: Sequence[Sample], kind: str) -> list[Sample]:
    """The rows of that kind, in its order."""
    gains = [(gain(sample) or 0.0, sample) for sample in samples]
    if kind == "changed most first":
        gains.sort(key=lambda pair: -abs(pair[0]))
    elif kind in ("better first", "worse first"):
        sign = -1.0 if kind == "better first" else 1.0
        gains = sorted((pair for pair in gains if sign * pair[0] < 0), key=lambda pair: sign * pair[0])
    elif kind == "the tuned model's worst":
        scored = [pair for pair in gains if _is_number(pair[1].get("tuned_score"))]
        gains = sorted(scored, key=lambda pair: float(pair[1]["tuned_score"]))
    return [sample for _, sample in gains[:_MOST_LISTED]]


def counts_row(samples: Sequence[Sample]) -> Row | None:
    """How many rows became better and worse; None where nothing was scored row by row."""
    gains = [value for sample in samples if (value := gain(sample)) is not None]
    if not gains:
        return None
    better, worse = sum(value > 0 for value in gains), sum(value < 0 for value in gains)
    return (
        ("Row by row: ", "dim"), (f"{better:,} better", "ok" if better else "dim"), (", ", "dim"),
        (f"{worse:,} worse", "fail" if worse else "dim"), (f", {len(gains) - better - worse:,} the same", "dim"),
        ("  (2 shows them)", "dim"),
    )  # fmt: skip


def change_row(sample: Sample, glyphs: Glyphs, width: int) -> Row:
    """A row in the list: how much it changed, in figures and in a word, and its prompt."""
    value = gain(sample)
    if value is None:
        same = sample.get("base") == sample.get("tuned")
        figure, word, look = "", "same" if same else "other", "dim" if same else "text"
    else:
        figure = f"{value:+.2f}"
        word, look = ("better", "ok") if value > 0 else ("worse", "fail") if value < 0 else ("same", "dim")
    sign = {"better": glyphs.good, "worse": glyphs.bad}.get(word, glyphs.middle)
    return (
        (f"{sign} {word:<6} {figure:>6}  ", look),
        (clip(str(sample.get("prompt", "")), max(8, width - 17)), "text"),
    )


def answer_rows(sample: Sample) -> list[Row]:
    """The prompt, what was wanted and what both models said; what differs from the wanted text is marked."""
    wanted = sample.get("reference")
    wanted = wanted if isinstance(wanted, str) else ""
    rows: list[Row] = []
    for name, title in (("prompt", "prompt"), ("reference", "wanted"), ("base", "base"), ("tuned", "tuned")):
        text = sample.get(name)
        if not isinstance(text, str) or not text:
            continue
        score = sample.get(f"{name}_score")
        head: list[tuple[str, str]] = [(title, "accent")]
        if _is_number(score):
            head.append((f"  score {score:.2f}", "dim"))
        if name in ("base", "tuned") and wanted and text.strip() == wanted.strip():
            head.append(("  as wanted", "ok"))
        rows.append(tuple(head))
        compare = name in ("base", "tuned") and wanted and max(len(text), len(wanted)) <= _MOST_COMPARED
        rows += marked_lines(text, wanted) if compare else _lines(text)
    return rows


def marked_lines(text: str, wanted: str) -> list[Row]:
    """The text with »« around what is not in the wanted one, word by word; unmarked where hardly anything is."""
    words, targets = _words(text), _words(wanted)
    matcher = SequenceMatcher(None, words, targets, autojunk=False)
    if matcher.ratio() < _LEAST_ALIKE:
        return _lines(text)
    parts: list[tuple[str, bool]] = []
    for kind, start, end, _, _ in matcher.get_opcodes():
        part = "".join(words[start:end])
        if part:
            parts.append((part, kind == "equal"))
    spans = [(part, "text") if equal else (f"»{part}«", "warn") for part, equal in parts]
    rows: list[Row] = []
    line: list[tuple[str, str]] = []
    for part, look in spans:
        pieces = safe(part, newlines=True, tabs=True).split("\n")
        for index, piece in enumerate(pieces):
            if index:
                rows.append(tuple(line))
                line = []
            line.append((piece, look))
    return [*rows, tuple(line)]


def _words(text: str) -> list[str]:
    """The text in pieces at spaces and marks; joined they are the text again."""
    pieces: list[str] = []
    inside = False
    for character in text:
        if character.isalnum() and inside:
            pieces[-1] += character
        else:
            pieces.append(character)
        inside = character.isalnum()
    return pieces


def _lines(text: str) -> list[Row]:
    shown = safe(text[:LONGEST_TEXT], newlines=True, tabs=True).split("\n")
    rows: list[Row] = [((line, "text"),) for line in shown]
    if len(text) > LONGEST_TEXT:
        rows.append(((f"... {plural(len(text) - LONGEST_TEXT, 'character')} more", "dim"),))
    return rows


def nothing_rows(any_samples: bool) -> list[Row]:
    """What stands where rows would."""
    words = "No row is of this kind: f lists others." if any_samples else "No held-out row was answered by both models."
    return [((words, "dim"),)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
