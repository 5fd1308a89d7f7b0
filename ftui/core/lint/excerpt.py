"""The part of a text that a finding shows: short, terminal-safe, with the offending part marked."""

from __future__ import annotations

from ftui.core.text import safe

BEFORE_CHARACTERS = 40
SPAN_CHARACTERS = 80
TOTAL_CHARACTERS = 160


def excerpt_of(text: str, span: tuple[int, int] | None = None) -> tuple[str, tuple[int, int] | None]:
    """Cut `text` around `span` (start, end) and make it safe; gives it with the mark (start, length) in the result.

    Without a span the beginning of the text is shown and nothing is marked.
    """
    if span is None:
        shown = safe(text[:TOTAL_CHARACTERS])
        return shown + "…" if len(text) > TOTAL_CHARACTERS else shown, None
    start, end = max(0, span[0]), min(len(text), span[1])
    first = max(0, start - BEFORE_CHARACTERS)
    marked_end = min(end, start + SPAN_CHARACTERS)
    last = min(len(text), first + TOTAL_CHARACTERS)
    lead = ("…" if first else "") + _shown(text[first:start])
    marked = _shown(text[start:marked_end])
    tail = _shown(text[marked_end : max(last, marked_end)]) + ("…" if last < len(text) else "")
    return lead + marked + tail, (len(lead), len(marked))


def _shown(text: str) -> str:
    """`safe`, but an escape sequence is shown where `safe` would take it away: it is what the finding is about."""
    return safe(text.replace("\x1b", "\u241b").replace("\x9b", "\u241b["))
