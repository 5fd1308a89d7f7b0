"""The end of the model on a tape: final norm, output head, loss. A large vocabulary outweighs all the layers here."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.fit.recipe import Recipe
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.fit.tape import LOGITS, WEIGHT_COPY, Tape

TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""Logits that exist at a time when the loss is chunked: the tile of TRL's chunked log-probabilities, which is as wide
for a smaller vocabulary (trl/kernels/chunked_logprob.py, mm_buf)."""


class Head(NamedTuple):
    """The head's tape (its input are the last hidden states), and what it leaves behind."""

    tape: Tape
    gradient_bytes: int
    """Gradients of the head, kept for the optimizer (full fine-tuning; of a tied head, the embedding's)."""
    held_logits: int
    """Logits that the output object keeps alive through the whole backward pass."""


def head_tape(shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int) -> Head:
    """Write down the head on `tokens` tokens (of all rows together)."""
    wide = tokens * shape.hidden_size
    tape = Tape(wide * recipe.residual)
    normed = _final_norm(tape, shape, recipe, wide)
    if request.task == "reward":
        tape.op((normed,), tokens * recipe.compute, (normed,), trains=True)
        return Head(tape, 0, 0)
    trained = recipe.train_base or "lm_head" in request.modules_to_save
    matrix = shape.vocab_size * shape.embedding_width
    weight_bytes = (recipe.trained or recipe.adapter) if trained else 0
    gradient = matrix * weight_bytes
    logit = recipe.compute if recipe.autocast else recipe.frozen_other
    held = 0
    if request.loss == "chunked":
        chunks = _kept_chunks if request.loss_keeps_logits else _tiles
        chunks(tape, normed, shape, request, recipe, tokens, gradient)
    elif request.loss == "fused":
        _fused(tape, normed, shape, recipe, tokens, gradient, logit)
    elif shape.model_type == "gpt_bigcode" and request.transformers != "5":
        logits = _logits(tape, normed, shape, recipe, tokens, gradient, logit, keep=False)
        _shifted(tape, normed, logits, request, recipe, tokens * shape.vocab_size)
        held = tokens * shape.vocab_size * (4 if recipe.autocast else logit)
    else:
        logits = _logits(tape, normed, shape, recipe, tokens, gradient, logit, keep=request.logits_held)
        _whole(tape, normed, logits, request, tokens * shape.vocab_size, logit)
        held = tape.size(logits) if request.logits_held else 0
    return Head(tape, gradient, held)


def _final_norm(tape: Tape, shape: ModelShape, recipe: Recipe, wide: int) -> int:
    if recipe.fused_norm or shape.blocks[0].norm not in ("rms", "rms_wide"):
        return tape.op((0,), wide * recipe.norm_out, (0,), trains=recipe.train_base)
    up = 0 if recipe.residual == 4 else tape.op((0,), wide * 4)
    scaled = tape.op((up,), wide * 4, (up,))
    kept = scaled
    if shape.blocks[0].norm == "rms" and recipe.norm_out != 4:
        kept = tape.op((scaled,), wide * recipe.norm_out)
    return tape.op((kept,), wide * recipe.norm_out, (kept,) if recipe.train_base else (), trains=recipe.train_base)


def _logits(
    tape: Tape, normed: int, shape: ModelShape, recipe: Recipe, tokens: int, gradient: int, logit: int, keep: bool
) -> int:
    """The output matrix. Autocast makes a 16-bit copy of fp32 weights, and keeps it for the backward pass."""
    matrix = shape.vocab_size * shape.embedding_width
    source, copy = normed, 0
    kept: tuple[int, ...] = ()
    if recipe.autocast and recipe.norm_out != recipe.compute:
        source = tape.op((normed,), tokens * shape.hidden_size * recipe.compute)
    if recipe.autocast and recipe.frozen_other != recipe.compute:
        kept = (tape.constant(matrix * recipe.compute, WEIGHT_COPY),)
        copy = matrix * recipe.compute if gradient else 0
    if gradient:
        kept = (*kept, source)
    size = tokens * shape.vocab_size * logit
    logits = tape.op(
        (source,), size, kept, save_output=keep, kind=LOGITS, grad_bytes=gradient, grad_copy=copy, holds=(normed,)
    )
    if shape.softcap:
        capped = tape.op((logits,), size, save_output=True, kind=LOGITS)
        logits = tape.op((capped,), size, kind=LOGITS)
    return logits


