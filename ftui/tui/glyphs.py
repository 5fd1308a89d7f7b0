"""Every drawn character in two sets: Unicode, and plain ASCII for terminals and fonts that have nothing else."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


@dataclass(frozen=True)
class Glyphs:
    """Characters that the screens draw with, each one cell wide."""

    ascii: bool
    full: str
    empty: str
    mark: str
    live: str
    waiting: str
    ended: str
    good: str
    bad: str
    warning: str
    point: str
    next: str
    bar: str
    here: str
    dash: str
    middle: str


UNICODE = Glyphs(
    ascii=False, full="█", empty="░", mark="▲", live="●", waiting="○", ended="■", good="✓", bad="✗", warning="!",
    point="◆", next="›", bar="│", here="▸", dash="─", middle="·",
)  # fmt: skip
ASCII = Glyphs(
    ascii=True, full="#", empty="-", mark="^", live="*", waiting="o", ended="=", good="+", bad="x", warning="!",
    point="o", next=">", bar="|", here=">", dash="-", middle="-",
)  # fmt: skip

_TO_ASCII = str.maketrans(
    {
        **dict.fromkeys("─━═╌╍┄┅▔▁", "-"),
        **dict.fromkeys("│┃║▏▎▍▌▐▕", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝╠╣╦╩╬", "+"),
        **dict.fromkeys("█▇▆▅▄▃▂▀▓▒", "#"),
        **dict.fromkeys("░", "-"),
        **dict.fromkeys("●◆•■▪", "*"),
        **dict.fromkeys("○◇□", "o"),
        **dict.fromkeys("▸▶›❯→⏵", ">"),
        **dict.fromkeys("◂◀‹←↵", "<"),
        **dict.fromkeys("▲↑△", "^"),
        **dict.fromkeys("▼↓▽⏷", "v"),
        "✓": "+", "✗": "x", "…": "~", "·": ".", "×": "x", "≤": "<", "≥": ">", "±": "~", "–": "-", "—": "-",
        "⟦": "[", "⟧": "]", "»": ">", "«": "<", "°": " ", "⏎": "<", "⌫": "<", "“": '"', "”": '"', "’": "'", "‘": "'",
    }
)  # fmt: skip


class AsciiFilter(LineFilter):
    """Turns every character of ours that is not ASCII into one that is; each stays as wide as it was.

    Text of the user's (a dataset in Chinese) becomes question marks: a terminal that cannot show it would show worse.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.control or segment.text.isascii() else Segment(to_ascii(segment.text), segment.style)
            for segment in segments
        ]


def to_ascii(text: str) -> str:
    """The text in ASCII, one character per terminal cell."""
    from ftui.core.text import cell_width

    return "".join(c if c.isascii() else "?" * cell_width(c) for c in text.translate(_TO_ASCII))


def wants_ascii() -> bool:
    """Whether the environment asks for ASCII: FTUI_ASCII, a terminal without Unicode, a locale that is not UTF-8."""
    asked = os.environ.get("FTUI_ASCII", "")
    if asked:
        return asked != "0"
    encoding = (getattr(sys.__stdout__, "encoding", "") or "").lower().replace("-", "")
    return os.environ.get("TERM") == "linux" or encoding not in ("utf8", "utf") or not _locale_is_utf8()


def _locale_is_utf8() -> bool:
    """Whether the locale promises UTF-8, or none is named.

    Python turns a C locale into UTF-8 for itself (PEP 538, 540) and says so in LC_CTYPE, so that is no promise of the
    terminal's where LANG says something else.
    """
    language, characters = os.environ.get("LANG", ""), os.environ.get("LC_CTYPE", "")
    if characters.lower().replace("-", "") in ("c.utf8", "utf8") and language:
        characters = ""
    said = os.environ.get("LC_ALL") or characters or language
    return not said or "utf" in said.lower()
