"""The optimizer that a fit request names, as transformers' Trainer makes it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ftui.core.fit.request import FitRequest

MIN_8BIT_ELEMENTS = 4096
BLOCK_8BIT = 256
"""bitsandbytes: smaller tensors keep fp32 state; one fp32 scale per block of this size."""
MIN_PAGED_ELEMENTS = 100_000
"""State of larger tensors lives in unified memory, which PyTorch's allocator does not count."""


def make_optimizer(model: nn.Module, request: FitRequest, real: bool) -> torch.optim.Optimizer:
    """`real`: on a GPU, with bitsandbytes' own kernels; else a stand-in takes their memory."""
    name = request.optimizer
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name == "adafactor":
        from transformers.optimization import Adafactor

        return Adafactor(parameters, lr=1e-4, scale_parameter=False, relative_step=False)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=1e-4, foreach=True)
    if name in ("adamw_8bit", "paged_adamw_8bit"):
        # transformers' Trainer keeps the state of embeddings in fp32.
        embeddings = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
        if real:
            import bitsandbytes

            manager = bitsandbytes.optim.GlobalOptimManager.get_instance()
            for module in model.modules():
                if isinstance(module, nn.Embedding):
                    manager.register_module_override(module, "weight", {"optim_bits": 32})
            made: Any = bitsandbytes.optim.AdamW(parameters, lr=1e-4, optim_bits=8, is_paged=name.startswith("paged"))
            return made  # type: ignore[no-any-return]
        return _EightBitAdam(parameters, embeddings, paged=name.startswith("paged"))
    # On a GPU torch.optim.AdamW works on lists of tensors (foreach) unless told to be fused.
    fused = name == "adamw_torch_fused"
    return torch.optim.AdamW(parameters, lr=1e-4, fused=fused, foreach=None if fused else True)


class _EightBitAdam(torch.optim.Optimizer):
    """Holds the state of bitsandbytes' 8-bit Adam and computes nothing: its kernels work in place."""

    def __init__(self, parameters: list[nn.Parameter], embeddings: list[torch.Tensor], paged: bool) -> None:
        super().__init__(parameters, {})
        self.paged = paged
        self.wide = {id(embedding) for embedding in embeddings}
        device = parameters[0].device
        # Two code books of 256 fp32 numbers, shared by all tensors.
        self.books = [torch.empty(256, dtype=torch.float32, device=device) for _ in range(2)]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and not self.state[parameter]:
                    self.state[parameter].update(self._state(parameter))

    def _state(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        count, device = parameter.numel(), parameter.device
        if count < MIN_8BIT_ELEMENTS or id(parameter) in self.wide:
            return {name: torch.empty(parameter.shape, dtype=torch.float32, device=device) for name in ("one", "two")}
        scales = -(-count // BLOCK_8BIT)
        state = {name: torch.empty(scales, dtype=torch.float32, device=device) for name in ("one_scales", "two_scales")}
        if not (self.paged and count >= MIN_PAGED_ELEMENTS):
            state |= {name: torch.empty(count, dtype=torch.uint8, device=device) for name in ("one", "two")}
        return state
