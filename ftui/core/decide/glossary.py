"""Finds a term of the glossary, also where its name is misspelt, shortened, or part of a longer question."""

from __future__ import annotations

from ftui.core.decide.glossary_terms import TERMS, Term
from ftui.core.text import clip
from ftui.errors import FtuiError

_SHORT = 6
"""Letters up to which two wrong ones are a slip of the finger; in longer words they are another word."""


def explain(query: str) -> tuple[Term, bool]:
    """The term meant by `query`, and whether that is one of its names. Raises FtuiError where nothing is near."""
    from difflib import get_close_matches

    wanted = _folded(query)
    names = {_folded(name): term for term in reversed(TERMS) for name in (term.name, *term.aliases)}
    if wanted in names:
        return names[wanted], True
    close = get_close_matches(wanted, names, n=1, cutoff=0.75)
    close = close or sorted((name for name in names if len(wanted) > 2 and wanted in name), key=len)[:1]
    close = close or sorted((name for name in names if len(name) > 2 and name in wanted), key=len, reverse=True)[:1]
    close = close or (get_close_matches(wanted, names, n=1, cutoff=0.6) if len(wanted) <= _SHORT else [])
    if not close:
        raise FtuiError(
            "No such term",
            f"the glossary has nothing like '{clip(query, 60)}'",
            f"It has: {', '.join(term.name for term in TERMS)}.",
        )
    return names[close[0]], False


def _folded(name: str) -> str:
    """Case, hyphens, slashes and spaces do not matter in a name."""
    return "".join(character for character in name.casefold()[:80] if character.isalnum())
