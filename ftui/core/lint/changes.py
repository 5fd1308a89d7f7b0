"""Where two versions of a row differ, and how a reader is shown it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ftui.core.lint.excerpt import excerpt_of

_SHOWN_CHARACTERS = 60


def differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(JSON Pointer, old value, new value) of each place that differs, as deep as the shapes are the same."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            yield from differences(before[key], after[key], f"{place}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{place}/{number}")
    elif before != after:
        yield place, before, after


def both_sides(before: Any, after: Any) -> tuple[str, str]:
    """Both values as terminal-safe excerpts around the first character that differs."""
    old, new = as_written(before), as_written(after)
    first = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    shown = [excerpt_of(text, (first, min(len(text), first + _SHOWN_CHARACTERS)))[0] for text in (old, new)]
    return shown[0], shown[1]


def as_written(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
