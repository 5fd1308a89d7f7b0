"""A row under review in words: its texts as people read them, what was decided, how far the walk is."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.text import clip, plural, safe
from ftui.services.dataset import DataRow
from ftui.services.dataset_review import DROP, EDIT, KEEP, Decision
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

LONGEST_TEXT = 20_000
WORDS = {KEEP: ("kept", "ok"), DROP: ("dropped", "fail"), EDIT: ("edited", "warn")}
_ANSWER_COLUMNS = ("completion", "output", "response", "answer", "chosen", "text")
_ANSWERING = ("assistant", "gpt", "model", "bot")
Place = tuple[str | int, ...]


def headline(name: str, row: DataRow | None, decision: Decision | None, about: str) -> Row:
    """Which row this is, and what was decided about it."""
    line = f" (line {row.line:,})" if row is not None and row.line is not None else ""
    place = "" if row is None else f"  row {row.index:,}{line}"
    word, look = WORDS[decision.decision] if decision else ("open", "dim")
    note = f": {clip(decision.note, 60)}" if decision and decision.note else ""
    parts: list[tuple[str, str]] = [(clip(name, 40), "strong"), (place, "text")]
    if about:
        parts.append((f"  only {clip(about, 40)}", "dim"))
    if row is not None:
        parts += [("  ", "text"), (word + note, look)]
    return tuple(parts)


def count_row(counts: Counter[str], counting: bool, glyphs: Glyphs, width: int) -> Row:
    """How many rows are decided, as a bar and in figures."""
    if counting:
        return (("Counting what was decided before ...", "dim"),)
    total = counts.total()
    done = total - counts["open"]
    said = f" {counts[KEEP]:,} kept  {counts[DROP]:,} dropped  {counts[EDIT]:,} edited  {counts['open']:,} open"
    cells = max(4, min(30, width - len(said)))
    full = round(cells * done / total) if total else 0
    return ((glyphs.full * full, "ok"), (glyphs.empty * (cells - full), "faint"), (said, "text"))


def row_rows(data: Mapping[str, Any], notes: Sequence[str], glyphs: Glyphs, *, as_json: bool) -> list[Row]:
    """The row's texts, with what the check said about it on top."""
    rows: list[Row] = [((f"! {safe(note)}", "warn"),) for note in notes]
    if as_json:
        written = json.dumps(data, ensure_ascii=False, indent=1, default=str)
        return [*rows, *_text_rows(written, "text")]
    for key, value in data.items():
        if _is_conversation(value):
            for message in value:
                rows += _message(message, glyphs)
        elif isinstance(value, str) and len(value) < 60 and "\n" not in value:
            rows.append(((f"{glyphs.here} {clip(key, 30)}  ", "accent"), (safe(value), "text")))
        else:
            rows.append(((f"{glyphs.here} {clip(key, 60)}", "accent"),))
            rows += _text_rows(value if isinstance(value, str) else _json(value), "text")
    return rows


def _message(message: Mapping[str, Any], glyphs: Glyphs) -> list[Row]:
    role = str(message.get("role") or message.get("from") or "?")
    untrained = message.get("weight") == 0
    head: list[tuple[str, str]] = [
        (f"{glyphs.here} {clip(role, 30)}", "ok" if role in _ANSWERING and not untrained else "accent")
    ]
    if untrained:
        head.append((" (not trained)", "dim"))
    rows: list[Row] = [tuple(head)]
    content = message.get("content", message.get("value"))
    rows += _text_rows(content if isinstance(content, str) else _json(content), "text")
    if message.get("tool_calls"):
        rows += _text_rows("calls " + _json(message["tool_calls"]), "dim")
    return rows


def _text_rows(text: str, look: str) -> list[Row]:
    shown = safe(text[:LONGEST_TEXT], newlines=True, tabs=True).split("\n")
    rows: list[Row] = [((line, look),) for line in shown]
    if len(text) > LONGEST_TEXT:
        rows.append(((f"... {plural(len(text) - LONGEST_TEXT, 'character')} more", "dim"),))
    return rows


def _is_conversation(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and ("role" in item or "from" in item) for item in value)
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)


def end_rows(counts: Counter[str], *, looked_at: bool, only: bool) -> list[Row]:
    """What stands where the next row would."""
    if not looked_at:
        what = "None of these rows can be read: mend the file itself." if only else "There is no row that can be read."
        return [((what, "warn"),)]
    rows: list[Row] = [(("That was the last row.", "strong"),)]
    if counts["open"]:
        rows.append(((f"{plural(counts['open'], 'row')} are still open: g goes to the first of them.", "text"),))
    return [*rows, (("x writes the kept and edited rows into a new file; the left arrow goes back.", "text"),)]


# -- the answer of a row, for editing it in place


def answer_place(row: Mapping[str, Any]) -> Place | None:
    """Where the text is that the row teaches: the last answer of a conversation, or the answer's column."""
    for key, value in row.items():
        if _is_conversation(value):
            for index in range(len(value) - 1, -1, -1):
                message = value[index]
                if (message.get("role") or message.get("from")) in _ANSWERING:
                    name = "content" if "content" in message or "value" not in message else "value"
                    if isinstance(message.get(name), str | None):
                        return (key, index, name)
    return next(((name,) for name in _ANSWER_COLUMNS if isinstance(row.get(name), str)), None)


def text_at(row: Mapping[str, Any], place: Place) -> str:
    """The text there, "" where it is null or missing."""
    value: Any = row
    for step in place:
        value = value.get(step) if isinstance(value, Mapping) else value[step]
    return value if isinstance(value, str) else ""


def with_text(row: Mapping[str, Any], place: Place, text: str) -> dict[str, Any]:
    """The row with another text there."""
    made = copy.deepcopy(dict(row))
    holder: Any = made
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = text
    return made
