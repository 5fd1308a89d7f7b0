"""What other tools do where their files say nothing: a plan made from a file must train what the file would have.

Sources: TRL 1.16 and transformers 5 (a test compares), Axolotl's config reference, LLaMA-Factory 0.9.
"""

from __future__ import annotations

from typing import Any

from ftui.core.exchange_heard import NAMES, Heard

_STEPS = {
    "train.epochs": 3.0, "train.micro_batch": 8, "train.accumulation": 1, "train.schedule": "linear",
    "train.warmup_ratio": 0.0, "train.optimizer": "adamw_torch_fused", "train.gradient_checkpointing": True,
}  # fmt: skip
"""transformers 5, which TRL and LLaMA-Factory begin with."""
DEFAULTS: dict[str, dict[str, Any]] = {
    "trl": {**_STEPS, "data.max_length_tokens": 1024, "method.lora_rank": 16, "method.lora_alpha": 32},
    "axolotl": {
        "train.epochs": 1.0, "train.micro_batch": 1, "train.schedule": "cosine", "train.warmup_ratio": 0.03,
        "train.accumulation": 1, "train.optimizer": "adamw_torch_fused", "train.gradient_checkpointing": False,
        "data.max_length_tokens": 512,
    },
    "llamafactory": {
        **_STEPS, "train.learning_rate": 5e-5, "data.max_length_tokens": 2048, "method.lora_rank": 8,
    },
}  # fmt: skip
"""What a tool does where its file says nothing."""
LEARNING_RATES = {"sft": 2e-5, "reward": 1e-4}
"""TRL's by task; 1e-6 for all others."""


def fill_defaults(heard: Heard) -> None:
    """Fill in what the file leaves open, as its tool would."""
    task, technique = heard.values["method.task"], heard.values["method.technique"]
    usual = dict(DEFAULTS[heard.tool])
    if heard.tool == "trl":
        usual["train.learning_rate"] = LEARNING_RATES.get(task, 1e-6)
        if task == "sft":
            usual["method.lora_dropout"] = 0.05
        if task in ("grpo", "rloo"):
            usual |= {"method.generations": 8 if task == "grpo" else 2, "method.completion_tokens": 512}
            usual |= {"method.temperature": 1.0, "method.beta": 0.0 if task == "grpo" else 0.05}
            del usual["data.max_length_tokens"]
    if heard.tool == "llamafactory":
        usual["method.lora_alpha"] = 2 * int(heard.values.get("method.lora_rank", usual["method.lora_rank"]))
    for name, value in usual.items():
        if (
            name not in heard.values
            and name not in heard.missed
            and not (technique == "full" and name.startswith("method.lora_"))
        ):
            heard.values[name] = value
            heard.reasons[name] = f"{NAMES[heard.tool]}'s default: the file does not say it"
