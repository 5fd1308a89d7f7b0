"""Makes a step that runs on CPU tensors without contents take the paths, and the memory, that it takes on a CUDA GPU.

torch cannot make empty CUDA tensors in a build without CUDA, so the step runs as if on the CPU, and what differs there
is put right here: autocast's list of fp32 operations, dropout's mask, the attention kernels, bitsandbytes' and TRL's
GPU kernels, and answers that depend on contents ("are all labels masked?"), which are given as for a full batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

from ftui.trainer.grouped import repeated_keys

ATEN = torch.ops.aten
FLASH_HEAD_DIM_MAX = 256
GEMM_4BIT_FUSED_ROWS = 1536
"""bitsandbytes multiplies by 4-bit weights directly up to this many rows; beyond it, it dequantises them first
(bitsandbytes/backends/cuda/ops.py, _gemm_4bit_use_custom_cuda)."""


# ---- answers that depend on contents ----


def answer_without_data(operation: Any, args: tuple[Any, ...], labelled_share: float = 1.0) -> tuple[bool, Any]:
    """(True, answer) where an operation would have to read a tensor: every token is real, and of the labels
    `labelled_share` count."""
    if operation is ATEN._local_scalar_dense.default:
        tensor = args[0]
        return True, True if tensor.dtype is torch.bool else 1.0 if tensor.dtype.is_floating_point else 1
    if operation is ATEN.equal.default:
        return True, True
    if operation is ATEN.nonzero.default:
        return True, torch.empty((args[0].numel(), args[0].dim()), dtype=torch.long, device=args[0].device)
    if operation is ATEN.index.Tensor and len(args[1]) == 1 and getattr(args[1][0], "dtype", None) is torch.bool:
        source, mask = args[0], args[1][0]
        return True, source.new_empty((round(labelled_share * mask.numel()), *source.shape[mask.dim() :]))
    return False, None


def hidden_workspace_bytes(operation: Any, args: tuple[Any, ...]) -> int:
    """Bytes that a GPU kernel takes inside one operation, which its result does not show."""
    if operation.namespace == "bitsandbytes" and operation._schema.name == "bitsandbytes::gemm_4bit":
        rows, columns = args[2]
        tokens = args[0].numel() // args[0].shape[-1]
        if tokens <= GEMM_4BIT_FUSED_ROWS:
            return 0
        return int(rows * columns * args[0].element_size() + 4 * rows * columns // 64)
    if operation is ATEN._softmax_backward_data.default:
        # The CUDA kernel multiplies gradient and output first (aten/src/ATen/native/cuda/SoftMax.cu).
        return int(args[0].numel() * args[0].element_size())
    return 0


# ---- the device ----


@contextmanager
def pretend_gpu(padded: bool = False, has_flash: bool = True) -> Iterator[None]:
    """While open, CPU tensors under FakeTensorMode behave as they would on a CUDA GPU.

    padded: masks hold padding, so that transformers cannot do without them.
    has_flash: the GPU runs FlashAttention-2 (compute capability 8.0 and above).
    """
    real_enabled = torch.is_autocast_enabled

    def is_autocast_enabled(device_type: str = "cpu") -> bool:
        return bool(real_enabled("cpu"))

    with ExitStack() as stack:
        for target, name, stand_in in (
            (torch, "is_autocast_enabled", is_autocast_enabled),
            (torch.nn.functional, "scaled_dot_product_attention", partial(attention, has_flash=has_flash)),
            (torch.utils, "swap_tensors", _swap_data),
            *_cuda_operations(),
            *_mask_checks(padded),
            *([] if has_flash else repeated_keys()),
            *_trl_kernels(),
        ):
            stack.enter_context(patch.object(target, name, stand_in, create=True))
        yield


def _mask_checks(padded: bool) -> list[tuple[Any, str, Any]]:
    """transformers drops a mask that masks nothing, but not when it sees tensors without contents."""
    from transformers import masking_utils

    def is_tracing(tensor: torch.Tensor | None = None) -> bool:
        # Padding masks are boolean; what tells packed rows apart is not, and there is one row in each.
        return padded and tensor is not None and tensor.dtype is torch.bool

    return [(masking_utils, "is_tracing", is_tracing)]


def _swap_data(one: torch.Tensor, other: torch.Tensor) -> None:
    # The real one refuses tensors that something holds a weak reference to, and the ledger does.
    one.data = other.data


# Operations that CUDA's autocast runs in fp32 and the CPU's does not. Source: aten/src/ATen/autocast_mode.h,
# AT_FORALL_FP32 and AT_FORALL_FP32_SET_OPT_DTYPE; those that models call on 16-bit tensors.
FP32_FUNCTIONAL = ("layer_norm", "group_norm", "log_softmax", "softplus", "nll_loss", "kl_div", "mse_loss")
FP32_TENSOR = (
    *("log_softmax", "pow", "__pow__", "rsqrt", "reciprocal", "exp", "log", "log1p", "expm1", "cumsum", "cumprod"),
    *("sum", "prod", "norm", "logsumexp", "tan"),
)


def _cuda_operations() -> list[tuple[Any, str, Any]]:
    functional = torch.nn.functional
    places = [(functional, name) for name in FP32_FUNCTIONAL]
    places += [(owner, name) for owner in (torch, torch.Tensor) for name in FP32_TENSOR if hasattr(owner, name)]
    found = [(owner, name, _in_fp32(getattr(owner, name))) for owner, name in places]
    found += [(owner, "softmax", _softmax(owner.softmax)) for owner in (functional, torch, torch.Tensor)]
    return [*found, (functional, "dropout", _cuda_dropout), (torch, "dropout", _cuda_dropout)]


def _in_fp32(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with 16-bit tensors widened first, where autocast would."""

    def widened(*args: Any, **kwargs: Any) -> Any:
        if torch.is_autocast_enabled("cpu") and kwargs.get("dtype") is None:
            args = tuple(_wide(item) for item in args)
            kwargs = {name: _wide(item) for name, item in kwargs.items()}
        return function(*args, **kwargs)

    return widened


