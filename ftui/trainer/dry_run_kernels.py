"""Stand-ins for Triton kernels, which cannot run on tensors without contents: they keep and return tensors of the
sizes that the real ones do. Source: linkedin/Liger-Kernel, src/liger_kernel/ops (rms_norm, rope, swiglu,
fused_linear_cross_entropy).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn


def use_fused_kernels(model: nn.Module) -> None:
    """RMSNorm keeps its input and one number per row, SwiGLU its two inputs. The rotation is `fused_rotation`'s."""
    for module in model.modules():
        name = type(module).__name__
        if name.endswith("RMSNorm") and hasattr(module, "weight"):
            module.forward = _bound(_norm_forward, module)
        elif name.endswith("MLP") and all(hasattr(module, part) for part in ("gate_proj", "up_proj", "down_proj")):
            module.forward = _bound(_mlp_forward, module)


@contextmanager
def fused_rotation(model: nn.Module) -> Iterator[None]:
    """While open, queries and keys are rotated in place. It is a function of a whole module of transformers: left
    replaced, it would take the positions from every model that this process runs afterwards."""
    with ExitStack() as stack:
        for module_name in {type(module).__module__ for module in model.modules()}:
            modelling = sys.modules.get(module_name)
            if module_name.startswith("transformers.models.") and hasattr(modelling, "apply_rotary_pos_emb"):
                stack.enter_context(patch.object(modelling, "apply_rotary_pos_emb", _rotate_in_place))
        yield


def _bound(function: Any, module: nn.Module) -> Any:
    return lambda *args, **kwargs: function(module, *args, **kwargs)


def _rotate_in_place(query: Any, key: Any, *_: Any, **__: Any) -> Any:
    return query, key


def _norm_forward(module: Any, hidden: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = _Norm.apply(hidden, module.weight)
    return output


def _mlp_forward(module: Any, hidden: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = module.down_proj(_SwiGlu.apply(module.gate_proj(hidden), module.up_proj(hidden)))
    return output


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any) -> Any:
        spread = torch.empty(hidden.shape[:-1], dtype=torch.float32, device=hidden.device)
        ctx.save_for_backward(hidden, weight, spread)
        return torch.empty_like(hidden)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        _, weight, _ = ctx.saved_tensors
        # The gradient of the input overwrites that of the output.
        return grad, torch.empty_like(weight) if ctx.needs_input_grad[1] else None


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Any, up: Any) -> Any:
        ctx.save_for_backward(gate, up)
        return torch.empty_like(gate)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        # Both gradients overwrite the tensors that were kept.
        gate, up = ctx.saved_tensors
        return gate.detach(), up.detach()


def fused_linear_cross_entropy(hidden: torch.Tensor, head: Any, labels: torch.Tensor) -> torch.Tensor:
    """Liger's head and loss in one: logits of a few rows at a time, gradients already in the forward pass."""
    loss: torch.Tensor = _FusedLoss.apply(hidden.reshape(-1, hidden.shape[-1]), head.weight, labels.reshape(-1))
    return loss


class _FusedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, labels: Any) -> Any:
        if torch.is_autocast_enabled("cpu"):
            low = torch.get_autocast_dtype("cpu")
            hidden, weight = hidden.to(low), weight.to(low)
        rows, vocab = hidden.shape[0], weight.shape[0]
        parts = -(-vocab // hidden.shape[1])
        chunk = 1 << max(0, -(-rows // parts) - 1).bit_length()
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.empty_like(weight) if ctx.needs_input_grad[1] else None
        losses = torch.empty(rows, dtype=torch.float32, device=hidden.device)
        for start in range(0, rows, chunk):
            logits = hidden[start : start + chunk] @ weight.t()
            grad_hidden[start : start + chunk] = logits @ weight
            if grad_weight is not None:
                grad_weight += logits.t() @ hidden[start : start + chunk]
        ctx.save_for_backward(grad_hidden, grad_weight)
        return losses.sum()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        grad_hidden, grad_weight = ctx.saved_tensors
        return grad_hidden, grad_weight, None


class InPlaceLoss(torch.autograd.Function):
    """A Triton cross-entropy that leaves the gradient where the logits were (Unsloth's kind)."""

    @staticmethod
    def forward(ctx: Any, logits: Any, labels: Any) -> Any:
        ctx.save_for_backward(logits)
        return torch.empty(labels.shape, dtype=torch.float32, device=logits.device).sum()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return ctx.saved_tensors[0].detach(), None
