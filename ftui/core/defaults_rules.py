"""The rules behind core/defaults.py: facts in, (value, reason) out. Each says what it rests on.

Sources: QLoRA (Dettmers 2023) and LoRA Without Regret (Schulman 2025) for adapters; the Tinker cookbook's
hyperparam_utils for how the learning rate falls with the width of a model; TRL 1.16's defaults for preference and
online training; KTO (Ethayarajh 2024) and DPO (Rafailov 2023) for beta.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ftui.core.defaults_facts import DataFacts, HardwareFacts, ModelFacts
from ftui.core.text import plural

Rule = tuple[Any, str]
"""(value, reason)."""

ONLINE = ("grpo", "rloo")
PREFERENCE = ("dpo", "kto", "orpo")
WITH_BETA = (*PREFERENCE, *ONLINE)
SFT_BASE_RATE = 5e-5
"""Full fine-tuning of a model 2000 wide; the Tinker cookbook's fit over models of 1B to 70B."""
WIDTH_EXPONENT = 0.781
LORA_FACTOR = 10.0
"""LoRA takes about ten times the rate of full fine-tuning, over all sizes and ranks (LoRA Without Regret)."""
_TASK_FACTORS = {"text": 0.5, "reward": 0.33, "orpo": 0.1, "dpo": 0.025, "kto": 0.025, "grpo": 0.025, "rloo": 0.025}
_BETAS = {
    "dpo": (0.1, "the DPO paper's value; lower lets the model move further from the reference"),
    "kto": (0.1, "the KTO paper's value; lower lets the model move further from the reference"),
    "orpo": (0.1, "the ORPO paper's weight of the odds-ratio term"),
    "grpo": (0.0, "no reference model: newer GRPO recipes drop the KL term, which also saves its memory"),
    "rloo": (0.05, "TRL's default weight of the distance from the reference"),
}


def task(data: DataFacts) -> Rule:
    """What rows of this kind can train."""
    by_kind = {
        "chat": ("sft", "the rows are conversations with the wanted answers"),
        "completion": ("sft", "the rows are prompts with the wanted completions"),
        "text": ("text", "the rows are plain text: continued pretraining"),
        "preference": ("dpo", "the rows are pairs of a better and a worse answer"),
        "kto": ("kto", "the rows are single answers that were liked or not"),
        "prompt": ("grpo", "the rows are prompts without answers: the model's own answers are rewarded"),
    }
    return by_kind.get(data.kind, ("sft", "examples of the wanted answer"))


def technique(model: ModelFacts, hardware: HardwareFacts) -> Rule:
    """LoRA, or QLoRA where sixteen-bit weights would fill most of the memory."""
    weights_bytes = 2 * model.parameters
    if hardware.gpus and hardware.memory_bytes and weights_bytes > 0.6 * hardware.memory_bytes:
        return "qlora", "in 16 bit the weights alone would fill most of the GPU; 4-bit weights need about a quarter"
    return (
        "lora",
        "trains about a hundredth of the weights, matches full fine-tuning on data of this size, and can be undone",
    )


def max_length(model: ModelFacts, data: DataFacts, task_name: str) -> Rule:
    """The rows' own 99th percentile, rounded up; the longest row where that costs little more."""
    if data.p99_tokens is None:
        return 1024, "the rows' lengths are not known yet"
    longest = data.longest_tokens or data.p99_tokens
    wanted = longest if longest <= 1.25 * data.p99_tokens else data.p99_tokens
    rounded = max(64, 64 * math.ceil(wanted / 64))
    words = "the longest row" if wanted == longest else "99 % of rows"
    reason = f"{words} ({wanted:,} tokens) fits, rounded up to a multiple of 64"
    if model.window_tokens and rounded > model.window_tokens:
        return model.window_tokens, f"the model was made for at most {model.window_tokens:,} tokens"
    return rounded, reason


def overlong() -> Rule:
    """Answers are what is learned, so they are never cut."""
    return "truncate_prompt", "a longer row loses the beginning of its prompt, never its answer"


def train_on(task_name: str) -> Rule:
    """The answers, except for plain text."""
    if task_name == "text":
        return "all", "plain text is learned whole"
    return "assistant", "the loss counts the answers only: the model learns to answer, not to ask"


