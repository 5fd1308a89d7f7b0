"""The JSON document of `ftui fit MODEL --json`; its schema is `ftui/schemas/fit.json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ftui.core.fit.report import Recommendation
    from ftui.services.fit_predict import FitAnswer
    from ftui.services.model_config import FoundModel

SCHEMA_VERSION = 1


def document(found: FoundModel, answer: FitAnswer, tokens: int | None, price_per_hour: float | None) -> dict[str, Any]:
    """Everything that is said on the page, and the numbers behind it. Sizes in bytes."""
    memory, band, verdict, target = answer.memory, answer.band, answer.verdict, answer.target
    return {
        "schema_version": SCHEMA_VERSION,
        "model": {
            "id": found.id,
            "source": found.source,
            "params_total": memory.total_params,
            "params_trainable": memory.trainable_params,
            "context_tokens": found.shape.max_positions,
        },
        "recipe": asdict(answer.request),
        "memory": {
            "source": answer.source,
            "components": dict(memory.components),
            "phases": dict(memory.phases),
            "deciding_phase": memory.deciding_phase,
            "allocated_bytes": memory.allocated_bytes,
            "resident_bytes": memory.resident_bytes,
            "device_bytes": {"low": band.low, "expected": band.expected, "high": band.high},
            "context_bytes": band.context_bytes,
        },
        "gpu": {
            "name": target.gpu.name,
            "kind": "cpu" if target.is_cpu else "gpu",
            "origin": target.origin,
            "total_bytes": target.gpu.total_bytes,
            "free_bytes": target.free_bytes,
            "count": target.count,
        },
        "verdict": verdict.answer,
        "reasons": list(verdict.reasons),
        "changes": list(verdict.changes),
        "assumptions": [*memory.assumptions, *target.notes],
        "speed": speed(answer),
        "cost": cost(answer, tokens, price_per_hour),
        "recommendation": recommendation(answer.recommendation),
        "calibration": answer.calibration.source if answer.calibration else None,
    }


def speed(answer: FitAnswer) -> dict[str, Any]:
    """Tokens per second of all GPUs together; null where nothing is known of the GPU's arithmetic."""
    found = answer.speed
    names = ("tokens_per_second", "low", "high", "step_seconds", "utilisation", "bound_by")
    if found is None:
        return {**dict.fromkeys(names), "reasons": ["nothing is known of this GPU's arithmetic"]}
    return {**{name: getattr(found, name) for name in names}, "reasons": list(found.reasons)}


def cost(answer: FitAnswer, tokens: int | None, price_per_hour: float | None) -> dict[str, Any] | None:
    """Seconds for `tokens` (a million when not said), and money at `price_per_hour`."""
    if answer.speed is None or (tokens is None and price_per_hour is None):
        return None
    from ftui.core.fit.speed import cost as cost_of

    seconds, money = cost_of(answer.speed, tokens or 1_000_000, price_per_hour or 0.0)
    return {"tokens": tokens or 1_000_000, "seconds": seconds, "money": money if price_per_hour is not None else None}


def recommendation(found: Recommendation | None) -> dict[str, Any] | None:
    """Why this recipe, what is second best, and what would fit when nothing does."""
    if found is None:
        return None
    second = found.runner_up
    return {
        "fits": found.best is not None,
        "choices": [choice._asdict() for choice in found.choices],
        "runner_up": None if second is None else {
            "recipe": asdict(second.request),
            "verdict": second.verdict.answer,
            "device_bytes": second.band.expected,
            "cost": found.runner_up_cost,
        },
        "alternatives": list(found.alternatives),
        "considered": found.considered,
        "notes": list(found.notes),
    }  # fmt: skip
