"""How many keys a row has: fewer than its line, where a key stands twice."""

from __future__ import annotations

from typing import Any

from ftui.services.dataset_values import (
    MAX_DEPTH,
)


def plain_keys(row: dict[str, Any]) -> int:
    """The number of keys of `{"messages": [objects of two keys]}`, a short cut for most rows; -1 for any other row.

    With something nested inside there are more keys than this, so the count of the line does not agree with it.
    """
    messages = row.get("messages")
    if len(row) == 1 and type(messages) is list and messages and type(messages[0]) is dict:
        try:
            keys = sum(map(len, messages))
        except TypeError:
            return -1
        return 1 + keys if keys == 2 * len(messages) else -1
    return -1


def count_keys(value: Any, depth: int) -> int:
    """Number of keys in all objects of a value; negative when it needs a careful look: too deep, or a huge number."""
    if depth > MAX_DEPTH:
        return -1_000_000_000
    keys = 0
    if type(value) is dict:
        keys = len(value)
        inners = value.values()
    else:
        inners = value
    for inner in inners:
        kind = type(inner)
        if kind is str:
            continue
        if kind is list or kind is dict:
            keys += count_keys(inner, depth + 1)
        elif kind is float:
            if not -9e18 < inner < 9e18:
                return -1_000_000_000
        elif kind is int and inner >= 1 << 63:
            return -1_000_000_000
    return keys
