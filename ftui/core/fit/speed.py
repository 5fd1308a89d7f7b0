"""Tokens per second, time and cost of a training run, from FLOPs, bandwidth and utilisation. Stable interface."""

from __future__ import annotations

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.report import Calibration, SpeedReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape


def predict_speed(
    shape: ModelShape, request: FitRequest, gpu: Gpu, calibration: Calibration | None = None
) -> SpeedReport:
    """Predict the speed of `request` on `gpu`."""
    raise NotImplementedError


def cost(speed: SpeedReport, tokens: int, price_per_hour: float) -> tuple[float, float]:
    """Give seconds and money for training on `tokens` tokens at `price_per_hour` for all GPUs together."""
    raise NotImplementedError
