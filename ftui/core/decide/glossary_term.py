"""One word of the field."""

from __future__ import annotations

from typing import NamedTuple


class Term(NamedTuple):
    """short: two sentences. more: a paragraph or two. aliases: other names under which it is found."""

    name: str
    aliases: tuple[str, ...]
    short: str
    more: str
    source: str