def _softmax(function: Callable[..., Any]) -> Callable[..., Any]:
    """Softmax, with CUDA's kernel from fp16 to fp32."""
    plain = _in_fp32(function)

    def softmax(input: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        to_fp32 = torch.is_autocast_enabled("cpu") or kwargs.get("dtype") is torch.float32
        if to_fp32 and input.dtype is torch.float16:
            return _HalfSoftmax.apply(input)
        return plain(input, *args, **kwargs)

    return softmax


class _HalfSoftmax(torch.autograd.Function):
    """Softmax of fp16 scores in fp32: CUDA has a kernel that reads and writes fp16 itself (not for bf16)."""

    @staticmethod
    def forward(ctx: Any, scores: Any) -> Any:
        output = torch.empty_like(scores, dtype=torch.float32)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        product = torch.empty_like(grad)
        result = torch.empty_like(grad, dtype=torch.float16)
        del product
        return result


def _wide(item: Any) -> Any:
    if isinstance(item, torch.Tensor) and item.dtype in (torch.bfloat16, torch.float16):
        return item.float()
    return item


def _cuda_dropout(input: torch.Tensor, p: float = 0.5, train: bool = True, *_: Any, **kwargs: Any) -> torch.Tensor:
    training = kwargs.get("training", train)
    return torch.native_dropout(input, p, training)[0] if training and p > 0 else input


# ---- attention ----


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    has_flash: bool = True,
) -> torch.Tensor:
    """scaled_dot_product_attention as a GPU runs it: FlashAttention-2 where it can, the memory-efficient kernel where a
    mask, fp32 or unequal head sizes rule it out, plain arithmetic where that one cannot either (grouped queries).
    Source: aten/src/ATen/native/transformers/cuda/sdp_utils.cpp and attention.cu."""
    if torch.is_autocast_enabled("cpu"):
        low = torch.get_autocast_dtype("cpu")
        query, key, value = query.to(low), key.to(low), value.to(low)
    flash = (
        has_flash
        and attn_mask is None
        and query.dtype is not torch.float32
        and query.shape[-1] == value.shape[-1] <= FLASH_HEAD_DIM_MAX
    )
    grouped = key.shape[1] != query.shape[1]
    if grouped and not flash:
        return _plain_attention(query, key, value)
    if attn_mask is not None:
        # Both kinds of mask become a bias of the query's dtype, as large as the scores of one head.
        attn_mask = torch.empty(attn_mask.shape, dtype=query.dtype, device=query.device)
    output: torch.Tensor = _Attention.apply(query, key, value, attn_mask, flash)
    return output


def _plain_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """The scores of every head in fp32, kept for the backward pass."""
    dtype, groups = query.dtype, query.shape[1] // key.shape[1]
    query, key, value = query.float() * 0.5, key.float() * 0.5, value.float()
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = query @ key.transpose(-2, -1)
    scores = scores + torch.empty(scores.shape[-2:], device=scores.device)
    return (torch._softmax(scores, -1, False) @ value).to(dtype)


class _Attention(torch.autograd.Function):
    """Keeps its inputs, its output and the log-sum-exp of the scores (fp32); never the scores."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any, bias: Any, flash: bool) -> Any:
        batch, heads, length, _ = query.shape
        # Both kernels lay the output out as (batch, length, heads, dim).
        output = query.new_empty((batch, length, heads, value.shape[-1])).transpose(1, 2)
        statistics = torch.empty((batch, heads, length), dtype=torch.float32, device=query.device)
        ctx.save_for_backward(query, key, value, bias, output, statistics)
        ctx.flash = flash
        return output

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        query, key, value, _, _, statistics = ctx.saved_tensors
        batch, heads, length, dim = query.shape
        delta = torch.empty_like(statistics)
        # The gradient of the query is summed in fp32, rounded up to whole tiles.
        tile = math.ceil(length / 128) * 128
        summed = torch.empty((batch, tile, heads, math.ceil(dim / 32) * 32), dtype=torch.float32, device=query.device)
        expanded = None
        if ctx.flash and key.shape[1] != heads:
            expanded = [item.new_empty((batch, item.shape[2], heads, item.shape[3])) for item in (key, value)]
        gradients = [torch.empty_like(item) for item in (query, key, value)]
        del delta, summed, expanded
        return (*gradients, None, None)


# ---- TRL's log-probability kernel ----


class _Launched:
    """Stands for a Triton kernel: `kernel[grid](...)` writes into what it is given, and takes no memory."""

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        return lambda *_, **__: None


def _trl_kernels() -> list[tuple[Any, str, Any]]:
    try:
        from trl.kernels import chunked_logprob
        from trl.trainer import utils
    except ImportError:
        return []
    triton = SimpleNamespace(cdiv=lambda a, b: -(-a // b))
    return [
        (chunked_logprob, "_use_triton", lambda device: True),
        (chunked_logprob, "_forward_kernel", _Launched()),
        (chunked_logprob, "_backward_kernel", _Launched()),
        (chunked_logprob, "_addmm_fp32", lambda total, one, other: None),
        (chunked_logprob, "triton", triton),
        (utils, "_use_triton", lambda device: True),
    ]
