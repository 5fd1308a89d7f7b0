"""Why a recommendation is what it is: each choice with its reason and the source of the reason."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.report import Candidate, Choice
from ftui.core.fit.shapes import ModelShape
from ftui.core.text import gib

SMALL_DATA_ROWS, SMALL_DATA_TOKENS = 10_000, 10_000_000
EFFECTIVE_BATCH = 16
LORA_SOURCE = "Biderman et al. 2024, LoRA Learns Less and Forgets Less, arXiv 2405.09673"
QLORA_SOURCE = "Dettmers et al. 2023, QLoRA, arXiv 2305.14314"
CHECKPOINT_SOURCE = "Chen et al. 2016, arXiv 1604.06174"


class DataFacts(NamedTuple):
    """What is known of the training data; None where it is not."""

    rows: int | None = None
    tokens: int | None = None
    longest_tokens: int | None = None
    p95_tokens: int | None = None
    keep_general_ability: bool = False
    """Whether forgetting what the base model can do would hurt."""

    @property
    def argues_against_full(self) -> bool:
        """Little data, or general ability to keep: LoRA forgets less, and learns as much from little."""
        few_rows = self.rows is not None and self.rows < SMALL_DATA_ROWS
        few_tokens = self.tokens is not None and self.tokens < SMALL_DATA_TOKENS
        return self.keep_general_ability or few_rows or few_tokens


def explain(
    best: Candidate, shape: ModelShape, gpu: Gpu, data: DataFacts, rejected: list[Candidate]
) -> tuple[Choice, ...]:
    """Give one choice per decision, most important first."""
    request = best.request
    choices = [
        _method(best, data, rejected),
        _precision(best, gpu),
        Choice("length", f"{request.seq_len} tokens", _length_reason(best, shape, data)),
        Choice(
            "micro_batch",
            str(request.micro_batch),
            "the smallest that comes within 3 % of the fastest that fits"
            if best.speed
            else "fits with room for scattered memory",
        ),
        Choice(
            "accumulation",
            str(max(1, EFFECTIVE_BATCH // (request.micro_batch * request.gpus))),
            f"an effective batch of about {EFFECTIVE_BATCH} rows; costs no memory with adapters",
        ),
        Choice(
            "grad_checkpointing",
            "on" if request.grad_checkpointing else "off",
            "keeps one tensor per layer and runs layers twice: a third slower"
            if request.grad_checkpointing
            else "all activations fit, so nothing is computed twice",
            CHECKPOINT_SOURCE,
        ),
        Choice(
            "loss",
            request.loss,
            f"{shape.vocab_size:,} tokens in the vocabulary: whole logits would take more than they save in time"
            if request.loss == "chunked"
            else "whole logits fit",
        ),
    ]
    if request.method == "full":
        choices.append(Choice("optimizer", request.optimizer, _optimizer_reason(best)))
    else:
        choices.append(
            Choice(
                "lora",
                f"rank {request.lora_rank}, {', '.join(request.lora_targets)}",
                "adapters on all matrices matter more than their rank; memory hardly depends on it",
                QLORA_SOURCE,
            )
        )
    return tuple(choices)


def _method(best: Candidate, data: DataFacts, rejected: list[Candidate]) -> Choice:
    method = best.request.method
    if method == "full":
        return Choice("method", "full", "it fits, and nothing is approximated", LORA_SOURCE)
    tried = {candidate.request.method: candidate for candidate in rejected}
    if method == "lora":
        if data.argues_against_full:
            why = "general ability is to be kept" if data.keep_general_ability else "little data"
            return Choice("method", "lora", f"{why}: LoRA learns as much from it and forgets less", LORA_SOURCE)
        return Choice("method", "lora", f"full fine-tuning does not fit: {_needs(tried.get('full'))}", LORA_SOURCE)
    return Choice("method", "qlora", f"LoRA on 16-bit weights does not fit: {_needs(tried.get('lora'))}", QLORA_SOURCE)


def _needs(candidate: Candidate | None) -> str:
    return f"it needs at least {gib(candidate.band.low)}" if candidate else "too little memory is free"


def _precision(best: Candidate, gpu: Gpu) -> Choice:
    precision = best.request.precision
    if precision == "bf16":
        return Choice(
            "precision", precision, "weights in bf16 too, since fp32 copies do not fit: small updates are lost"
        )
    if precision.startswith("bf16"):
        return Choice("precision", precision, f"{gpu.name} computes in bf16: the range of fp32, no loss scaling")
    return Choice("precision", precision, f"{gpu.name} has no bf16")


def _length_reason(best: Candidate, shape: ModelShape, data: DataFacts) -> str:
    if data.longest_tokens is not None:
        return f"your longest row has {data.longest_tokens} tokens"
    if data.p95_tokens is not None:
        return f"95 % of your rows have at most {data.p95_tokens} tokens"
    if shape.max_positions is not None and best.request.seq_len == shape.max_positions:
        return "as long as the model was made for"
    return "nothing is known of your rows; shorter rows need less"


def _optimizer_reason(best: Candidate) -> str:
    if best.request.optimizer == "adamw_8bit":
        return "moments in 8 bit save 6 bytes per weight; fp32 moments do not fit (arXiv 2110.02861)"
    return "fused: no temporary tensors in the optimizer step"


def runner_up_cost(best: Candidate, other: Candidate) -> str:
    """What the next best way of tuning gives up or gains against the best."""
    parts = []
    if best.speed and other.speed:
        ratio = other.speed.tokens_per_second / best.speed.tokens_per_second
        parts.append(f"{ratio:.1f} times the speed" if ratio >= 1 else f"{1 - ratio:.0%} slower")
    difference = other.band.expected - best.band.expected
    parts.append(f"{gib(abs(difference))} {'more' if difference > 0 else 'less'} memory")
    if other.request.method != best.request.method:
        parts.append(f"{other.request.method} instead of {best.request.method}")
    elif other.request.optimizer != best.request.optimizer:
        parts.append(f"{other.request.optimizer} instead of {best.request.optimizer}")
    elif other.request.precision != best.request.precision:
        parts.append(f"{other.request.precision} instead of {best.request.precision}")
    if other.verdict.answer == "tight":
        parts.append("and tight")
    return ", ".join(parts)
