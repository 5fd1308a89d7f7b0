"""The rules for data, technique and evaluation: facts in, (value, reason) out. Each says what it rests on.

Sources: QLoRA (Dettmers 2023) and LoRA Without Regret (Schulman 2025) for adapters; DPO (Rafailov 2023), KTO
(Ethayarajh 2024) and ORPO (Hong 2024) for beta. The training loop's numbers are in defaults_training.py.
"""

from __future__ import annotations

import math
from typing import Any

from ftui.core.defaults_facts import DataFacts, HardwareFacts, ModelFacts
from ftui.core.text import plural

Rule = tuple[Any, str]
"""(value, reason)."""

ONLINE = ("grpo", "rloo")
PREFERENCE = ("dpo", "kto", "orpo")
WITH_BETA = (*PREFERENCE, *ONLINE)
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


TEXT_TOKENS_MAX = 2048
"""Pieces of whole texts: long enough to learn from, short enough that memory is not spent on one document."""


def max_length(model: ModelFacts, data: DataFacts, task_name: str) -> Rule:
    """The rows' own 99th percentile, rounded up; the longest row where that costs little more."""
    if data.p99_tokens is None:
        return 1024, "the rows' lengths are not known yet"
    longest = data.longest_tokens or data.p99_tokens
    wanted = longest if longest <= 1.25 * data.p99_tokens else data.p99_tokens
    rounded = max(64, 64 * math.ceil(wanted / 64))
    if task_name == "text" and rounded > TEXT_TOKENS_MAX:
        shorter = min(TEXT_TOKENS_MAX, model.window_tokens or TEXT_TOKENS_MAX)
        return shorter, "longer texts are trained in pieces of at most this length; nothing of them is lost"
    words = "the longest row" if wanted == longest else "99 % of rows"
    reason = f"{words} ({wanted:,} tokens) fits, rounded up to a multiple of 64"
    if model.window_tokens and rounded > model.window_tokens:
        return model.window_tokens, f"the model was made for at most {model.window_tokens:,} tokens"
    return rounded, reason


def overlong(task_name: str) -> Rule:
    """Answers are what is learned, so they are never cut; texts are cut into pieces."""
    if task_name == "text":
        return "truncate_prompt", "a longer text is trained in pieces, one after the other; nothing of it is lost"
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


SMALL_PARAMETERS = 500_000_000
"""Below this a model forgets so much of one narrow task that the usual share of general rows does not hold it."""


def replay(model: ModelFacts) -> Rule:
    """General rows in the mix: 5 to 20 % are usual.

    On the tiny model that ships with ftui the loss on general text rose by 63 % without, by 33 % with 5 % and by 15 %
    with 20 % of them (420 tickets, the proposed plan otherwise).
    """
    if model.parameters < SMALL_PARAMETERS:
        return 0.2, "one general row in five: a small model forgets most, and 5 to 20 % of general rows are usual"
    return 0.05, "one general row in twenty keeps what the model knew"
