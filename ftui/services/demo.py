"""The demo's plan: the sample task on the tiny model or on SmolLM2-135M, small enough for two CPU cores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan, from_mapping
from ftui.errors import FtuiError
from ftui.services.paths import sample_data


@dataclass(frozen=True, slots=True)
class DemoModel:
    """A model that the demo knows settings for. values: dotted plan fields with (value, reason)."""

    name: str
    title: str
    values: dict[str, tuple[Any, str]]


MODELS = {
    "tiny": DemoModel(
        "tiny",
        "the tiny model that ships with ftui",
        {
            "method.lora_rank": (32, "a model 256 wide needs a good part of its width for a new form"),
            "method.lora_alpha": (
                64,
                "twice the rank, so that the learning rate keeps its meaning when the rank changes",
            ),
            "data.max_length_tokens": (384, "the longest ticket fits; shorter sequences are faster"),
            "data.replay_fraction": (0.3, "general questions among the tickets: without them it forgets them"),
            "data.eval_rows_max": (40, "a demo: enough rows for a narrow interval"),
            "train.max_steps": (100, "a demo: enough for the task, and under a minute on two cores"),
            "train.learning_rate": (1.5e-3, "LoRA on two million weights takes a far higher rate than on a 7B"),
            "train.micro_batch": (8, "short rows: eight fit a CPU's cache"),
            "train.accumulation": (1, "eight rows a step are enough for one narrow task"),
            "train.eval_every_steps": (50, "three looks at the held-out loss"),
            "eval.rows_max": (40, "enough for a narrow interval, few enough for a demo"),
            "eval.samples": (2, "two answers to look at"),
            "eval.max_new_tokens": (96, "the longest ticket has fewer tokens"),
            "eval.margin": (0.25, "a new form in a model this small costs some of the old; a large model gets 0.05"),
        },
    ),
    "smollm2-135m": DemoModel(
        "smollm2-135m",
        "SmolLM2-135M-Instruct, a real pretrained model",
        {
            "method.lora_rank": (16, "420 rows of one narrow task: a middling rank holds it"),
            "method.lora_alpha": (
                32,
                "twice the rank, so that the learning rate keeps its meaning when the rank changes",
            ),
            "data.max_length_tokens": (320, "the longest ticket fits; shorter sequences are faster"),
            "train.max_steps": (20, "a demo: enough for the format, and minutes on two cores"),
            "train.learning_rate": (1e-3, "LoRA on a small model, few steps"),
            "train.micro_batch": (4, "a rough balance of speed and memory on two cores"),
            "train.accumulation": (1, "four rows a step are enough for one narrow task"),
            "train.eval_every_steps": (20, "a look at the held-out loss before and after"),
            "data.eval_rows_max": (16, "a demo on two cores"),
            "eval.samples": (1, "one answer to look at"),
            "eval.rows_max": (16, "a demo on two cores; too few rows for a fine difference, enough for this one"),
            "eval.max_new_tokens": (80, "the longest ticket has fewer tokens"),
            "eval.margin": (
                0.15,
                "one narrow task on a small model costs some general ability; more would be a warning",
            ),
        },
    ),
}
ALIASES = {"HuggingFaceTB/SmolLM2-135M-Instruct": "smollm2-135m"}

COMMON: dict[str, tuple[Any, str]] = {
    "method.task": ("sft", "examples of the wanted answer are at hand"),
    "method.technique": ("lora", "under a few per cent of the weights: quick, and the base stays as it is"),
    "train.precision": ("fp32", "on a CPU 16-bit arithmetic is far slower than 32-bit"),
    "train.warmup_ratio": (0.1, "few steps: a longer share of them warms up"),
    "train.seed": (42, "so that two demos give the same figures"),
}


def demo_plan(model: str) -> Plan:
    """The plan of the demo with this model. Raises FtuiError for a model that the demo does not know."""
    name = ALIASES.get(model, model)
    if name not in MODELS:
        raise FtuiError(
            "The demo does not know this model",
            f"{model!r}; it knows {', '.join(MODELS)}",
            "For another one: ftui plan new",
        )
    data = sample_data() / "tickets"
    if not (data / "train.jsonl").is_file():
        raise FtuiError("The sample data is missing", str(data), "Reinstall ftui-wizard, or run from a checkout.")
    values = {**COMMON, **MODELS[name].values}
    sections: dict[str, dict[str, Any]] = {
        "model": {"id": name},
        "data": {
            "train": str(data / "train.jsonl"),
            "eval": str(data / "eval.jsonl"),
            "replay": str(sample_data() / "general" / "replay.jsonl") if "data.replay_fraction" in values else None,
        },
        "eval": {"schema": str(data / "schema.json")},
        "run": {"name": f"demo-{name}"},
    }
    for field, (value, _) in values.items():
        section, _, key = field.partition(".")
        sections.setdefault(section, {})[key] = value
    return from_mapping({**sections, "reasons": {field: reason for field, (_, reason) in values.items()}})


def shipped_answers() -> Path:
    """The answers that the demo gives to the questionnaire."""
    return sample_data() / "answers.json"
