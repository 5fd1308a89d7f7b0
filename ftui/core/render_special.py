"""Special tokens in a text: where they begin and end."""

from __future__ import annotations

from functools import lru_cache

from ftui.core.render_dialect import Dialect


def ends_with_special(text: str, specials: frozenset[str]) -> str:
    """The special token that `text` ends with, or ""."""
    return next((text[-n:] for n in _lengths(specials) if text[-n:] in specials), "")


def common(one: str, other: str) -> int:
    """The length of the common beginning of two texts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache(maxsize=8)
def _lengths(specials: frozenset[str]) -> tuple[int, ...]:
    return tuple(sorted({len(token) for token in specials if token}, reverse=True))


def longest(specials: frozenset[str]) -> int:
    """The characters of the longest special token, 1 where there is none."""
    return max(_lengths(specials), default=1)


def special_at(specials: frozenset[str], text: str, position: int) -> str:
    """The longest special token that begins at `position`, or ""."""
    return next(
        (text[position : position + n] for n in _lengths(specials) if text[position : position + n] in specials), ""
    )


def inside_special(dialect: Dialect, text: str, cut: int) -> bool:
    """Whether `cut` falls inside a special token of `text`."""
    specials = dialect.special_tokens
    for start in range(max(0, cut - longest(specials)), cut):
        if start + len(special_at(specials, text, start)) > cut:
            return True
    return False
