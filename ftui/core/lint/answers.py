"""What an answer looks like by itself: a placeholder, a refusal, cut off, going round in circles."""

from __future__ import annotations

import re

from ftui.core.lint.prose import looks_like_code, without_code

_PLACEHOLDERS = frozenset({
    "noinput", "nooutput", "none", "null", "nan", "na", "n/a", "#n/a", "nil", "todo", "tbd", "fixme", "placeholder",
    "undefined", "notavailable", "noanswer", "noresponse", "empty", "xxx", "lorem ipsum", "answerhere", "...", "…",
    "noinputneeded", "noinputrequired", "noinputprovided", "noinputnecessary", "inputnotrequired", "notapplicable",
})  # fmt: skip
_NO_OUTPUT = re.compile(r"\s*<\s*no\s?-?(?:in|out)put\b", re.I)
OPENING = re.compile(
    r"(?P<refusal>(?:I'm |I am |I’m )?(?:so |very )?(?:sorry|afraid)\b[^.!?\n]{0,60}\b(?:can(?:no|')?t|can’t|cannot"
    r"|unable|not able"
    r"|don't have|do not have|but as an?)|I (?:cannot|can't|can’t|can not|won't|am unable|am not able)\b"
    r"|I(?:'m|’m) (?:unable|not able)\b|I apologi[sz]e\b[^.!?\n]{0,60}\b(?:can|unable|not)|As an? (?:AI"
    r"|language model|artificial)"
    r"|Sorry, (?:I|but I)\b|Unfortunately, (?:I|as an))"
    r"|(?P<boilerplate>(?:Sure|Certainly|Of course|Absolutely|Definitely|Great question|No problem"
    r"|I'd be happy to help|I would be"
    r" happy to help|I'd be glad to help)(?: thing)?\s*[!,.:](?:\s*(?:I can help (?:you )?with that"
    r"|I'd be happy to help(?: you)?"
    r"(?: with that)?|Here (?:is|are)|Here's|Here’s)\b)?)",
    re.I,
)
"""Anchor at the beginning of an answer with `match`."""
_ENDS_OPEN = re.compile(
    r"(?P<sign>[,:(\[{–—-])\s*\Z"
    r"|\b(?:the|a|an|of|and|or|because|which|their|its|your|than|such|if|when|these|those|has|have|will|would|should"
    r"|but|as)"
    r"\s*\Z"
    r"|\b(?P<loose>to|in|for|with|that|is|are|was|were|by|from|at|on|into|can)\s*\Z"
)
_SENTENCE = re.compile(r"[.!?]\s")
_TABLE_OR_LIST = re.compile(r"^[ \t]*(?:[-*•|]|\d+[.)])", re.M)
_WORD = re.compile(r"\w+")


def is_placeholder(text: str) -> bool:
    """Whether a text stands for "nothing here": <noinput>, N/A, None, TODO."""
    if len(text) <= 40 and text.strip().strip("<>[]().\"'").replace(" ", "").lower() in _PLACEHOLDERS:
        return True
    return bool(_NO_OUTPUT.match(text[:24]))


def cut_off(text: str) -> str:
    """Why an answer looks as if its end were missing, "" when it does not."""
    found = _ENDS_OPEN.search(text[-60:])
    if len(text) < 40 or not found or looks_like_code(text) or text.rstrip().endswith(("---", ":-", "--")):
        return ""
    last_line = text.rstrip().rpartition("\n")[2]
    if found["sign"] == ":" and len(re.findall(r":\s*$", text, re.M)) > 1:
        return ""  # a form to fill in
    # A sentence may end in "to" or "with"; then it is only telling where the other sentences have their full stops.
    if found["loose"] and (not _SENTENCE.search(text) or _TABLE_OR_LIST.match(last_line) or len(last_line.split()) < 6):
        return ""
    return f'it ends in "{found.group().strip()}"'


def loop(text: str) -> tuple[int, str] | None:
    """Where an answer begins to go round in circles, and what it repeats; None when it does not.

    Two measures. Exact: the text's tail repeats one piece four times or more, over at least 30 % of the text. Loose, in
    prose of more than 40 words: more than half of its word 4-grams are repeats (Gopher's measure, with a threshold
    that lists and code do not reach).
    """
    text = without_code(text).rstrip()
    length = len(text)
    if length < 40:
        return None
    tail = text[-16:]
    times = text.count(tail)
    if times < 2:
        middle = text[length // 2 : length // 2 + 16]
        times = text.count(middle)
    if times < 3 and length > 200:
        return None
    period = _period(text)
    if period:
        start, piece = period
        # One character over and over is a rule, a mask or filler, not a model that lost its way.
        if length - start >= max(32, 0.3 * length) and len(set(piece)) > 1 and piece.strip(" \t\n-=_*.#|+~"):
            return start, piece
    if times >= 4:
        return _loose_loop(text)
    return None


def _period(text: str) -> tuple[int, str] | None:
    """The stretch at the text's end that is one piece, at least four times: its start and the piece."""
    stripped = text.rstrip()
    probe = stripped[-12:]
    before = stripped.rfind(probe, 0, len(stripped) - 1)
    if before < 0 or len(probe) < 12:
        return None
    step = len(stripped) - len(probe) - before
    start = len(stripped) - step
    piece = stripped[start:]
    while start >= step and stripped[start - step : start] == piece:
        start -= step
    return (start, piece) if (len(stripped) - start) >= 4 * step else None


def _loose_loop(text: str) -> tuple[int, str] | None:
    words = _WORD.findall(text.lower())
    if len(words) <= 40 or looks_like_code(text) or len(_TABLE_OR_LIST.findall(text)) > len(words) / 20:
        return None
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    counts: dict[tuple[str, ...], int] = {}
    for gram in grams:
        counts[gram] = counts.get(gram, 0) + 1
    if 1 - len(counts) / len(grams) <= 0.5:
        return None
    worst = max(counts, key=lambda gram: counts[gram])
    return 0, " ".join(worst)
