"""The catalogue of GPUs: memory, bandwidth and arithmetic of 114 cards, with their sources. Stable interface."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ftui.core.catalog.data import read_data
from ftui.errors import FtuiError

MIB = 2**20


class Gpu(NamedTuple):
    """One kind of GPU. `total_bytes` is what NVML calls total; PyTorch sees `usable_bytes` of it."""

    name: str
    """The name that NVML gives."""
    total_bytes: int
    usable_bytes: int
    bandwidth_bytes_per_second: float | None = None
    tensor_flops: float | None = None
    """Dense 16-bit matrix FLOP/s with fp32 accumulation."""
    fp32_flops: float | None = None
    compute_capability: tuple[int, int] | None = None
    bf16: bool = True
    nvlink: bool = False
    vendor: str = "NVIDIA"
    kind: str = "consumer"
    sources: tuple[str, ...] = ()
    note: str = ""


def _gpu(row: Mapping[str, Any], sources: list[str]) -> Gpu:
    mib = _total_mib(row)
    capability = row.get("compute_capability")
    major, _, minor = (capability or "").partition(".")
    kinds = ("source", "memory_source", "bandwidth_source", "tensor_source", "fp32_source")
    named = [sources[row[key]] if isinstance(row.get(key), int) else row.get(key) for key in kinds]
    # What CUDA offers is 0.1 to 1.7 % below what NVML names; where it was never seen, the commonest gap: 1 %.
    usable = row.get("cuda_total_mib") or mib * 0.99
    return Gpu(
        name=row["name"],
        total_bytes=int(mib * MIB),
        usable_bytes=int(usable * MIB),
        bandwidth_bytes_per_second=row["bandwidth_gb_s"] * 1e9 if "bandwidth_gb_s" in row else None,
        tensor_flops=row["tensor_tflops_dense"] * 1e12 if "tensor_tflops_dense" in row else None,
        fp32_flops=row["fp32_tflops"] * 1e12 if "fp32_tflops" in row else None,
        compute_capability=(int(major), int(minor)) if capability else None,
        bf16=row.get("bf16", True),
        nvlink=row.get("nvlink", False),
        vendor=row["vendor"],
        kind=row["kind"],
        sources=tuple(dict.fromkeys(name for name in named if name)),
        note=row.get("note", ""),
    )


def _total_mib(row: Mapping[str, Any]) -> int:
    return int(row.get("memory_mib") or (row.get("memory_gb_nominal") or 0) * 1024)


@cache
def _document() -> dict[str, Any]:
    return read_data("gpus.json")


@cache
def all_gpus() -> tuple[Gpu, ...]:
    """Every GPU of the catalogue."""
    return tuple(_gpu(row, _document()["sources"]) for row in _document()["gpus"])


_NOISE = re.compile(r"nvidia|geforce|tesla|quadro|amd|instinct|radeon|generation|graphics|gpu|hbm[0-9]e?")


def _key(name: str) -> tuple[str, ...]:
    """The words of a GPU name that tell it from others: "NVIDIA GeForce RTX 4090" and "rtx4090" are the same."""
    text = _NOISE.sub(" ", re.sub(r"^\s*\d+\s*x\s*(?=[a-z])", "", name.lower()))  # "8x A100" is an A100
    text = re.sub(r"(rtx|gtx)(?=\d)", r"\1 ", text)
    return tuple(word for word in re.split(r"[^a-z0-9.]+", text) if word and word not in ("rtx", "gtx"))


def find_gpu(name: str, total_bytes: int | None = None) -> Gpu | None:
    """Give the GPU that `name` means ("RTX 4090", "A100-80GB", an NVML name). Of cards that share a name the one whose
    memory is nearest to `total_bytes`; the smaller one when that is not given."""
    rows = _document()["gpus"]
    hits = [row for row in rows if row["name"].lower() == name.strip().lower()]
    if not hits:
        wanted = _key(name)
        keys = [(row, _key(row["name"])) for row in rows] if wanted else []
        found = [(row, key) for row, key in keys if set(wanted) <= {*key, *_sizes(row)}]
        fewest = min((len(key) for _, key in found), default=0)
        hits = [row for row, key in found if len(key) == fewest]
    gpus = [_gpu(row, _document()["sources"]) for row in hits]
    return _nearest(gpus, total_bytes) if gpus else None


def _sizes(row: Mapping[str, Any]) -> tuple[str, str]:
    gigabytes = round(_total_mib(row) / 1024)
    return f"{gigabytes}gb", f"{gigabytes}g"


def _nearest(gpus: list[Gpu], total_bytes: int | None) -> Gpu:
    if total_bytes is None:
        return min(gpus, key=lambda gpu: gpu.total_bytes)
    return min(gpus, key=lambda gpu: abs(gpu.total_bytes - total_bytes))


def gpu_named(name: str, total_bytes: int | None = None) -> Gpu:
    """Like `find_gpu`, but raises FtuiError that names the nearest GPUs."""
    gpu = find_gpu(name, total_bytes)
    if gpu is None:
        import difflib

        names = {" ".join(_key(gpu.name)): gpu.name for gpu in all_gpus()}
        near = [names[key] for key in difflib.get_close_matches(" ".join(_key(name)), names, 3, 0.4)]
        raise FtuiError(
            "No such GPU in the catalogue",
            f"{name!r}",
            f"Nearest: {', '.join(near)}." if near else "Say its memory instead: --vram-gib 24.",
        )
    return gpu


def plain_gpu(total_bytes: int, name: str = "") -> Gpu:
    """A GPU of which only the memory is known."""
    return Gpu(
        name=name or f"GPU with {total_bytes / 2**30:.0f} GiB", total_bytes=total_bytes, usable_bytes=total_bytes
    )
