"""Exact tensor shapes from the headers of safetensors files: no weight is read or downloaded.

Format: 8 bytes, the header's length (little-endian), then JSON {name: {dtype, shape, data_offsets}}
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ftui.errors import FtuiError

MAX_HEADER_BYTES = 25_000_000
FIRST_READ_BYTES = 65_536
"""Enough for the header of one shard of most models, so that one request does."""


@dataclass(frozen=True)
class Tensor:
    """One stored tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def read_headers(folder: Path) -> dict[str, Tensor]:
    """Every tensor of a model folder by name. Raises FtuiError naming the file that is missing or damaged."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = _shards(_local_bytes(index), str(index))
    else:
        names = sorted(path.name for path in folder.glob("*.safetensors"))
    if not names:
        raise FtuiError("No safetensors here", str(folder), "Only safetensors are read: pickles can run code.")
    tensors: dict[str, Tensor] = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise FtuiError("A weight file is missing", str(path), "Download the model again.")
        tensors |= _tensors(partial(_local_part, path), str(path))
    return tensors


def fetch_headers(model_id: str) -> dict[str, Tensor]:
    """The same from the hub, by range requests: some 100 KB for an 8B model. Raises FtuiError."""
    from ftui.services.model_hub import HubError, fetch, hub_url

    try:
        try:
            names = _shards(fetch(hub_url(model_id, "model.safetensors.index.json"), MAX_HEADER_BYTES), model_id)
        except HubError as error:
            if error.status != 404:
                raise
            names = ["model.safetensors"]
        tensors: dict[str, Tensor] = {}
        for name in names:
            address = hub_url(model_id, name)
            tensors |= _tensors(partial(_remote_part, address), address)
        return tensors
    except HubError as error:
        raise FtuiError("The tensor shapes could not be read", f"{model_id}: {error.sentence}") from None


def _shards(text: bytes, where: str) -> list[str]:
    try:
        names = sorted(set(json.loads(text)["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FtuiError("The index of the weight files is damaged", where) from None
    for name in names:
        if not isinstance(name, str) or "/" in name or "\\" in name or name.startswith("."):
            raise FtuiError("The index of the weight files names a file elsewhere", f"{where}: {name!r}")
    return names


def _tensors(read: Callable[[int, int], bytes], where: str) -> dict[str, Tensor]:
    start = read(0, FIRST_READ_BYTES)
    length = int.from_bytes(start[:8], "little")
    if len(start) < 8 or not 2 <= length <= MAX_HEADER_BYTES:
        raise FtuiError("This is no safetensors file", where, "It may be a Git LFS pointer: download it again.")
    text = start[8 : 8 + length]
    if len(text) < length:
        text += read(8 + len(text), length - len(text))
    try:
        header: dict[str, Any] = json.loads(text)
        return {
            name: Tensor(item["dtype"], tuple(item["shape"])) for name, item in header.items() if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FtuiError("The header of this safetensors file is damaged", where, "Download it again.") from None


def _remote_part(address: str, start: int, count: int) -> bytes:
    from ftui.services.model_hub import fetch

    return fetch(address, count, first_byte=start)


def _local_bytes(path: Path) -> bytes:
    return _local_part(path, 0, MAX_HEADER_BYTES)


def _local_part(path: Path, start: int, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(count)
    except OSError as error:
        raise FtuiError("A weight file cannot be read", f"{path}: {error.strerror}") from None
