"""What core.fit predicts for a plan: written into a run at its start, compared with the measured peak at its end."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from statistics import median
from typing import Any

from ftui.core.catalog.gpus import Gpu
from ftui.core.events import Memory, Step
from ftui.core.fit.device import device_bytes, judge
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.report import MemoryReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.fit.speed import predict_speed
from ftui.core.plan import Plan
from ftui.errors import FtuiError
from ftui.services.environment import versions
from ftui.services.files import read_json
from ftui.services.fit_memory import calibration_for, remember_measured_peak
from ftui.services.fit_target import catalogued
from ftui.services.hardware import snapshot
from ftui.services.hardware_snapshot import HardwareSnapshot
from ftui.services.model_config import find_model
from ftui.services.runs import Run
from ftui.services.tail import EventTail

TASKS = {"text": "sft", "orpo": "dpo"}
"""Plan tasks whose memory is that of another one: ORPO runs both sides like DPO, without a reference."""


def request_of(plan: Plan, machine: HardwareSnapshot) -> FitRequest:
    """The recipe of a plan as core.fit asks for it, with `auto` resolved as the trainer resolves it on this machine."""
    gpu = next((gpu for gpu in machine.gpus), None)
    has_bf16 = bool(gpu and gpu.bf16)
    precision = plan.train.precision
    if precision == "auto":
        precision = ("bf16-mixed" if has_bf16 else "fp16-mixed") if gpu else "fp32"
    values: dict[str, Any] = {
        "method": plan.method.technique,
        "task": TASKS.get(plan.method.task, plan.method.task),
        "seq_len": plan.data.max_length_tokens,
        "micro_batch": plan.train.micro_batch,
        "grad_checkpointing": plan.train.gradient_checkpointing,
        "optimizer": plan.train.optimizer,
        "precision": precision,
        "quant": plan.method.quant if plan.method.technique == "qlora" else "none",
        "loss": "chunked" if plan.train.loss == "auto" else plan.train.loss,
        "attention": "sdpa" if plan.train.attention == "auto" else plan.train.attention,
        "lora_rank": plan.method.lora_rank,
        "lora_targets": tuple(plan.method.lora_targets),
        "lora_dropout": plan.method.lora_dropout,
        "modules_to_save": tuple(plan.method.modules_to_save),
        # Training steps of ftui leave PEFT's casts out where they can (trainer/lean_lora.py).
        "lora_casts": plan.method.dora or plan.method.task in ("grpo", "rloo"),
        "kernels": _kernels(plan, on_gpu=gpu is not None),
        "compiled": plan.train.compile,
        "gpus": plan.train.gpus,
        "sharding": plan.train.sharding if plan.train.gpus > 1 else "none",
        "accumulates": plan.train.accumulation > 1,
        "logits_held": False,
        "generations": plan.method.generations,
    }
    if plan.method.task in ("grpo", "rloo"):
        values["completion_len"] = min(plan.method.completion_tokens, plan.data.max_length_tokens)
        values["beta_positive"] = plan.method.beta > 0
    return FitRequest(**values)


def _kernels(plan: Plan, on_gpu: bool) -> str:
    """`auto` as the trainer resolves it, but for models that Liger does not know."""
    asked = plan.train.kernels
    if asked != "auto" or not on_gpu or plan.train.compile or plan.method.task == "reward":
        return "torch" if asked == "auto" else asked
    return "liger" if importlib.util.find_spec("liger_kernel") else "torch"


def predict(plan: Plan, model_folder: Path) -> dict[str, Any]:
    """The content of a run's fit.json. A model or recipe that core.fit does not know is said, never guessed.

    Keys: predicted_allocated_bytes (the peak), predicted_resident_bytes (weights, adapters and optimizer state: what is
    held between steps), predicted_device_bytes {low, expected, high} (on a CPU the same tensors lie in host memory),
    predicted_tokens_per_second, components, device, verdict, reasons; or only `unknown` with the reason.
    """
    machine = snapshot()
    seen = next((gpu for gpu in machine.gpus if gpu.visible and gpu.status == "ok"), None)
    known = catalogued(seen) if seen else None
    try:
        shape = find_model(str(model_folder), online=False).shape
        request = request_of(plan, machine)
        report = predict_memory(shape, request, known)
    except FtuiError as error:
        return {"schema_version": 1, "unknown": str(error)}
    if seen is None or known is None:
        return {**_memory_json(report), "device": "cpu"}
    calibration = calibration_for(seen.name, versions())
    band = device_bytes(report, known, calibration)
    verdict = judge(band, seen.free_bytes, report)
    return {
        **_memory_json(report),
        "device": seen.name,
        "predicted_device_bytes": {"low": band.low, "expected": band.expected, "high": band.high},
        "predicted_tokens_per_second": _speed(shape, request, known),
        "verdict": verdict.answer,
        "reasons": list(verdict.reasons),
    }


def _speed(shape: ModelShape, request: FitRequest, gpu: Gpu) -> float | None:
    try:
        return predict_speed(shape, request, gpu).tokens_per_second
    except FtuiError:
        return None  # a GPU of which only the memory is known


def _memory_json(report: MemoryReport) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "predicted_allocated_bytes": report.allocated_bytes,
        "predicted_resident_bytes": report.resident_bytes - report.components.get("library_workspace", 0),
        "components": dict(report.components),
        "deciding_phase": report.deciding_phase,
        "assumptions": list(report.assumptions),
    }


def remember_peak(run: Run) -> bool:
    """Add what a finished run measured on a GPU to this machine's memory; gives whether there was something to add."""
    prediction = read_json(run.path / "fit.json") or {}
    predicted, device = prediction.get("predicted_allocated_bytes"), prediction.get("device")
    if not isinstance(predicted, int) or device in (None, "cpu"):
        return False
    allocated = reserved = process = 0
    speeds: list[float] = []
    for path in (run.trainer_events, run.supervisor_events):
        tail = EventTail(path)
        while not tail.at_end():
            before = tail.offset
            for stamped in tail.events():
                event = stamped.event
                if isinstance(event, Memory):
                    allocated = max(allocated, event.allocated_peak_bytes or 0)
                    reserved = max(reserved, event.reserved_bytes or 0)
                    # Only of one GPU: which of several is whose is not known here.
                    if len(event.gpus) == 1:
                        process = max(process, int(event.gpus[0].get("process_bytes") or 0))
                elif isinstance(event, Step) and (rate := event.metrics.get("tokens_per_second")):
                    speeds.append(float(rate))
            if tail.offset == before:
                break
    context = process - reserved if process > reserved > 0 else None
    return remember_measured_peak(
        str(device),
        versions(),
        predicted,
        process or reserved or None,
        measured_allocated_bytes=allocated or None,
        context_bytes=context,
        tokens_per_second=median(speeds) if speeds else None,
        predicted_tokens_per_second=prediction.get("predicted_tokens_per_second"),
        source=run.name,
    )
