"""When nothing fits: what would. A shorter length, a smaller model, more GPUs, offload, a rented GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.device import quick_band
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.text import gib

RENTED = (
    *("NVIDIA L4", "NVIDIA A10", "NVIDIA A100-SXM4-40GB", "NVIDIA L40S", "NVIDIA A100-SXM4-80GB"),
    *("NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA B200"),
)
"""GPUs that clouds commonly rent, by memory."""


def alternatives(shape: ModelShape, start: FitRequest, gpu: Gpu, budget: int) -> tuple[str, ...]:
    """Give one sentence for each way out that was tried and works."""
    smallest = replace(
        start, method="qlora", quant="nf4-dq", micro_batch=1, grad_checkpointing=True, optimizer="adamw_torch_fused",
        loss="chunked", logits_held=False, precision="bf16-mixed" if gpu.bf16 else "fp16-mixed",
    )  # fmt: skip
    found = [
        _shorter(shape, smallest, gpu, budget),
        _smaller_model(shape, smallest, gpu, budget),
        _more_gpus(shape, smallest, gpu, budget),
        _offload(shape, smallest, gpu, budget),
        _rented(shape, smallest, gpu, budget),
    ]
    return tuple(sentence for sentence in found if sentence)


def _fits(shape: ModelShape, request: FitRequest, gpu: Gpu, budget: int) -> bool:
    return quick_band(predict_memory(shape, request, gpu), gpu).high <= budget


def _shorter(shape: ModelShape, request: FitRequest, gpu: Gpu, budget: int) -> str:
    length = request.seq_len // 2
    while length >= 128:
        limit = None if request.completion_len is None else min(request.completion_len, length)
        if _fits(shape, replace(request, seq_len=length, completion_len=limit), gpu, budget):
            return f"a length of {length} tokens fits with QLoRA"
        length //= 2
    return ""


def _smaller_model(shape: ModelShape, request: FitRequest, gpu: Gpu, budget: int) -> str:
    from ftui.core.catalog.models import all_models
    from ftui.core.fit.shapes import shape_from_config

    smaller = [card for card in all_models() if card.params_total < shape.total_params]
    family = [card for card in smaller if card.config["model_type"] == shape.model_type]
    # Models of one family have the same vocabulary.
    family.sort(key=lambda card: (_vocabulary(card.config) != shape.vocab_size, -card.params_total))
    for card in family:
        if _fits(shape_from_config(card.config), request, gpu, budget):
            return f"a smaller model: {card.id} fits with QLoRA"
    return ""


def _more_gpus(shape: ModelShape, request: FitRequest, gpu: Gpu, budget: int) -> str:
    for count in (2, 4, 8):
        if _fits(shape, replace(request, gpus=count, sharding="fsdp"), gpu, budget):
            return f"{count} of these GPUs with FSDP hold it (QLoRA)"
    return ""


def _offload(shape: ModelShape, request: FitRequest, gpu: Gpu, budget: int) -> str:
    offloaded = replace(request, gpus=max(2, request.gpus), sharding="zero3", cpu_offload=True)
    report = predict_memory(shape, offloaded, gpu)
    if quick_band(report, gpu).high > budget:
        return ""
    host = predict_memory(shape, request, gpu).resident_bytes
    return f"weights in host memory (FSDP or ZeRO-3 offload, {gib(host)} of RAM) would fit, many times slower"


def _rented(shape: ModelShape, request: FitRequest, gpu: Gpu, budget: int) -> str:
    from ftui.core.catalog.gpus import find_gpu

    for name in RENTED:
        other = find_gpu(name)
        if other is None or other.usable_bytes <= budget:
            continue
        if _fits(shape, replace(request, precision="bf16-mixed"), other, other.usable_bytes):
            return f"the smallest GPU commonly rented that would do: {other.name} ({gib(other.usable_bytes)})"
    return ""


def _vocabulary(config: Mapping[str, Any]) -> int:
    return int({**config, **config.get("text_config", {})}["vocab_size"])
