"""Many answers at once: one model on common cards, and what a card can fine-tune."""

from __future__ import annotations

from dataclasses import replace

from ftui.core.catalog.gpus import Gpu, gpu_named
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.services.fit_predict import FitAnswer
from ftui.services.fit_target import Target

COMMON_CARDS = (
    ("NVIDIA GeForce RTX 3060", 12),
    ("NVIDIA GeForce RTX 4060 Ti", 16),
    ("NVIDIA GeForce RTX 4090", 24),
    ("NVIDIA GeForce RTX 5090", 32),
    ("NVIDIA L4", 24),
    ("NVIDIA L40S", 48),
    ("NVIDIA A100-SXM4-80GB", 80),
    ("NVIDIA H200", 141),
)
"""Name and GB: from a cheap desktop card to the largest that is commonly rented."""


def common_cards() -> list[Gpu]:
    """The catalogue's facts of the common cards."""
    return [gpu_named(name, gigabytes * 2**30) for name, gigabytes in COMMON_CARDS]


def on_card(shape: ModelShape, gpu: Gpu, asked: FitRequest) -> FitAnswer:
    """The least approximate way of tuning that fits on this card (by a quick count), or what the smallest one needs."""
    from ftui.core.fit.device import judge, quick_band
    from ftui.core.fit.explain import DataFacts
    from ftui.core.fit.memory import predict_memory
    from ftui.core.fit.recommend import tiers

    target = Target(gpu, gpu.usable_bytes, "named")
    answer = None
    for tier in tiers(asked, target.gpu, DataFacts()):
        request = replace(tier, micro_batch=1, grad_checkpointing=True, loss="chunked", logits_held=False)
        memory = predict_memory(shape, request, target.gpu)
        band = quick_band(memory, target.gpu)
        answer = FitAnswer(target, request, memory, band, judge(band, target.free_bytes), None)
        if answer.verdict.answer == "fits":
            break
    assert answer is not None
    return answer
