"""Text from outside, made safe for a terminal. Every string that ftui did not write itself passes through here."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# Compiled when first needed: most text is plain ASCII, and every command starts by importing this module.


@cache
def _ansi() -> re.Pattern[str]:
    # CSI, OSC/DCS/APC/PM/SOS strings (ended by BEL or ST, or never ended), and two-byte escapes; also their C1 forms.
    return re.compile(
        r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
        r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
        r"|\x1b[ -/]*[0-~]"
    )


@cache
def _unsafe() -> re.Pattern[str]:
    # What a terminal or a reader's eye would act on: C0 and C1 controls, bidi controls, zero-width and invisible
    # characters, line and paragraph separators, interlinear marks, tag characters, lone surrogates.
    return re.compile(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f"
        "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
        "\ud800-\udfff\U000e0000-\U000e0fff]"
    )


_JOINERS = "\u200c\u200d"


def safe(text: str, *, newlines: bool = False, tabs: bool = False) -> str:
    r"""Give `text` with nothing in it that a terminal would obey.

    ANSI sequences are removed; every control, bidi, zero-width or tag character becomes visible as ``\u{..}``.
    Joiners inside emoji and Indic or Persian words are kept, because there they are spelling. Newlines, tabs and
    carriage returns become ``\n``, ``\t`` and ``\r`` unless asked for. Square brackets are left alone: markup is the
    caller's to switch off.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ansi().sub("", text)
    text = text.replace("\r", "\\r")
    text = _unsafe().sub(lambda found: _visible(text, found), text)
    if not newlines:
        text = text.replace("\n", "\\n")
    return text.expandtabs(4) if tabs else text.replace("\t", "\\t")


def safe_log(text: str) -> str:
    """Give log text as the screen would have shown it: a progress bar's overwrites (``\\r``) leave the last one."""
    lines = text.replace("\r\n", "\n").split("\n")
    return safe("\n".join(_after_overwrite(line) for line in lines), newlines=True, tabs=True)


def _after_overwrite(line: str) -> str:
    parts = [part for part in line.split("\r") if part]
    return parts[-1] if parts else ""


def _visible(text: str, found: re.Match[str]) -> str:
    character = found.group()
    if character in _JOINERS and found.start() > 0 and found.end() < len(text):
        before, after = text[found.start() - 1], text[found.end()]
        if not before.isascii() and not after.isascii() and not unicodedata.category(after).startswith("C"):
            return character
    return f"\\u{{{ord(character):x}}}"


def cell_width(text: str) -> int:
    """How many terminal cells `text` takes: wide East Asian characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) or c in _JOINERS or unicodedata.category(c) in ("Mn", "Me") else
        2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )  # fmt: skip


def clip(text: str, cells: int) -> str:
    """Give safe one-line text of at most `cells` terminal cells, with an ellipsis where something was cut."""
    # Cut before escaping: a one-megabyte line must not be escaped whole to show eighty cells of it.
    cut = len(text) > 4 * cells + 64
    line = safe(text[: 4 * cells + 64] if cut else text)
    if cell_width(line) <= cells and not cut:
        return line
    kept, used = [], 0
    for character in line:
        width = cell_width(character)
        if used + width > cells - 1:
            break
        kept.append(character)
        used += width
    return "".join(kept) + "…"


def clip_start(text: str, cells: int) -> str:
    """As `clip`, but what is cut is the beginning: of a path, the end tells it from others."""
    line = safe(text[-4 * cells - 64 :])
    if cell_width(line) <= cells and len(text) <= 4 * cells + 64:
        return line
    kept, used = len(line), 0
    while kept and used + cell_width(line[kept - 1]) <= cells - 1:
        kept -= 1
        used += cell_width(line[kept])
    return "…" + line[kept:]


def pad(text: str, cells: int) -> str:
    """The text with blanks behind it, so that it takes so many terminal cells."""
    return text + " " * (cells - cell_width(text))


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`plural(1, "row")` is "1 row", `plural(1200, "row")` is "1,200 rows"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def gib(count_bytes: float) -> str:
    """Bytes as people say them: "512 B", "3.4 KiB", "18.2 MiB", "5.5 GiB"."""
    size = float(count_bytes)
    for unit in ("B", "KiB", "MiB"):
        if abs(size) < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def duration(seconds: float) -> str:
    """Seconds as people say them: "0.4 s", "42 s", "3 min 05 s", "2 h 10 min", "3 d 4 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
