"""Repairs of answers."""

from __future__ import annotations

import re
from typing import Any

from ftui.core.lint.answers import OPENING
from ftui.core.lint.model import DROP, Fixer, edit_text, resolve_parent

NEXT_EXAMPLE = re.compile(
    r"\n[ \t]*(?:#{2,9}[ \t]*)?(?:\d{1,4}[ \t]*[.)][ \t]*)?(Instruction|Input|Output|Response)[ \t]*:", re.I
)
_BEFORE_EXAMPLE = re.compile(r"(?:<!--.{0,100}-->|#+|\d+)\Z")


def _fix_placeholder(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    if key in ("input", "context"):
        parent[key] = ""
        return row
    return DROP


def _without_opening(text: str) -> str:
    found = OPENING.match(text)
    rest = text[found.end() :].lstrip(" ,:.!\n") if found and found.lastgroup == "boilerplate" else text
    return rest[:1].upper() + rest[1:] if rest else text


def _before_next_example(text: str) -> str:
    found = NEXT_EXAMPLE.search(text)
    if not found or not found.start():
        return text
    kept = text[: found.start()].rstrip()
    left_over = _BEFORE_EXAMPLE.search(kept, max(0, len(kept) - 120))
    return kept[: left_over.start()].rstrip() if left_over else kept


FIXES: dict[str, Fixer] = {
    "QUA602": _fix_placeholder,
    "QUA604": edit_text(_without_opening),
    "QUA613": edit_text(_before_next_example),
}