def _whole(tape: Tape, normed: int, logits: int, request: FitRequest, elements: int, logit: int) -> None:
    """The loss over all logits at once: an fp32 copy, its log-softmax, then two gradients in fp32. Python holds on to
    the hidden states and to every form of the logits until the loss is there."""
    wide = logits if logit == 4 else tape.op((logits,), elements * 4, kind=LOGITS)
    held = (normed, logits, wide)
    last = wide
    if request.transformers != "5":
        last = tape.op((wide,), elements * 4, kind=LOGITS)
    if request.transformers == "4.45":
        held = (normed, wide, wide)
    if request.loss == "inplace":
        # The kernel writes the gradient over what it was given: the memory that is freed here is taken again there.
        tape.op((last,), 4, kind=LOGITS, holds=held)
        return
    soft = tape.op((last,), elements * 4, save_output=True, kind=LOGITS, holds=held)
    tape.op((soft,), 4, kind=LOGITS, holds=(*held, last))


def _shifted(tape: Tape, normed: int, logits: int, request: FitRequest, recipe: Recipe, elements: int) -> None:
    """The loss that GPT-BigCode computed itself before transformers 5: a copy that is shifted, and widened by autocast
    alone. Its measured runs have the logits beside it until the backward pass is over, in fp32 where accelerate
    returns them so."""
    output = tape.constant(elements * (4 if recipe.autocast else tape.size(logits) // elements), LOGITS)
    shifted = tape.op((logits,), tape.size(logits), kind=LOGITS)
    wide = tape.op((shifted,), elements * 4, kind=LOGITS) if recipe.autocast else shifted
    held = (normed, logits, shifted, wide)
    if request.loss == "inplace":
        tape.op((wide,), 4, (output,), kind=LOGITS, holds=held)
        return
    soft = tape.op((wide,), tape.size(wide), save_output=True, kind=LOGITS, holds=held)
    tape.op((soft,), 4, (output,), kind=LOGITS, holds=held)


def _kept_chunks(
    tape: Tape, normed: int, shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int, gradient: int
) -> None:
    """torchtune, litgpt: every chunk of logits stays until its own backward, and so does its log-softmax unless the
    loss is compiled; gradients exist for one chunk of eight at a time."""
    size = tokens * shape.vocab_size * recipe.compute
    kept = (normed, tape.constant(size, LOGITS), tape.constant(0 if request.compiled else size, LOGITS))
    tape.op(
        (normed,),
        4,
        kept,
        kind=LOGITS,
        workspace=size // 4,
        workspace_kind=LOGITS,
        grad_bytes=gradient,
        holds=(normed,),
    )


def _tiles(
    tape: Tape, normed: int, shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int, gradient: int
) -> None:
    """A tile of logits at a time, made again in the backward pass; hidden states get their gradient in fp32. What the
    backward pass works with is alive until its results are in their own dtypes."""
    wide = tokens * shape.hidden_size
    tile = min(tokens, TILE_TOKENS) * TILE_VOCABULARY * recipe.compute
    if recipe.frozen_other != recipe.compute:
        # The part of the matrix that makes the tile, in the dtype of the arithmetic.
        tile += min(shape.vocab_size, TILE_VOCABULARY) * shape.embedding_width * recipe.compute
    compact = tape.op((normed,), wide * recipe.norm_out)
    narrowed = gradient > 0 and recipe.trained == 2
    tape.op(
        (compact,),
        4,
        (compact,),
        kind=LOGITS,
        workspace=tile + wide * 4 + (gradient if narrowed else 0),
        forward_workspace=tile,
        workspace_kind=LOGITS,
        grad_bytes=gradient,
        # Summed in fp32, then narrowed.
        grad_copy=shape.vocab_size * shape.embedding_width * 4 if narrowed else 0,
        holds=(normed,),
    )


def _fused(tape: Tape, normed: int, shape: ModelShape, recipe: Recipe, tokens: int, gradient: int, logit: int) -> None:
    """Liger: chunks of about hidden_size x tokens / vocabulary rows; the gradient is made in the forward pass."""
    chunks = -(-shape.vocab_size // shape.hidden_size)
    rows = 1 << max(0, (-(-tokens // chunks) - 1).bit_length())
    chunk = min(rows, tokens) * shape.vocab_size * logit
    weight = tape.constant(gradient, WEIGHT_COPY)
    saved = (weight,) if gradient else ()
    made = tape.op(
        (normed,), tokens * shape.hidden_size * recipe.compute, saved, save_output=True,
        forward_workspace=2 * chunk, workspace_kind=LOGITS,
    )  # fmt: skip
    tape.op((made,), 4, kind=LOGITS, grad_bytes=0)
