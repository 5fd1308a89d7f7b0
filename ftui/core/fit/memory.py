"""Bytes of one training step in closed form: each component, each phase, and the peak. Stable interface.

The peak is the highest of several moments, not the sum of everything: the end of the forward pass, the loss, the
backward pass through the last and through the first layer, and the optimizer step have different things alive.
"""

from __future__ import annotations

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.assumptions import assumptions
from ftui.core.fit.phases import step_phases
from ftui.core.fit.report import MemoryReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.fit.sharding import shard
from ftui.core.fit.step import Components, Step, plan_step


def predict_memory(shape: ModelShape, request: FitRequest, gpu: Gpu | None = None) -> MemoryReport:
    """Predict the memory of one GPU during `request` on a model of `shape`, in bytes.

    `gpu` tells which attention kernels there are, and how much cuBLAS sets aside.
    """
    return predict_step_memory(plan_step(shape, request, gpu), gpu)


def predict_step_memory(step: Step, gpu: Gpu | None = None) -> MemoryReport:
    """Like `predict_memory`, for a step that is planned already."""
    phases = shard(step, step_phases(step))
    totals = {name: sum(parts.values()) for name, parts in phases.items()}
    deciding = max(totals, key=lambda name: totals[name])
    resident = sum(phases["optimizer"].values()) - _passing(phases["optimizer"])
    return MemoryReport(
        request=step.request,
        shape=step.shape,
        components={name: size for name, size in phases[deciding].items() if size},
        phases=totals,
        deciding_phase=deciding,
        allocated_bytes=totals[deciding],
        resident_bytes=resident,
        trainable_params=step.states.trainable,
        total_params=step.shape.total_params,
        assumptions=assumptions(step, gpu),
    )


def _passing(parts: Components) -> int:
    return sum(parts.get(name, 0) for name in ("gradients", "optimizer_workspace", "communication"))
