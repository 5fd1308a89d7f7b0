"""The rules for batch, epochs, learning rate, schedule and how often to look: facts in, (value, reason) out.

Sources: the Tinker cookbook's hyperparam_utils for how the learning rate falls with the width of a model; LoRA Without
Regret (Schulman 2025) for its relation to full fine-tuning; TRL 1.16's defaults for preference and online training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ftui.core.defaults_facts import DataFacts, HardwareFacts, ModelFacts
from ftui.core.defaults_rules import ONLINE, PREFERENCE, WITH_BETA, Rule
from ftui.core.text import plural

SFT_BASE_RATE = 5e-5
"""Full fine-tuning of a model 2000 wide; the Tinker cookbook's fit over models of 1B to 70B."""
WIDTH_EXPONENT = 0.781
LORA_FACTOR = 10.0
"""LoRA takes about ten times the rate of full fine-tuning, over all sizes and ranks (LoRA Without Regret)."""
_TASK_FACTORS = {"text": 0.5, "reward": 0.33, "orpo": 0.1, "dpo": 0.025, "kto": 0.025, "grpo": 0.025, "rloo": 0.025}


def effective_batch(data: DataFacts, task_name: str, group: int) -> Rule:
    """Rows (completions for online training) per optimizer step."""
    if task_name in ONLINE:
        return 8 * group, f"eight prompts a step, {group} answers each"
    steps = ((500, 8), (5_000, 16), (50_000, 32))
    batch = next((size for limit, size in steps if data.rows < limit), 64)
    return batch, f"{plural(data.rows, 'row')}: {batch} a step average out noise and still leave enough steps"


