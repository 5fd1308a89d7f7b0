"""Full fine-tuning, LoRA or QLoRA: when each is right."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.decide.answers import Answers
from ftui.core.decide.facts import GOOD_EXAMPLES

MANY_EXAMPLES = 5_000
"""Above the range in which LoRA is known to equal full fine-tuning on instruction data."""
BROAD_EXAMPLES = 10_000
"""From here on a broad skill (a language) gains from training all weights."""


class Method(NamedTuple):
    """One way to change a model's weights. Memory figures are for the weights and what training adds per weight;
    activations come on top, and `ftui fit` works out the real sum."""

    name: str
    title: str
    what: str
    right_when: str
    wrong_when: str
    memory: str
    source: str


METHODS: tuple[Method, ...] = (
    Method(
        "lora",
        "LoRA",
        "Freezes the model and trains two thin matrices beside each weight matrix: W' = W + BA, rank 8 to 64, under "
        "1 % to a few % of the weights.",
        "50 to some thousands of examples, one task or voice, one GPU: the usual case.",
        "The model must learn something broad, such as a language, from tens of thousands of rows.",
        "about 2 bytes a weight for the frozen model in 16 bits, little more for the adapter",
        "Hu et al. 2021, arXiv:2106.09685",
    ),
    Method(
        "qlora",
        "QLoRA",
        "LoRA over a model whose frozen weights are kept in 4 bits.",
        "The model in 16 bits does not fit on the GPU. Quality stays close to LoRA's, each step takes longer.",
        "The 16-bit model fits: then LoRA is faster and simpler to merge.",
        "about 0.6 bytes a weight for the frozen model, little more for the adapter",
        "Dettmers et al. 2023, arXiv:2305.14314",
    ),
    Method(
        "full",
        "Full fine-tuning",
        "Trains every weight.",
        "10,000 and more good rows and a broad change, memory in plenty, and LoRA measurably short of the goal.",
        "Little data (it overfits and forgets most) or one small GPU.",
        "about 16 bytes a weight with AdamW in mixed precision: weights, gradients, two moments, master copy",
        "Biderman et al. 2024, LoRA learns less and forgets less, arXiv:2405.09673; "
        "Rajbhandari et al. 2019, ZeRO, arXiv:1910.02054",
    ),
)


class MethodAdvice(NamedTuple):
    """Which method to start with. rank is the LoRA rank, 0 for full fine-tuning."""

    name: str
    rank: int
    reason: str


def recommend_method(answers: Answers) -> MethodAdvice:
    """The method to start with, by amount of data and breadth of the change; the GPU decides LoRA or QLoRA."""
    rows = max(answers.examples or 0, answers.preference_pairs or 0)
    if "language" in answers.needs and rows >= BROAD_EXAMPLES and answers.example_quality != "raw":
        return MethodAdvice(
            "full",
            0,
            f"A language is a broad change and {rows:,} rows can carry it: train all weights if `ftui fit` says that "
            "they fit, with a low learning rate and a share of general data; otherwise LoRA with rank 64.",
        )
    rank, why = (
        (8, "few rows, so few weights to fit them with")
        if 0 < rows < GOOD_EXAMPLES
        else (16, "the usual start for one task")
        if rows < MANY_EXAMPLES
        else (64, "enough rows to fill a larger adapter")
    )
    return MethodAdvice(
        "lora",
        rank,
        f"LoRA with rank {rank}: {why}. It forgets least of what the model knew. Take the smallest model that comes "
        "near on the evaluation set; if `ftui fit` says that it does not fit in 16 bits, QLoRA is the same in 4 bits.",
    )
