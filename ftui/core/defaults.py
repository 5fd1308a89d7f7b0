"""Settings with reasons: from what is known of model, data and machine to a plan that a person can argue with.

Every value of the plan gets a sentence in `plan.reasons`; what the user or the fit engine chose keeps theirs. The rules
are in defaults_rules.py and defaults_training.py, one function each; this module puts them in order, because some
rest on others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ftui.core import defaults_rules as rules
from ftui.core import defaults_training as training
from ftui.core.defaults_facts import DataFacts, HardwareFacts, ModelFacts
from ftui.core.plan import Plan, with_values

__all__ = ["DataFacts", "HardwareFacts", "ModelFacts", "propose_plan"]

CHOSEN = "you chose it"


def propose_plan(
    model: ModelFacts,
    data: DataFacts,
    hardware: HardwareFacts,
    choices: Mapping[str, Any] | None = None,
    because: Mapping[str, str] | None = None,
) -> Plan:
    """A plan for these facts. Raises FtuiError where a choice names no plan field or has a wrong value.

    choices: dotted plan fields that are settled ("method.task", "method.technique", a recommended "train.micro_batch").
    because: why they are, where it was not the user ("it fits into 24 GiB"); default "you chose it".
    """
    settled = dict(choices or {})
    reasons = {name: (because or {}).get(name, CHOSEN) for name in settled}
    values: dict[str, Any] = {"model.id": model.id, "data.train": data.path, **settled}
    if data.eval_path:
        values.setdefault("data.eval", data.eval_path)

    def settle(name: str, rule: rules.Rule) -> Any:
        if name not in settled:
            value, reason = rule
            values[name] = value
            reasons[name] = reason
        return values[name]

    task = settle("method.task", rules.task(data))
    technique = settle("method.technique", rules.technique(model, hardware))
    length = settle("data.max_length_tokens", rules.max_length(model, data, task))
    settle("data.overlong", rules.overlong(task))
    if task == "text" and data.p50_tokens:
        data = replace(data, rows=data.rows * math.ceil(data.p50_tokens / length))  # long texts become several rows
    settle("data.train_on", rules.train_on(task))

    if technique != "full":
        rank = settle("method.lora_rank", rules.lora_rank(data, task))
        settle("method.lora_alpha", rules.lora_alpha(rank))
        settle("method.lora_dropout", rules.lora_dropout(data, task))
        settle("method.lora_targets", rules.lora_targets())
    if technique == "qlora":
        settle("method.quant", rules.quant())
    if task in rules.WITH_BETA:
        settle("method.beta", rules.beta(task))
    if task in rules.ONLINE:
        generations = settle("method.generations", rules.generations(hardware))
        settle("method.completion_tokens", rules.completion_tokens(data))
    else:
        generations = 1

    batch = training.effective_batch(data, task, generations)
    micro, accumulation = training.split_batch(batch[0], hardware, length, task, generations)
    settle("train.micro_batch", micro)
    settle("train.accumulation", training.accumulation(batch, values["train.micro_batch"], hardware, accumulation[1]))
    values["train.accumulation"] = max(1, int(values["train.accumulation"]))
    settle("train.epochs", training.epochs(data, task))
    steps = training.steps_total(data, values, hardware, generations)
    settle("train.learning_rate", training.learning_rate(model, technique, task))
    settle("train.schedule", training.schedule(task))
    settle("train.warmup_ratio", training.warmup(steps, task))
    settle("train.weight_decay", training.weight_decay(technique))
    settle("train.max_grad_norm", training.max_grad_norm())
    settle("train.optimizer", training.optimizer(hardware, technique))
    settle("train.precision", training.precision(hardware))
    settle("train.gradient_checkpointing", training.gradient_checkpointing(model, hardware, technique))
    settle("data.packing", rules.packing(data, hardware, task))
    settle("data.group_by_length", rules.group_by_length(data, hardware, task, bool(values["data.packing"])))
    settle("train.eval_every_steps", training.eval_every(steps))
    settle("train.save_every_steps", training.save_every(steps, values["train.eval_every_steps"]))
    settle("train.early_stopping_patience", training.early_stopping(data, task))
    settle("train.keep_checkpoints", training.keep_checkpoints())
    settle("train.seed", training.seed())
    settle("train.gpus", training.gpus(hardware))
    if values["train.gpus"] > 1:
        settle("train.sharding", training.sharding(model, hardware, technique))
    settle("eval.max_new_tokens", rules.eval_tokens(data))
    settle("eval.rows_max", rules.eval_rows(hardware))
    if data.replay_path and task in ("sft", "text"):
        settle("data.replay", (data.replay_path, "general rows against forgetting"))
        settle("data.replay_fraction", rules.replay(model))
    return with_values(Plan(), values, reasons)
