"""A blind rating in words: the scale, what was pressed so far, what all ratings add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ftui.core.agreement import in_words
from ftui.core.rating import CRITERIA, SCALE, Criterion, RatingSummary
from ftui.core.text import clip, plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

LONGEST_TEXT = 20_000


def headline(rater: str, done: int, total: int, same: int, glyphs: Glyphs, width: int) -> Row:
    """Who rates, and how far they are."""
    who = f"Blind, by {clip(rater, 24)}  "
    said = f" {done:,} of {plural(total, 'row')}" + (f"; {same:,} where both say the same" if same else "")
    cells = max(4, min(30, width - len(who) - len(said)))
    full = round(cells * done / total) if total else 0
    return ((who, "strong"), (glyphs.full * full, "ok"), (glyphs.empty * (cells - full), "faint"), (said, "dim"))


def text_rows(text: str) -> list[Row]:
    """A prompt or an answer as it is."""
    if not text.strip():
        return [(("(nothing)", "dim"),)]
    rows: list[Row] = [((line, "text"),) for line in safe(text[:LONGEST_TEXT], newlines=True, tabs=True).split("\n")]
    if len(text) > LONGEST_TEXT:
        rows.append(((f"... {plural(len(text) - LONGEST_TEXT, 'character')} more", "dim"),))
    return rows


def question_rows(keys: Mapping[str, int], now: Criterion | None, glyphs: Glyphs, width: int) -> list[Row]:
    """The question that is asked now, the scale, and what was said to those before."""
    answered: list[tuple[str, str]] = []
    for criterion in CRITERIA:
        here = now is not None and criterion.name == now.name
        said = str(keys[criterion.name]) if criterion.name in keys else glyphs.here if here else glyphs.middle
        look = "accent" if here else "strong" if criterion.name in keys else "dim"
        answered += [(f"{criterion.name} ", look), (f"{said}   ", look)]
    rows: list[Row] = [tuple(answered)]
    if now is not None:
        rows.append(((now.question, "strong"),))
        rows.append(scale_row(width))
    return rows


def scale_row(width: int) -> Row:
    """The five keys; short where there is little room."""
    words = SCALE if width >= 100 else {1: "left!", 2: "left", 3: "the same", 4: "right", 5: "right!"}
    return tuple(part for key, word in words.items() for part in ((f"{key} ", "accent"), (f"{word}   ", "text")))


def summary_rows(result: RatingSummary | None, skipped: int, run_name: str) -> list[Row]:
    """What all raters said, once there is nothing left to rate."""
    rows: list[Row] = [(("Everything is rated.", "ok"),)]
    if skipped:
        words = f"{plural(skipped, 'row')} were left for later: they come back when the rating is opened again."
        rows = [((words, "text"),)]
    if result is None:
        return rows
    raters = ", ".join(safe(name) for name in result.raters)
    rows += [(("", "text"),), ((f"{plural(result.items, 'row')} rated blind by {raters}", "strong"),)]
    rows.append(((f"{'criterion':<12}{'tuned better':>13}{'same':>6}{'base better':>13}  win rate, 95 %", "dim"),))
    for name, c in result.criteria.items():
        look = "ok" if c.ci_low > 0.5 else "fail" if c.ci_high < 0.5 else "text"
        word = {"ok": " tuned wins", "fail": " base wins"}.get(look, " open")
        rate = f"{c.win_rate:.2f} ({c.ci_low:.2f} to {c.ci_high:.2f})"
        rows.append(
            ((f"{name:<12}{c.wins:>13}{c.ties:>6}{c.losses:>13}  ", "text"), (f"{rate:<19}", look), (word, look))
        )
    rows.append((("", "text"),))
    rows += agreement_rows(result, run_name)
    return rows


def agreement_rows(result: RatingSummary, run_name: str) -> Sequence[Row]:
    """How far the raters agree."""
    if len(result.raters) < 2:
        command = f"ftui rate {safe(run_name)} --rater NAME"
        return [(("One rater: agreement cannot be told. A second one: ", "dim"), (command, "strong"))]
    known = [(name, c.alpha) for name, c in result.criteria.items() if c.alpha is not None]
    said = "; ".join(f"{name} {alpha:+.2f} ({in_words(alpha)})" for name, alpha in known)
    return [((f"Agreement on {plural(result.agreement_items, 'row')} (Krippendorff's alpha): {said or '-'}", "text"),)]
