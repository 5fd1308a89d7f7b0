"""How other tools call the fields of a plan: one table per tool. See exchange.py.

Keys: TRL 1.16 (SFTConfig, DPOConfig, ModelConfig), Axolotl's config reference, LLaMA-Factory's examples (2026).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Word:
    """One field in another tool's language. say: our value -> theirs; hear: theirs -> ours."""

    field: str
    key: str
    say: Callable[[Any], Any] = lambda value: value
    hear: Callable[[Any], Any] = lambda value: value


_OPTIMIZERS = {"adamw_8bit": "adamw_bnb_8bit", "paged_adamw_8bit": "paged_adamw_8bit"}
_HEARD_OPTIMIZERS = {"adamw_bnb_8bit": "adamw_8bit", "paged_adamw_8bit": "paged_adamw_8bit"}
_ATTENTION = {"flash": "flash_attention_2", "sdpa": "sdpa", "eager": "eager"}
_HEARD_ATTENTION = {theirs: ours for ours, theirs in _ATTENTION.items()}


def _optimizer(value: str) -> str:
    return _OPTIMIZERS.get(value, value)


def _heard_optimizer(value: str) -> str:
    return _HEARD_OPTIMIZERS.get(value, value)


def _targets_trl(value: list[str]) -> Any:
    return value[0] if value == ["all-linear"] else value


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return ["all-linear"] if value in ("all", "all-linear") else [part.strip() for part in value.split(",")]
    return list(value)


_COMMON_TRAIN = (
    Word("train.max_steps", "max_steps", hear=lambda steps: steps if steps > 0 else None),
    Word("train.learning_rate", "learning_rate", hear=float),
    Word("train.weight_decay", "weight_decay"),
    Word("train.max_grad_norm", "max_grad_norm"),
    Word("train.gradient_checkpointing", "gradient_checkpointing", hear=bool),
    Word("train.seed", "seed"),
)

WORDS: dict[str, tuple[Word, ...]] = {
    "trl": (
        Word("model.id", "model_name_or_path"),
        Word("model.revision", "model_revision"),
        Word("data.max_length_tokens", "max_length"),
        Word("data.packing", "packing"),
        Word("method.lora_rank", "lora_r"),
        Word("method.lora_alpha", "lora_alpha"),
        Word("method.lora_dropout", "lora_dropout"),
        Word("method.lora_targets", "lora_target_modules", _targets_trl, _listed),
        Word("method.modules_to_save", "lora_modules_to_save"),
        Word("method.rslora", "use_rslora"),
        Word("method.dora", "use_dora"),
        Word("method.neftune_alpha", "neftune_noise_alpha"),
        Word("method.beta", "beta"),
        *_COMMON_TRAIN,
        Word("train.epochs", "num_train_epochs", hear=float),
        Word("train.schedule", "lr_scheduler_type"),
        Word("train.micro_batch", "per_device_train_batch_size"),
        Word("train.accumulation", "gradient_accumulation_steps"),
        Word("train.optimizer", "optim", _optimizer, _heard_optimizer),
        Word("train.attention", "attn_implementation", _ATTENTION.get, lambda v: _HEARD_ATTENTION.get(v, "auto")),
        Word("train.log_every_steps", "logging_steps"),
        Word("train.eval_every_steps", "eval_steps"),
        Word("train.save_every_steps", "save_steps"),
        Word("train.keep_checkpoints", "save_total_limit"),
        Word("data.workers", "dataloader_num_workers"),
    ),
    "axolotl": (
        Word("model.id", "base_model"),
        Word("model.revision", "revision_of_model"),
        Word("data.max_length_tokens", "sequence_len"),
        Word("data.packing", "sample_packing"),
        Word("data.group_by_length", "group_by_length"),
        Word("data.eval_fraction", "val_set_size"),
        Word("method.lora_rank", "lora_r"),
        Word("method.lora_alpha", "lora_alpha"),
        Word("method.lora_dropout", "lora_dropout"),
        Word("method.modules_to_save", "lora_modules_to_save"),
        Word("method.rslora", "peft_use_rslora"),
        Word("method.dora", "peft_use_dora"),
        Word("method.beta", "rl_beta"),
        Word("method.neftune_alpha", "neftune_noise_alpha"),
        *_COMMON_TRAIN,
        Word("train.epochs", "num_epochs", hear=float),
        Word("train.schedule", "lr_scheduler"),
        Word("train.warmup_ratio", "warmup_ratio"),
        Word("train.micro_batch", "micro_batch_size"),
        Word("train.accumulation", "gradient_accumulation_steps"),
        Word("train.optimizer", "optimizer", _optimizer, _heard_optimizer),
        Word("train.log_every_steps", "logging_steps"),
        Word("train.eval_every_steps", "eval_steps"),
        Word("train.save_every_steps", "save_steps"),
        Word("train.keep_checkpoints", "save_total_limit"),
        Word("train.early_stopping_patience", "early_stopping_patience"),
    ),
    "llamafactory": (
        Word("model.id", "model_name_or_path"),
        Word("model.revision", "model_revision"),
        Word("data.max_length_tokens", "cutoff_len"),
        Word("data.packing", "packing"),
        Word("data.eval_fraction", "val_size"),
        Word("method.lora_rank", "lora_rank"),
        Word("method.lora_alpha", "lora_alpha"),
        Word("method.lora_dropout", "lora_dropout"),
        Word("method.lora_targets", "lora_target", lambda v: "all" if v == ["all-linear"] else ",".join(v), _listed),
        Word("method.rslora", "use_rslora"),
        Word("method.dora", "use_dora"),
        Word("method.neftune_alpha", "neftune_noise_alpha"),
        Word("method.beta", "pref_beta"),
        *_COMMON_TRAIN,
        Word("train.epochs", "num_train_epochs", hear=float),
        Word("train.schedule", "lr_scheduler_type"),
        Word("train.warmup_ratio", "warmup_ratio"),
        Word("train.micro_batch", "per_device_train_batch_size"),
        Word("train.accumulation", "gradient_accumulation_steps"),
        Word("train.optimizer", "optim", _optimizer, _heard_optimizer),
        Word("train.log_every_steps", "logging_steps"),
        Word("train.eval_every_steps", "eval_steps"),
        Word("train.save_every_steps", "save_steps"),
        Word("train.keep_checkpoints", "save_total_limit"),
    ),
}  # fmt: skip
TASKS: dict[str, dict[str, str | None]] = {
    "trl": {
        "sft": "sft",
        "text": "sft",
        "dpo": "dpo",
        "kto": "kto",
        "reward": "reward",
        "grpo": "grpo",
        "rloo": "rloo",
    },
    "axolotl": {"sft": None, "text": None, "dpo": "dpo", "kto": "kto", "orpo": "orpo", "grpo": "grpo"},
    "llamafactory": {"sft": "sft", "text": "pt", "dpo": "dpo", "kto": "kto", "reward": "rm"},
}
