"""Characters that are not what they seem: control characters, invisible ones, look-alikes, broken encodings."""

from __future__ import annotations

import re
import unicodedata

from ftui.core.lint.model import Reporter, Row, Severity, Turn
from ftui.core.lint.mojibake import PATTERN as MOJIBAKE
from ftui.core.lint.mojibake import repaired

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_ZERO_WIDTH = re.compile("[\u00ad\u034f\u180e\u200b-\u200d\u2060-\u2064\ufeff]")
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
TAGS = re.compile("[\U000e0000-\U000e007f]+")
FLAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
COMPATIBLE = re.compile("[\ufb00-\ufb06]|(?:[\uff21-\uff3a\uff41-\uff5a][\uff10-\uff5a]+)")
_CJK = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_MIXED = re.compile("[A-Za-z][аеорсухіјАВЕКМНОРСТХІЈ]|[аеорсухіјАВЕКМНОРСТХІЈ][A-Za-z]")


def all_turns(row: Row) -> list[Turn]:
    """The turns of a row, the rejected side of a pair too."""
    return [*row.turns, *row.rejected] if row.rejected else row.turns


def check_control(turn: Turn, report: Reporter) -> None:
    """Report TXT407: control characters and terminal escapes."""
    found = list(CONTROL.finditer(turn.text))
    if not found:
        return
    harmless = all(each.group() in "\x0b\x0c\x7f" for each in found)
    what = "terminal escapes" if any(each.group() in "\x1b\x9b\x9d\x90" for each in found) else "control characters"
    text = f"{what}: {len(found)} of them, the first is U+{ord(found[0].group()):04X}"
    if any(pattern.search(turn.text) for pattern in EATEN.values()):
        text = "a LaTeX command lost its backslash to JSON: \\frac became a form feed, \\begin a backspace"
        harmless = False
    severity = Severity.WARNING if harmless else None
    report("TXT407", turn.pointer, text, text=turn.text, span=found[0].span(), severity=severity)


def check_characters(row: Row, report: Reporter) -> None:
    """Report what only a text with characters beyond ASCII can have."""
    for turn in all_turns(row):
        text = turn.text
        if text.isascii():
            if CONTROL.search(text):
                check_control(turn, report)
            continue
        found = MOJIBAKE.search(text)
        if CONTROL.search(MOJIBAKE.sub("", text) if found else text):
            check_control(turn, report)
        if found:
            whole = repaired(found.group())
            report("TXT401", turn.pointer, f'"{found.group()}" is probably "{whole}"', text=text, span=found.span(),
                   fix=None if whole != found.group() else "none")  # fmt: skip
        position = text.find("\ufffd")
        if position >= 0:
            report("TXT402", turn.pointer, f"{text.count(chr(0xFFFD))} lost characters (U+FFFD)", text=text,
                   span=(position, position + 1))  # fmt: skip
        if invisible := invisible_places(text):
            name = f"U+{ord(text[invisible[0]]):04X}"
            report("TXT404", turn.pointer, f"{len(invisible)} invisible characters, the first is {name}", text=text,
                   span=(invisible[0], invisible[0] + 1))  # fmt: skip
        if bidi := _bidi(text):
            report("TXT405", turn.pointer, f"U+{ord(bidi.group()):04X} changes the direction of writing", text=text,
                   span=bidi.span())  # fmt: skip
        if TAGS.search(text) and (tags := TAGS.search(FLAGS.sub(lambda m: " " * len(m.group()), text))):
            report("TXT406", turn.pointer, f"{len(tags.group())} invisible tag characters: {_tagged(tags.group())}",
                   text=text, span=tags.span())  # fmt: skip
        if not unicodedata.is_normalized("NFC", text) or (COMPATIBLE.search(text) and not _CJK.search(text)):
            report("TXT408", turn.pointer, "some characters are decomposed or compatibility forms")
        if mixed := _MIXED.search(text):
            report("TXT409", turn.pointer, "Latin and Cyrillic letters in one word", text=text, span=mixed.span())


def _tagged(tags: str) -> str:
    return '"' + "".join(chr(ord(c) - 0xE0000) if 0x20 <= ord(c) - 0xE0000 < 0x7F else "?" for c in tags)[:60] + '"'


def invisible_places(text: str) -> list[int]:
    """Positions of zero-width characters that are not spelling."""
    return [found.start() for found in _ZERO_WIDTH.finditer(text) if not _is_spelling(text, found.start())]


def _is_spelling(text: str, position: int) -> bool:
    """Joiners in emoji and in scripts that join; zero-width spaces where a script writes no spaces between words."""
    character = text[position]
    before, after = text[max(0, position - 1) : position], text[position + 1 : position + 2]
    if character in "\u200c\u200d":
        return not before.isascii() and not after.isascii()
    if character == "\u200b":
        return any("\u0e00" <= c <= "\u109f" or "\u1780" <= c <= "\u17ff" for c in before + after)
    return False


def _bidi(text: str) -> re.Match[str] | None:
    found = BIDI.search(text)
    if found is None or not _RTL.search(text):
        return found
    return next((each for each in BIDI.finditer(text) if each.group() in "\u202d\u202e"), None)


# JSON reads the LaTeX commands \\frac and \\begin as a form feed or a backspace with the rest behind it.
EATEN = {
    "\x0c": re.compile("\x0c(?=rac|orall|lat|box)"),
    "\x08": re.compile("\x08(?=eta|egin|ar|inom|ig|old|ullet|mod)"),
}
