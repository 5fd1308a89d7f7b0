"""Models under other names: mirrors, quantised copies, short spellings, and older models that are only known by shape.

`TheBloke/Mistral-7B-v0.1-GPTQ` has the shape of `mistralai/Mistral-7B-v0.1`, and who writes `Llama-2-7B` means
`meta-llama/Llama-2-7b-hf`. That is a guess from a name: whoever uses it says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from ftui.core.catalog.data import read_data
from ftui.core.catalog.models import all_models

_COPIES = re.compile(r"[-_.](gptq|awq|gguf|exl2|bnb|fp8|int[348]|[348][-_]?bits?|unsloth|dynamic)$")
"""Endings of names that tell how the weights of a copy are stored."""
_VARIANTS = {"hf", "meta", "base", "pt", "it", "instruct", "chat"}
"""Words of names that say nothing about a shape."""


def alike(name: str) -> tuple[str, Mapping[str, Any]] | None:
    """Give the hub id that `name` is spelled like, and its config; None if there is none, or more than one shape."""
    older = {id_.lower(): id_ for id_ in _older()}
    if name.strip().lower() in older:
        found = older[name.strip().lower()]
        return found, _older()[found]
    wanted = _words(name)
    known = {card.id: card.config for card in all_models()} | _older()
    hits = {id_: config for id_, config in known.items() if _words(id_) == wanted}
    if not hits:
        loose = _shape_words(wanted)
        hits = {id_: config for id_, config in known.items() if loose and _shape_words(_words(id_)) == loose}
    first = next(iter(hits), None)
    if first is None or any(config != hits[first] for config in hits.values()):
        return None
    return first, hits[first]


@cache
def _older() -> dict[str, dict[str, Any]]:
    configs: dict[str, dict[str, Any]] = read_data("older.json")["configs"]
    return configs


def _words(name: str) -> tuple[str, ...]:
    """The words of a name without its organisation and without how a copy is stored."""
    tail = name.strip().lower().rpartition("/")[2]
    while (shorter := _COPIES.sub("", tail)) != tail:
        tail = shorter
    tail = re.sub(r"(?<=\d)_(?=\d)", ".", tail)
    return tuple(word for word in re.split(r"[-_ ]+", tail) if word)


def _shape_words(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in _VARIANTS)
