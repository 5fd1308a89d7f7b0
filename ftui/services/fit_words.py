"""A fit answer in words and in pieces to draw: the same for the page and for the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftui.core.text import gib, safe

if TYPE_CHECKING:
    from ftui.core.fit.request import FitRequest
    from ftui.core.fit.shapes import ModelShape
    from ftui.services.fit_predict import FitAnswer

METHODS = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
SHOWN_PARTS = 4


def recipe_words(request: FitRequest) -> str:
    """A recipe in one line."""
    rows = "row" if request.micro_batch == 1 else "rows"
    parts = [
        METHODS[request.method],
        *([request.task.upper()] if request.task != "sft" else []),
        *([request.quant] if request.quant != "none" else []),
        request.precision,
        f"{request.seq_len:,} tokens x {request.micro_batch} {rows}",
        f"checkpointing {'on' if request.grad_checkpointing else 'off'}",
        f"{request.loss} loss",
        request.optimizer,
    ]
    if request.method != "full":
        parts.append(f"rank {request.lora_rank} on {', '.join(request.lora_targets)}")
    if request.gpus > 1:
        parts.append(f"{request.gpus} GPUs ({request.sharding})")
    return safe(", ".join(parts))


def parameter_words(count: int) -> str:
    """A number of parameters as people say it: "8.19 B", "494 M", "2.3 M"."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} B"
    return f"{count / 1e6:.0f} M" if count >= 1e7 else f"{count / 1e6:.1f} M"


def parts_of(answer: FitAnswer) -> list[tuple[str, int]]:
    """(words, bytes) of the expected memory, largest first; what the allocator and CUDA add comes last."""
    from ftui.core.fit.device import COMPONENT_WORDS

    ranked = sorted(answer.memory.components.items(), key=lambda item: -item[1])
    rest = sum(size for _, size in ranked[SHOWN_PARTS:])
    outside = answer.band.expected - answer.memory.allocated_bytes - answer.band.context_bytes
    parts = [(COMPONENT_WORDS.get(name, name.replace("_", " ")), size) for name, size in ranked[:SHOWN_PARTS]]
    parts += [("the rest", rest), ("kept back by the allocator", outside)]
    parts.append(("libraries" if answer.target.is_cpu else "CUDA itself", answer.band.context_bytes))
    return [(words, size) for words, size in parts if size > 0]


def segments(answer: FitAnswer, cells: int) -> tuple[list[int], int]:
    """The bar of `parts_of` in whole cells: the width of each part, and the cell at which the free memory ends."""
    parts = parts_of(answer)
    free = answer.target.free_bytes
    scale = max(sum(size for _, size in parts), free, 1) / cells
    widths, position, drawn = [], 0.0, 0
    for _, size in parts:
        position += size / scale
        widths.append(min(cells, round(position)) - drawn)
        drawn += widths[-1]
    return widths, min(cells, max(0, round(free / scale)))


def weights_alone(shape: ModelShape, free_bytes: int) -> str:
    """What the weights take before anything is trained: answers most claims about cards and models."""
    bf16 = 2 * shape.total_params
    # NF4 with double quantisation: half a byte, one byte per 64, four per 64 x 256 (QLoRA, arXiv 2305.14314).
    quantised = shape.linear_params
    nf4 = int(quantised * (0.5 + 1 / 64 + 4 / (64 * 256))) + 2 * (shape.total_params - quantised)
    verdict = "neither fits" if nf4 > free_bytes else "only 4 bit fits" if bf16 > free_bytes else "both fit"
    return f"weights alone: {gib(bf16)} in 16 bit, {gib(nf4)} in 4 bit: {verdict} into {gib(free_bytes)}"
