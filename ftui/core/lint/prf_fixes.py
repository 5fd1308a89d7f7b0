"""Repairs of pairs, labels and prompts."""

from __future__ import annotations

from typing import Any

from ftui.core.conversations import role_of
from ftui.core.lint.model import DROP, Fixer, resolve_parent

_TRUE = frozenset({"true", "1", "yes", "good", "desirable"})
_FALSE = frozenset({"false", "0", "no", "bad", "undesirable"})


def meant_label(label: Any) -> bool | None:
    """What a label that is no boolean means; None where nobody can tell."""
    word = str(label).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _drop(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    return DROP


def _swap(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Swap every chosen column with its rejected one, scores too."""
    for one in [key for key in row if "chosen" in key]:
        other = one.replace("chosen", "rejected")
        if other in row:
            row[one], row[other] = row[other], row[one]
    return row


def _fix_label(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    meant = meant_label(parent[key])
    parent[key] = parent[key] if meant is None else meant
    return row


def _cut_last_turn(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    messages = row[pointer.split("/")[1]]
    while (
        isinstance(messages, list)
        and messages
        and isinstance(messages[-1], dict)
        and role_of(messages[-1]) == "assistant"
    ):
        messages.pop()
    return row


FIXES: dict[str, Fixer] = {
    "PRF851": _drop,
    "PRF852": _drop,
    "PRF860": _swap,
    "PRF861": _fix_label,
    "PRF866": _cut_last_turn,
}