def lora_rank(data: DataFacts, task_name: str) -> Rule:
    """Adapter capacity by what there is to store."""
    if task_name in ONLINE:
        return 8, "rewards carry little information per row: a small adapter holds it"
    if task_name == "text":
        return 64, "new knowledge takes more room than a new manner"
    steps = ((500, 8), (5_000, 16), (50_000, 32))
    rank = next((rank for limit, rank in steps if data.rows < limit), 64)
    return rank, f"{plural(data.rows, 'row')}: a rank of {rank} holds what they teach without room to memorise them"


def lora_alpha(rank: int) -> Rule:
    """Twice the rank."""
    return 2 * rank, "twice the rank, so that the learning rate keeps its meaning when the rank changes"


def lora_dropout(data: DataFacts, task_name: str) -> Rule:
    """A little where rows are few."""
    if task_name in ("sft", "text") and data.rows < 2_000:
        return 0.05, f"{plural(data.rows, 'row')} are soon learned by heart; a little noise works against it"
    return 0.0, "with this many rows dropout only slows the training down"


def lora_targets() -> Rule:
    """All linear layers."""
    return [
        "all-linear"
    ], "adapters on every linear layer learn as well as full fine-tuning; on attention alone they do not"


def quant() -> Rule:
    """NF4 with double quantisation."""
    return (
        "nf4-dq",
        "four-bit NormalFloat with double quantisation: 0.52 bytes a weight, no loss seen in the QLoRA paper",
    )


def beta(task_name: str) -> Rule:
    """How far the model may move."""
    return _BETAS[task_name]


def generations(hardware: HardwareFacts) -> Rule:
    """Answers per prompt that are compared."""
    if hardware.gpus:
        return 8, "eight answers a prompt give a steady comparison; more cost time in proportion"
    return 4, "four answers a prompt: generation is slow on a CPU"


def completion_tokens(data: DataFacts) -> Rule:
    """Room for an answer."""
    if data.answer_p99_tokens:
        room = 16 * math.ceil(1.25 * data.answer_p99_tokens / 16)
        return (
            room,
            f"answers in the data have up to {data.answer_p99_tokens:,} tokens; a quarter more is room to finish",
        )
    return 128, "how long answers are is not known; raise it if they are cut off"


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


def packing(data: DataFacts, hardware: HardwareFacts, task_name: str) -> Rule:
    """Where lengths vary and the attention kernel can keep rows apart."""
    if task_name not in ("sft", "text"):
        return False, "pairs and prompts are not packed"
    if not hardware.flash:
        return False, "without flash attention packed rows cost the full square of their common length"
    if data.p50_tokens and data.p99_tokens and data.p50_tokens < 0.5 * data.p99_tokens:
        return True, "lengths vary a lot: packing saves the padding, and flash attention keeps rows apart"
    return False, "the rows are of like length: there is little padding to save"


def group_by_length(data: DataFacts, hardware: HardwareFacts, task_name: str, packed: bool) -> Rule:
    """Random order first."""
    return False, "rows in random order; grouping saves padding but makes neighbouring batches alike"


def steps_total(data: DataFacts, values: Mapping[str, Any], hardware: HardwareFacts, group: int) -> int:
    """Optimizer steps that these settings give."""
    if values.get("train.max_steps"):
        return int(values["train.max_steps"])
    held_out = 0.0 if values.get("data.eval") else float(values.get("data.eval_fraction", 0.1))
    rows = data.rows * (1 - held_out) * group
    per_step = values["train.micro_batch"] * values["train.accumulation"] * max(1, hardware.gpus)
    return max(1, math.ceil(float(values["train.epochs"]) * math.ceil(rows / per_step)))


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


def eval_tokens(data: DataFacts) -> Rule:
    """Room for an answer in evaluations."""
    if data.answer_p99_tokens:
        room = max(32, 16 * math.ceil(1.5 * data.answer_p99_tokens / 16))
        return room, f"half again as long as the answers in the data ({data.answer_p99_tokens:,} tokens)"
    return 256, "how long answers are is not known"


def eval_rows(hardware: HardwareFacts) -> Rule:
    """Prompts that base and tuned answer."""
    if hardware.gpus:
        return 128, "enough answers for a narrow interval, minutes on a GPU"
    return 40, "each answer takes seconds on a CPU"


def replay(technique_name: str) -> Rule:
    """General rows in the mix."""
    return 0.05, "one general row in twenty keeps what the model knew"


def _width_of(parameters: int) -> int:
    """Hidden size of a usual model of so many parameters: parameters are about 12 layers x width^2 x depth/width."""
    return max(64, round((parameters / 12 / 0.0085) ** (1 / 3)))


def _rounded(rate: float) -> float:
    """Two significant digits."""
    return float(f"{rate:.1e}")
