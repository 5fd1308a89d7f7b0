"""What core.fit predicts for a plan: written into a run at its start, compared with the measured peak at its end."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from ftui.core.fit.device import device_bytes, judge
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.report import MemoryReport
from ftui.core.fit.request import FitRequest
from ftui.core.plan import Plan
from ftui.errors import FtuiError
from ftui.services.hardware import snapshot
from ftui.services.hardware_snapshot import HardwareSnapshot
from ftui.services.model_config import find_model

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

    Keys: predicted_allocated_bytes, predicted_device_bytes {low, expected, high} (on a CPU the same tensors lie in host
    memory), components, device, verdict, reasons; or only `unknown` with the reason.
    """
    machine = snapshot()
    try:
        shape = find_model(str(model_folder), online=False).shape
        report = predict_memory(shape, request_of(plan, machine))
    except FtuiError as error:
        return {"schema_version": 1, "unknown": str(error)}
    gpu = next(iter(machine.gpus), None)
    if gpu is None:
        return {**_memory_json(report), "device": "cpu"}
    band = device_bytes(report)
    verdict = judge(band, gpu.free_bytes, report)
    return {
        **_memory_json(report),
        "device": gpu.name,
        "predicted_device_bytes": {"low": band.low, "expected": band.expected, "high": band.high},
        "verdict": verdict.answer,
        "reasons": list(verdict.reasons),
    }


def _memory_json(report: MemoryReport) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "predicted_allocated_bytes": report.allocated_bytes,
        "components": dict(report.components),
        "deciding_phase": report.deciding_phase,
        "assumptions": list(report.assumptions),
    }