def split_batch(batch: int, hardware: HardwareFacts, length: int, task_name: str, group: int) -> tuple[Rule, Rule]:
    """Micro-batch and accumulation where no fit has said what the memory holds."""
    if task_name in ONLINE:
        micro, why = (batch if batch <= 32 else group), "whole groups of answers, generated together"
    elif hardware.gpus:
        micro, why = (
            (1 if length > 2048 else 2 if length > 1024 else 4),
            f"rows of {length:,} tokens on a GPU; see `ftui fit`",
        )
    else:
        micro, why = min(batch, 8 if length <= 512 else 2), "small pieces stay in the CPU's caches"
    if task_name == "kto":
        micro = max(2, micro)
    return (micro, why), (max(1, batch // micro), "the rest of the batch, one piece after the other")


def accumulation(batch: Rule, micro: int, hardware: HardwareFacts, why: str) -> Rule:
    """What makes the effective batch whole on all GPUs together."""
    count = max(1, round(batch[0] / (micro * max(1, hardware.gpus))))
    return count, f"micro-batch x accumulation is the batch of {batch[0]}: {batch[1]}"


def epochs(data: DataFacts, task_name: str) -> Rule:
    """Passes over the rows, by their number."""
    if task_name in ONLINE:
        return 1.0, "every pass writes new answers; one pass first, more if the reward still rises"
    if task_name == "text":
        return (
            (3.0, "few texts: three passes") if data.rows < 1_000 else (1.0, "texts are seen once, as in pretraining")
        )
    if task_name in (*PREFERENCE, "reward"):
        if data.rows < 1_000:
            return 3.0, f"{plural(data.rows, 'row')}: three passes; early stopping ends it before they are overlearned"
        return 1.0, "preference tuning overlearns quickly: one pass"
    steps = ((300, 5.0), (10_000, 3.0), (100_000, 2.0))
    count = next((number for limit, number in steps if data.rows < limit), 1.0)
    return (
        count,
        f"{plural(data.rows, 'row')}: {count:g} passes are usual; early stopping ends it when held-out loss rises",
    )


def learning_rate(model: ModelFacts, technique_name: str, task_name: str) -> Rule:
    """By width of the model, technique and task."""
    width = model.hidden_size or _width_of(model.parameters)
    rate = SFT_BASE_RATE * (2000 / width) ** WIDTH_EXPONENT
    words = [f"models {width:,} wide take about {_rounded(rate):g} in full fine-tuning (Tinker's fit)"]
    if technique_name != "full":
        rate *= LORA_FACTOR
        words.append("LoRA ten times that")
    factor = _TASK_FACTORS.get(task_name, 1.0)
    if factor != 1.0:
        rate *= factor
        words.append(f"{task_name} {factor:g} of it, as TRL's defaults relate")
    return _rounded(min(rate, 1e-2)), ", ".join(words)


def schedule(task_name: str) -> Rule:
    """Cosine; constant where the goal moves."""
    if task_name in ONLINE:
        return "constant_with_warmup", "the model writes its own data, so there is no end to steer towards"
    return "cosine", "falls slowly at first and lands softly; the common choice"


def warmup(steps: int, task_name: str) -> Rule:
    """A share of steps that gives the optimizer's averages time."""
    share = 0.1 if steps < 200 or task_name in WITH_BETA else 0.05 if steps < 1000 else 0.03
    return (
        share,
        f"about {max(1, math.ceil(share * steps))} of {steps:,} steps, until the optimizer's averages mean something",
    )


def weight_decay(technique_name: str) -> Rule:
    """None on adapters."""
    if technique_name == "full":
        return 0.01, "keeps weights that are not needed small"
    return 0.0, "an adapter starts at zero and is small anyway"


def max_grad_norm() -> Rule:
    """Clipping."""
    return 1.0, "a single strange batch cannot throw the model far"


def optimizer(hardware: HardwareFacts, technique_name: str) -> Rule:
    """AdamW, fused on GPUs."""
    if hardware.gpus:
        return "adamw_torch_fused", "one kernel for the whole update: faster, and no temporary copy of the weights"
    return "adamw_torch", "the plain form of the usual optimizer"


def precision(hardware: HardwareFacts) -> Rule:
    """What the device is good at."""
    if not hardware.gpus:
        return "fp32", "on a CPU 16-bit arithmetic is far slower than 32-bit"
    if hardware.bf16:
        return "bf16-mixed", "half the memory of fp32 with the same range, so nothing overflows"
    return "fp16-mixed", "this GPU has no bf16; fp16 with loss scaling"


def gradient_checkpointing(model: ModelFacts, hardware: HardwareFacts, technique_name: str) -> Rule:
    """Where activations would not fit; the fit engine knows better when it was asked."""
    if hardware.gpus and model.parameters > 1e9:
        return (
            True,
            "a model of this size fills a GPU with activations; recomputing them costs about a fifth of the speed",
        )
    return False, "the activations are small enough to keep"


def steps_total(data: DataFacts, values: Mapping[str, Any], hardware: HardwareFacts, group: int) -> int:
    """Optimizer steps that these settings give."""
    if values.get("train.max_steps"):
        return int(values["train.max_steps"])
    held_out = 0.0 if values.get("data.eval") else float(values.get("data.eval_fraction", 0.1))
    rows = data.rows * (1 - held_out) * group
    per_step = int(values["train.micro_batch"]) * int(values["train.accumulation"]) * max(1, hardware.gpus)
    passes = float(values["train.epochs"])
    return max(1, math.ceil(passes * math.ceil(rows / per_step)))


def eval_every(steps: int) -> Rule:
    """About ten looks."""
    every = max(1, math.ceil(steps / 10))
    return every, f"about ten looks at the held-out loss in {steps:,} steps"


def save_every(steps: int, eval_every_steps: int) -> Rule:
    """With each evaluation."""
    return (
        eval_every_steps,
        "with each evaluation, so that the best one is on the disk and a crash costs at most a tenth",
    )


def early_stopping(data: DataFacts, task_name: str) -> Rule:
    """Patience in evaluations."""
    if task_name in ONLINE:
        return None, "rewards of sampled answers go up and down; a person should decide"
    return 3, "three evaluations without a better held-out loss are no chance any more"


def keep_checkpoints() -> Rule:
    """Two and the best."""
    return 2, "the latest, the one before in case it is damaged, and the best"


def seed() -> Rule:
    """Any fixed number."""
    return 42, "fixed, so that the run can be repeated"


def gpus(hardware: HardwareFacts) -> Rule:
    """All that are there."""
    if hardware.gpus > 1:
        return hardware.gpus, f"all {hardware.gpus} GPUs share each batch"
    return 1, "one device"


def sharding(model: ModelFacts, hardware: HardwareFacts, technique_name: str) -> Rule:
    """Copies where they fit, parts where they do not."""
    if technique_name == "full" and hardware.memory_bytes and 16 * model.parameters > 0.8 * hardware.memory_bytes:
        return "fsdp", "weights, gradients and optimizer state do not fit on one GPU: each holds a part"
    return "ddp", "every GPU holds the model: the least talk between them"


def _width_of(parameters: int) -> int:
    """Hidden size of a usual model of so many parameters: parameters are about 12 layers x width^2 x depth/width."""
    return max(64, round(math.cbrt(parameters / 12 / 0.0085)))


def _rounded(rate: float) -> float:
    """Two significant digits."""
    return float(f"{rate:.1e}")
