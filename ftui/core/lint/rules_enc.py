"""ENC: bytes and characters that readers disagree about."""

from __future__ import annotations

import re
from typing import Any

from ftui.core.lint.model import Fixer, Rule, Severity

E, W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

RULES: tuple[Rule, ...] = (
    Rule(
        "ENC101", "byte-order-mark", W, "The file begins with a UTF-8 byte order mark.",
        "Editors on Windows write it. JSON forbids it, and CSV readers make it part of the first column's name, so"
        " that the column `prompt` is not found.",
        "\\ufeffprompt,completion", "prompt,completion", "write the file without it", "safe", "bytes",
    ),
    Rule(
        "ENC102", "not-utf-8", E, "Some bytes are not UTF-8.",
        "Every trainer reads UTF-8. The line is left out, and the byte, its place and the likely real encoding are"
        " named. The unsafe fix reads such lines as Windows-1252 when they look like it.",
        "caf\\xe9 (Latin-1)", "café (UTF-8)", "recode lines that look like Windows-1252", "unsafe", "bytes",
    ),
    Rule(
        "ENC103", "nul-bytes", E, "There are NUL bytes in the file.",
        "A crash while the file was written leaves runs of NUL; text never contains them. Readers stop there or"
        " fail.",
        "\\0\\0\\0\\0", "(the line without them)", "remove the bytes", "unsafe", "bytes",
    ),
    Rule(
        "ENC104", "crlf", _I, "Lines end in CRLF.",
        "Windows line ends. JSON readers do not mind; line-based tools leave a stray carriage return.",
        '{"text": "a"}\\r\\n', '{"text": "a"}\\n', "write the file with LF", "safe", "bytes",
    ),
    Rule(
        "ENC105", "utf-16", E, "The text is UTF-16 or UTF-32.",
        "Excel and PowerShell write it. Trainers read UTF-8 and fail on the first byte.",
        "ff fe 7b 00 22 00", '7b 22 ({")', "write the file as UTF-8", "safe", "bytes",
    ),
    Rule(
        "ENC106", "lone-surrogate", E, "A text holds half of a surrogate pair.",
        "An emoji was cut in two. Python reads the escape, but the text cannot be encoded: Arrow, tokenizers and"
        " print fail later, in the middle of a run.",
        '{"text": "hi \\ud83d"}', '{"text": "hi 😀"}', "replace the half by U+FFFD", "unsafe",
    ),
    Rule(
        "ENC107", "unusual-line-separators", _I, "Characters that some tools take for line ends.",
        "A bare carriage return, U+2028, U+2029 or NEL. Python's splitlines() and some editors break lines there, so"
        " that line numbers and row counts disagree between tools. ftui breaks lines at LF only.",
        '{"text": "one\u2028two"}', '{"text": "one\\ntwo"}', "write one row per LF-ended line", "safe", "bytes",
    ),
)  # fmt: skip

_LONE = re.compile("[\ud800-\udfff]")


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_lone_surrogates(inner) for inner in value]
    return value


def _mend(row: dict[str, Any], pointer: str) -> dict[str, Any]:
    mended: dict[str, Any] = _without_lone_surrogates(row)
    return mended


FIXES: dict[str, Fixer] = {"ENC106": _mend}
