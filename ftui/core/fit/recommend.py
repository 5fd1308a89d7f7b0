"""Searches the best setting that fits, and the other way round: what fits on a GPU. Stable interface."""

from __future__ import annotations

from dataclasses import dataclass

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.report import Calibration, Recommendation
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape


@dataclass(frozen=True)
class DataFacts:
    """What is known of the training data; None where it is not."""

    rows: int | None = None
    tokens: int | None = None
    longest_tokens: int | None = None
    p95_tokens: int | None = None


@dataclass(frozen=True)
class FittingModel:
    """One model of the catalogue and the best way of tuning it on a given GPU."""

    model_id: str
    recommendation: Recommendation


def recommend(
    shape: ModelShape,
    gpu: Gpu,
    free_bytes: int | None = None,
    data: DataFacts | None = None,
    base: FitRequest | None = None,
    calibration: Calibration | None = None,
    gpus: int = 1,
) -> Recommendation:
    """Search methods x micro-batch x checkpointing x loss x optimizer x length x rank. `base` fixes task and stack;
    `free_bytes` is the free memory of one GPU (all of it when None)."""
    raise NotImplementedError


def what_fits(gpu: Gpu, free_bytes: int | None = None, base: FitRequest | None = None) -> tuple[FittingModel, ...]:
    """List the models of the catalogue that can be fine-tuned on `gpu`, with the recommended way for each."""
    raise NotImplementedError
