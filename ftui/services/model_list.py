"""The models that ftui knows of: the catalogue, the hub cache, the tiny one that ships; and what a folder holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.core.catalog import models as catalogue
from ftui.errors import FtuiError
from ftui.services.model_config import TINY, FoundModel, cached_snapshot, find_model, weights_state
from ftui.services.model_headers import Tensor, fetch_headers, read_headers
from ftui.services.paths import hub_cache


@dataclass(frozen=True)
class LocalModel:
    """One model on this machine. state: complete, partial, unsafe (pickles only) or none (no weights yet)."""

    id: str
    folder: Path
    state: str
    weights_bytes: int


def local_models(cache: Path | None = None) -> list[LocalModel]:
    """The models of the hub cache that have a config, and the one that ships with ftui."""
    found = []
    try:
        found.append(_local(TINY, find_model(TINY).folder))
    except FtuiError:
        pass
    try:
        folders = sorted((cache or hub_cache()).glob("models--*"))
    except OSError:
        folders = []
    for folder in folders:
        name = folder.name.removeprefix("models--").replace("--", "/")
        snapshot = cached_snapshot(name, cache)
        if snapshot is not None and (snapshot / "config.json").is_file():
            found.append(_local(name, snapshot))
    return [model for model in found if model is not None]


def _local(name: str, folder: Path | None) -> LocalModel | None:
    return LocalModel(name, folder, *weights_state(folder)) if folder is not None else None


def describe(found: FoundModel) -> dict[str, Any]:
    """Everything known of one model, as the JSON of `ftui models ID`; what is unknown is null."""
    shape, card = found.shape, found.card
    state, weights_bytes = weights_state(found.folder) if found.folder else ("none", 0)
    return {
        "id": found.id,
        "source": found.source,
        "where": found.where,
        "model_type": shape.model_type,
        "params_total": shape.total_params,
        "params_active": shape.active_params,
        "layers": shape.layers,
        "hidden_size": shape.hidden_size,
        "vocab_size": shape.vocab_size,
        "tied_embeddings": shape.tied,
        "context_tokens": shape.max_positions,
        "dtype": shape.checkpoint_dtype or None,
        "license": card.license if card else None,
        "gated": card.gated if card else None,
        "base_id": card.base_id if card else None,
        "instruct_id": card.instruct_id if card else None,
        "weights": {"state": state, "bytes": weights_bytes, "folder": str(found.folder) if found.folder else None},
        "template": template_facts(found),
        "checked_against": _check(found),
        "assumed": list(shape.assumed),
        "notes": list(_notes(found)),
        "sources": list(card.sources) if card else [],
    }


def template_facts(found: FoundModel) -> dict[str, Any]:
    """What is known of the chat template, from the model's own files, else from the catalogue."""
    source = _template(found.folder) if found.folder else None
    facts: dict[str, Any] = {"known": source is not None, "system_role": None, "system_role_source": None}
    if found.card is not None:
        facts["system_role"] = found.card.system_role
        facts["system_role_source"] = found.card.system_role_source or None
    if source is None:
        return facts
    return {
        **facts,
        "present": bool(source),
        "generation_markers": "generation" in _tags(source),
        "tools": "tools" in source,
        "thinking": "enable_thinking" in source or "<think>" in source,
    }


def _tags(source: str) -> set[str]:
    import re

    return set(re.findall(r"\{%-?\s*(\w+)", source))


def _template(folder: Path) -> str | None:
    """The Jinja source; empty if the tokenizer has none, None where there is no tokenizer to ask."""
    try:
        if (folder / "chat_template.jinja").is_file():
            return (folder / "chat_template.jinja").read_text(encoding="utf-8")
        config = json.loads((folder / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        return None
    template = config.get("chat_template") if isinstance(config, dict) else None
    if isinstance(template, list):
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else ""


def _check(found: FoundModel) -> dict[str, Any] | None:
    """The computed count against another source: the headers of the weights, here or on the hub, else the published
    total. Headers are read without the weights."""
    try:
        if found.folder is not None and weights_state(found.folder)[0] == "complete":
            return _counted(read_headers(found.folder), "the headers of the weight files")
        if found.source == "hub":
            return _counted(fetch_headers(found.id), "the headers of the weight files on the hub")
    except FtuiError:
        return None
    if found.card is not None and found.card.params_published:
        return {
            "source": "the published total",
            "params": found.card.params_published - found.card.published_extra,
            "result": found.card.params_check,
        }
    return None


def _counted(tensors: dict[str, Tensor], source: str) -> dict[str, Any]:
    dtypes = sorted({tensor.dtype for tensor in tensors.values()})
    return {"source": source, "params": stored_params(tensors), "dtypes": dtypes}


def stored_params(tensors: dict[str, Tensor]) -> int:
    """Parameters in weight files; what is stored but no parameter (rotary frequencies, causal masks) is left out."""
    return sum(
        tensor.elements
        for name, tensor in tensors.items()
        if not name.endswith((".inv_freq", ".attn.bias", ".masked_bias", ".attention.bias"))
    )


def _notes(found: FoundModel) -> Iterator[str]:
    card = found.card
    if card is not None:
        if card.published_extra:
            yield (
                f"The hub's own total is {card.published_extra:,} elements higher than what is loaded: "
                f"{card.published_extra_note}."
            )
        if card.note:
            yield card.note
        if card.gated:
            yield "The hub asks for an agreement to its licence before the weights can be downloaded."
    if found.folder is not None:
        state = weights_state(found.folder)[0]
        if state == "unsafe":
            yield "Its weights are pickles (.bin), which can run code: ftui loads safetensors only."
        if state == "partial":
            yield "Its weights are here in part only: the download was interrupted."


def matching(text: str) -> list[catalogue.ModelCard]:
    """The models of the catalogue whose id has every word of `text` in it."""
    words = text.lower().split()
    return [card for card in catalogue.all_models() if all(word in card.id.lower() for word in words)]
