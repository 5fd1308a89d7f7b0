"""Bytes of one training step in closed form: each component, each phase, and the peak. Stable interface."""

from __future__ import annotations

from ftui.core.fit.report import MemoryReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape


def predict_memory(shape: ModelShape, request: FitRequest) -> MemoryReport:
    """Predict the memory of one GPU during `request` on a model of `shape`. Takes well under a millisecond."""
    raise NotImplementedError
