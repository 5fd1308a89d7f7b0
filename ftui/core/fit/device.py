"""From allocated bytes to what the device needs, and the verdict against free memory. Stable interface."""

from __future__ import annotations

from dataclasses import replace

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.report import Answer, Band, Calibration, MemoryReport, Verdict
from ftui.core.fit.request import FitRequest
from ftui.core.fit.reserve import reserved_bytes
from ftui.core.fit.step import plan_step
from ftui.core.text import gib

MIB = 2**20
CONTEXT_BYTES, OLD_CONTEXT_BYTES = 450 * MIB, 141 * MIB
"""CUDA context and kernels of a process: measured 141 MiB on a T4; typical of Ampere and later."""
SCATTER, WORST_SCATTER = 1.04, 1.3
"""Reserved bytes beside resident ones, measured over simulated: the mean, and nearly the worst (rows of different
length scatter more). Fitted: tests/benchmarks/fit.py prints what leaving a source out does to it."""
WORST_SHARDED = 1.5
"""Device over allocated bytes where weights are gathered from other GPUs: nearly the worst of the published runs."""
TIGHTEST = 1.02
"""A run whose peak is so much below the device can succeed: PyTorch gives cached blocks back before it fails."""

COMPONENT_WORDS = {
    "weights": "the model's weights",
    "quantisation": "scales of quantised weights",
    "adapters": "adapters",
    "optimizer": "optimizer state",
    "optimizer_workspace": "temporary tensors of the optimizer step",
    "gradients": "gradients",
    "reference": "the reference model",
    "checkpoints": "checkpointed activations",
    "activations": "activations",
    "layer": "activations of the layer that is run backward",
    "layer_weight_copies": "unpacked weights",
    "weight_copies": "16-bit copies of weights",
    "logits": "logits (tokens x vocabulary)",
    "hidden_states": "hidden states",
    "kv_cache": "the KV cache of generation",
    "inputs": "inputs and masks",
    "gathered": "weights gathered from other GPUs",
    "communication": "buffers for exchanging gradients",
    "library_workspace": "cuBLAS workspace",
    "rounding": "ends of memory blocks that are too small to be used",
}


def context_bytes(gpu: Gpu | None, calibration: Calibration | None = None) -> int:
    """Bytes that CUDA itself takes, outside PyTorch's allocator."""
    if calibration is not None and calibration.context_bytes is not None:
        return calibration.context_bytes
    old = gpu is not None and gpu.compute_capability is not None and gpu.compute_capability < (8, 0)
    return OLD_CONTEXT_BYTES if old else CONTEXT_BYTES


def device_bytes(report: MemoryReport, gpu: Gpu | None = None, calibration: Calibration | None = None) -> Band:
    """Give the band of device memory that a run with this report needs, on `gpu` (or a typical one).

    Plays two steps through a model of PyTorch's allocator; takes a few milliseconds. A calibration measured on this
    machine replaces that.
    """
    context = context_bytes(gpu, calibration)
    low = int(report.allocated_bytes * TIGHTEST) + context
    if calibration is not None and calibration.slack_ratio is not None:
        expected = int(report.allocated_bytes * max(1.0, calibration.slack_ratio)) + context
        return _band(low, expected, expected + (expected - low) // 2, context, gpu)
    resident, passing = _reserved(report, gpu)
    expected = max(int(resident + SCATTER * passing), report.allocated_bytes) + context
    worst = 1.05 if report.request.sharding in ("none", "ddp") else WORST_SHARDED
    high = max(int(resident + WORST_SCATTER * passing), int(report.allocated_bytes * worst)) + context
    return _band(low, expected, high, context, gpu)


def _reserved(report: MemoryReport, gpu: Gpu | None) -> tuple[int, int]:
    """Bytes that the allocator holds for what stays, and for what passes."""
    request = report.request
    if request.sharding in ("none", "ddp"):
        resident, passing = reserved_bytes(plan_step(report.shape, _as_reserved(request), gpu))
        # Phases that the simulation does not play (generation, a reference model) need at least their own peak.
        return max(resident, report.resident_bytes), passing
    # What one GPU alone would scatter, for each byte that passes through it: shards pass in the same way.
    asked = _as_reserved(request)
    sharded = report if asked is request else predict_memory(report.shape, asked, gpu)
    alone = replace(asked, gpus=1, sharding="none")
    one = predict_memory(report.shape, alone, gpu)
    _, passing = reserved_bytes(plan_step(report.shape, alone, gpu))
    scattered = max(1.0, passing / max(1, one.allocated_bytes - one.resident_bytes))
    return report.resident_bytes, int((sharded.allocated_bytes - sharded.resident_bytes) * scattered)


def _as_reserved(request: FitRequest) -> FitRequest:
    """A loss that works in place allocates less, but every published run of it shows the device memory of the plain
    loss: the allocator keeps what the first passes took."""
    return replace(request, loss="full") if request.loss == "inplace" else request


def quick_band(report: MemoryReport, gpu: Gpu | None = None) -> Band:
    """A rough band without the simulation, for comparing many recipes at once."""
    context = context_bytes(gpu)
    passing = report.allocated_bytes - report.resident_bytes
    expected = report.allocated_bytes + passing // 4 + context
    return Band(int(report.allocated_bytes * TIGHTEST) + context, expected, expected + passing // 4, context)


def _band(low: int, expected: int, high: int, context: int, gpu: Gpu | None) -> Band:
    if gpu is not None and low <= gpu.usable_bytes < expected:
        # The allocator gives back what it cached when the card is full: the run is seen to take all of it, no more.
        expected = gpu.usable_bytes
    expected = max(low, expected)
    return Band(low, expected, max(high, expected), context)


def judge(band: Band, free_bytes: int, report: MemoryReport | None = None) -> Verdict:
    """Say whether `band` fits into `free_bytes`; with a report also which term decides and what would change it."""
    answer: Answer = "fits" if band.high <= free_bytes else "tight" if band.low <= free_bytes else "no"
    margin = free_bytes - band.expected
    needs = f"needs about {gib(band.expected)} ({gib(band.low)} to {gib(band.high)}) of {gib(free_bytes)} free"
    if answer == "fits":
        reasons = [needs]
    elif answer == "tight":
        reasons = [f"{needs}: it runs only if memory is not scattered much"]
    else:
        reasons = [f"needs at least {gib(band.low)}, and {gib(free_bytes)} are free"]
    deciding, changes = "", tuple[str, ...]()
    if report is not None:
        deciding = report.largest
        share = report.components[deciding] / report.allocated_bytes
        words = COMPONENT_WORDS.get(deciding, deciding)
        reasons.append(
            f"the peak comes {PHASE_WORDS.get(report.deciding_phase, report.deciding_phase)}; most of it "
            f"({share:.0%}, {gib(report.components[deciding])}) are {words}"
        )
        if answer != "fits":
            from ftui.core.fit.advice import what_would_change

            changes = what_would_change(report, free_bytes - band.context_bytes)
    return Verdict(answer, tuple(reasons), deciding, changes, free_bytes, margin)


PHASE_WORDS = {
    "forward_end": "at the end of the forward pass",
    "backward_head": "in the loss, as the backward pass begins",
    "backward_last_layer": "as the backward pass enters the last layer",
    "backward_first_layer": "as the backward pass leaves the first layer",
    "backward_embedding": "at the end of the backward pass",
    "optimizer": "in the optimizer step",
    "reference_forward": "while the reference scores the same rows",
    "generation": "while completions are generated",
    "evaluation": "during evaluation",
}
