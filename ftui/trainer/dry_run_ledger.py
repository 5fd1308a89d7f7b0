"""Books every byte of tensors that are alive, and the highest sum in each phase, while a step runs on tensors that
have sizes and no contents.

Counts what `torch.cuda.memory_allocated()` counts: storages, each rounded up to 512 bytes (c10/cuda/
CUDACachingAllocator.cpp, kMinBlockSize).
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

BLOCK_BYTES = 512
LONG_KEPT = ("weights", "adapters", "gradients", "optimizer")
"""Kinds that stay when a phase ends; everything else is an activation or passes at once."""


def rounded(size_bytes: int) -> int:
    """Bytes that the allocator hands out for a request of `size_bytes`."""
    return (size_bytes + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES


class Ledger(TorchDispatchMode):
    """Watches every operation below it. `phase` names what runs now; `kind` what new tensors are.

    pretends: tensors have no contents, and questions about them are answered as for a full batch on a GPU.
    """

    def __init__(self, pretends: bool = True) -> None:
        super().__init__()
        self.pretends = pretends
        self.labelled_share = 1.0
        self.phase = "load"
        self.kind = "weights"
        self.live_bytes = 0
        self.live_by_kind: Counter[str] = Counter()
        self.peaks: dict[str, int] = {}
        self.kinds_at_peak: dict[str, dict[str, int]] = {}
        self._held: dict[int, tuple[int, str]] = {}

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        from ftui.trainer.dry_run_device import answer_without_data, hidden_workspace_bytes

        kwargs = kwargs or {}
        answered, result = answer_without_data(operation, args, self.labelled_share) if self.pretends else (False, None)
        if not answered:
            result = operation(*args, **kwargs)
        for tensor in tree_iter(result):
            if isinstance(tensor, torch.Tensor):
                self._book(tensor)
        workspace = hidden_workspace_bytes(operation, args) if self.pretends else 0
        if workspace:
            self.touch(workspace)
        return result

    def touch(self, size_bytes: int) -> None:
        """Memory that an operation takes and gives back before it returns."""
        self._see(self.live_bytes + size_bytes, {"workspace": size_bytes})

    def relabel(self, tensors: Iterable[torch.Tensor | None], kind: str) -> None:
        """Say what these tensors are."""
        for tensor in tensors:
            if tensor is None:
                continue
            key = tensor.untyped_storage()._cdata
            if key in self._held:
                size, before = self._held[key]
                self._held[key] = (size, kind)
                self.live_by_kind[before] -= size
                self.live_by_kind[kind] += size

    def _book(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._held:
            return
        size = rounded(storage.nbytes())
        self._held[key] = (size, self.kind)
        self.live_bytes += size
        self.live_by_kind[self.kind] += size
        weakref.finalize(storage, self._release, key)
        self._see(self.live_bytes, {})

    def _release(self, key: int) -> None:
        size, kind = self._held.pop(key, (0, ""))
        self.live_bytes -= size
        self.live_by_kind[kind] -= size

    def _see(self, size_bytes: int, beside: dict[str, int]) -> None:
        if size_bytes > self.peaks.get(self.phase, 0):
            self.peaks[self.phase] = size_bytes
            self.kinds_at_peak[self.phase] = {**self.live_by_kind, **beside}
