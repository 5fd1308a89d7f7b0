"""bitsandbytes layers made from shapes alone. Its own weight class cannot exist without contents; everything else
about these layers (forward, backward, quantisation state) is bitsandbytes' own code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ftui.errors import FtuiError
from ftui.trainer.experts import is_stack, unpack_on_use

BLOCK, NESTED_BLOCK = 64, 256
"""Weights per scale, and scales per scale of scales (QLoRA, arXiv 2305.14314, section 3)."""


def _bitsandbytes() -> Any:
    try:
        import bitsandbytes
    except ImportError as missing:
        raise FtuiError(
            "QLoRA needs bitsandbytes", "it is not installed", "pip install 'ftui-wizard[train]'"
        ) from missing
    return bitsandbytes


def _sizes(layer: Any) -> tuple[int, int]:
    """(out_features, in_features) of a Linear, or of GPT-2's Conv1D, which holds the transpose."""
    rows, columns = layer.weight.shape
    return (rows, columns) if isinstance(layer, nn.Linear) else (columns, rows)


def four_bit_layer(layer: Any, compute: torch.dtype, double: bool) -> nn.Module:
    """An NF4 layer in place of `layer`: half a byte per weight, and its scales (quantised again if `double`)."""
    bnb = _bitsandbytes()
    rows, columns = _sizes(layer)
    count, device = rows * columns, layer.weight.device
    made: Any = bnb.nn.Linear4bit.__new__(bnb.nn.Linear4bit)
    nn.Module.__init__(made)
    made.in_features, made.out_features = columns, rows
    made.bias = layer.bias
    made.weight = nn.Parameter(torch.empty((-(-count // 2), 1), dtype=torch.uint8, device=device), requires_grad=False)
    made.weight.quant_state = _state(torch.Size((rows, columns)), layer.weight.dtype, double, device)
    made.weight.compress_statistics, made.weight.quant_type = double, "nf4"
    made.quant_state, made.quant_storage = made.weight.quant_state, torch.uint8
    made.compute_dtype, made.compute_type_is_set = compute, True
    made.support_avx512bf16_for_cpu = False
    return made  # type: ignore[no-any-return]


def pack_experts(model: nn.Module, double: bool) -> None:
    """Hold every stack of experts as the trainer does: in four bits, and unpacked while its layer runs."""
    for module in list(model.modules()):
        for name in [name for name in module._parameters if is_stack(module, name)]:
            stack: Any = module._parameters[name]
            packed = torch.empty((-(-stack.numel() // 2), 1), dtype=torch.uint8, device=stack.device)
            state = _state(stack.shape, stack.dtype, double, stack.device)
            setattr(module, name, nn.Parameter(packed, requires_grad=False))
            unpack_on_use(module, name, state)


def _state(shape: torch.Size, dtype: torch.dtype, double: bool, device: Any) -> Any:
    """What bitsandbytes keeps beside packed weights of this shape."""
    from bitsandbytes.functional import QuantState

    scales = -(-shape.numel() // BLOCK)
    code = torch.empty(16, dtype=torch.float32, device=device)
    state: dict[str, Any] = {"shape": shape, "code": code, "blocksize": BLOCK, "quant_type": "nf4"}
    if double:
        outer = QuantState(
            absmax=torch.empty(-(-scales // NESTED_BLOCK), dtype=torch.float32, device=device),
            blocksize=NESTED_BLOCK,
            code=torch.empty(256, dtype=torch.float32, device=device),
            dtype=torch.float32,
        )
        state |= {"state2": outer, "offset": torch.empty((), dtype=torch.float32, device=device)}
    absmax = torch.empty(scales, dtype=torch.uint8 if double else torch.float32, device=device)
    return QuantState(absmax=absmax, dtype=dtype, **state)


def int8_layer(layer: Any) -> nn.Module:
    """An LLM.int8() layer in place of `layer`: one byte per weight and one fp32 scale per row."""
    bnb = _bitsandbytes()
    rows, columns = _sizes(layer)
    device = layer.weight.device
    made: Any = bnb.nn.Linear8bitLt.__new__(bnb.nn.Linear8bitLt)
    nn.Module.__init__(made)
    made.in_features, made.out_features, made.bias, made.index = columns, rows, layer.bias, None
    made.weight = nn.Parameter(torch.empty((rows, columns), dtype=torch.int8, device=device), requires_grad=False)
    made.scales = torch.empty(rows, dtype=torch.float32, device=device)
    made.state = bnb.MatmulLtState()
    made.state.threshold, made.state.has_fp16_weights = 6.0, False
    made.forward = lambda x: _Int8.apply(x, made.weight, made.scales, made.bias)
    return made  # type: ignore[no-any-return]


class _Int8(torch.autograd.Function):
    """bitsandbytes' MatMul8bitLt: rows quantised on the way in, weights dequantised in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, scales: Any, bias: Any) -> Any:
        half = x.to(torch.float16)
        quantised = torch.empty(half.shape, dtype=torch.int8, device=x.device)
        del half
        ctx.save_for_backward(weight, scales)
        ctx.dtype = x.dtype
        total = torch.empty((*x.shape[:-1], weight.shape[0]), dtype=torch.int32, device=x.device)
        output = x.new_empty((*x.shape[:-1], weight.shape[0]))
        del total, quantised
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        weight, scales = ctx.saved_tensors
        dense = weight.to(ctx.dtype) * scales.to(ctx.dtype).unsqueeze(1)
        return torch.matmul(grad.to(ctx.dtype), dense), None, None, None
