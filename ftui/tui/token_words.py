"""A dataset in tokens: how long its rows are, and which tokens the trainer learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.text import plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.axes import nice_step
from ftui.tui.widgets.lines import Row

_BARS = 12


def preview_rows(
    preview: Mapping[str, Any],
    what: str,
    limit: int,
    width: int,
    glyphs: Glyphs,
    *,
    borders: bool,
    of_rows: int = 0,
) -> list[Row]:
    """What services.preview found. what: "lengths" for their distribution, else the first rows token by token.

    of_rows: how many rows the file has; only the first of them are counted.
    """
    name = safe(str(preview.get("tokenizer", "")))
    stands_in = " (it stands in until a model is chosen)" if preview.get("stands_in") else ""
    about: Row = ((f"Counted with the tokenizer of {name}{stands_in}.", "dim"),)
    if what == "lengths":
        lengths = [length for length in _list(preview.get("lengths")) if isinstance(length, int)]
        refused = [((f"cannot be written: {safe(str(why))}", "warn"),) for why in _list(preview.get("refused"))]
        return [about, *length_rows(lengths, limit, width, glyphs, of_rows), *refused]
    marks: Row = (
        ("Green, between ", "dim"), ("⟦ ⟧", "ok"), (": counts for the loss. ", "dim"), ("Bold", "special"),
        (": one special token. f: in full; t: token borders.", "dim"),
    )  # fmt: skip
    shown = [row for row in _list(preview.get("rows")) if isinstance(row, Mapping)]
    return [about, marks, *(line for row in shown for line in token_rows(row, glyphs, borders=borders))]


def length_rows(lengths: Sequence[int], limit: int | None, width: int, glyphs: Glyphs, of_rows: int = 0) -> list[Row]:
    """Row lengths in tokens as bars, with the line where rows are cut. of_rows: how many there are beside these."""
    if not lengths:
        return [(("No row could be counted.", "dim"),)]
    ordered = sorted(lengths)
    half, most_of, longest = ordered[len(ordered) // 2], ordered[(len(ordered) - 1) * 95 // 100], ordered[-1]
    top = longest if longest <= 2 * most_of else most_of  # a few very long rows must not squeeze all others into a bar
    step = max(1, int(nice_step(max(top - ordered[0], 1), _BARS - 2)))
    first = ordered[0] // step
    bars = [0] * (top // step - first + 1)
    for length in ordered:
        bars[min(length // step - first, len(bars) - 1)] += 1
    end = (first + len(bars)) * step
    beyond = sum(length >= end for length in ordered)
    bars[-1] -= beyond
    over = sum(length > limit for length in ordered) if limit else 0
    label = f"{end:,}+"
    room = max(10, width - len(label) - 10)
    rows: list[Row] = [
        (
            (f"{(first + number) * step:>{len(label)},} ", "dim"),
            (glyphs.full * max(1 if count else 0, round(count / max(bars) * room)), "bright"),
            (f" {count:,}", "dim"),
        )
        for number, count in enumerate(bars)
    ]
    if beyond:
        rows.append(((f"{label:>{len(label)}} ", "dim"), (f"{beyond:,} up to {longest:,}", "text")))
    if limit:
        cut = f"{plural(over, 'row is', 'rows are')} longer than {limit:,} tokens and cut there"
        none = f"no{' counted' if of_rows > len(ordered) else ''} row is longer than the limit of {limit:,} tokens"
        line: Row = ((f"{glyphs.dash * 2} {cut if over else none} ", "warn" if over else "ok"),)
        place = max(0, limit // step + 1 - first)
        rows.insert(min(place, len(bars)) if over else len(rows), line)
    total = plural(len(ordered), "row")
    if of_rows > len(ordered):
        total = f"the first {total} of {of_rows:,}"
    summary = f"{total}: half up to {half:,} tokens, 95 % up to {most_of:,}, longest {longest:,}"
    return [((summary, "text"),), *rows]


def token_rows(row: Mapping[str, Any], glyphs: Glyphs, *, borders: bool) -> list[Row]:
    """One row as the trainer will see it, token by token: the trained ones in colour and between brackets, the special
    ones bold. borders: a line between every two tokens."""
    head = f"row {row.get('index')}: {row.get('trained')} of {row.get('tokens')} tokens are trained"
    rows: list[Row] = [((head, "strong"),)]
    if row.get("dropped"):
        rows.append(((f"left out: {safe(str(row['dropped']))}", "warn"),))
    rows += [((f"note: {safe(str(note))}", "dim"),) for note in _list(row.get("notes"))]
    spans: list[tuple[str, str]] = []
    before: bool | None = None
    for piece in _list(row.get("pieces")):
        if not isinstance(piece, list) or len(piece) < 2:
            continue
        text, trained, special = str(piece[0]), bool(piece[1]), len(piece) > 2 and bool(piece[2])
        if before and not trained:
            spans.append(("⟧", "ok"))
        if trained and not before:
            spans.append(("⟦", "ok"))
        elif borders and before == trained:
            spans.append((glyphs.bar, "faint"))
        look = ("trained special" if special else "ok") if trained else "special" if special else "dim"
        for index, line in enumerate(safe(text, newlines=True, tabs=True).split("\n")):
            if index:
                spans.append(("↵", "faint"))
                rows.append(tuple(spans))
                spans = []
            spans.append((line, look))
        before = trained
    if before:
        spans.append(("⟧", "ok"))
    return [*rows, tuple(spans), (("", "text"),)]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
