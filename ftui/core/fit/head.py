"""The end of the model: final norm, output head and loss. With a large vocabulary it takes more than all the layers."""

from __future__ import annotations

from dataclasses import dataclass

from ftui.core.fit.recipe import Recipe
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape

TILE_TOKENS, TILE_VOCABULARY = 4096, 32768
"""Logits that exist at a time when the loss is chunked: the tile of TRL's chunked log-probabilities."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes of one moment of the head, beside the model and the layers' activations."""

    hidden: int
    """Hidden states and what the final norm keeps of them."""
    logits: int
    """Everything that grows with tokens x vocabulary."""
    weight_copies: int
    gradients: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.hidden + self.logits + self.weight_copies + self.gradients


@dataclass(frozen=True, slots=True)
class Head:
    """The two moments of the head that can be the peak, and what it leaves behind."""

    forward: Moment
    backward: Moment
    gradient_bytes: int
    """Gradients of the head, kept for the optimizer (full fine-tuning; of a tied head, the embedding's)."""
    held_logits: int
    """Logits that the output object keeps alive through the whole backward pass."""


def play_head(shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int) -> Head:
    """Count the head on `tokens` tokens (of all rows together)."""
    wide = tokens * shape.hidden_size
    # What the norm keeps: its input in fp32 (or as it is, in a fused kernel), and when trained its normalised form.
    kept = wide * (recipe.residual if recipe.fused_norm or shape.blocks[0].norm != "rms" else 4)
    if recipe.train_base and not recipe.fused_norm:
        kept += wide * recipe.norm_out
    out = wide * recipe.norm_out
    logit = recipe.compute if recipe.autocast else recipe.frozen_other
    matrix = shape.vocab_size * shape.embedding_width
    # Autocast makes a 16-bit copy of an fp32 head, and keeps it for the backward pass.
    copy = matrix * recipe.compute if recipe.autocast and recipe.frozen_other != recipe.compute else 0
    source = wide * recipe.compute if recipe.autocast and recipe.norm_out != recipe.compute else 0
    trained = recipe.train_base or "lm_head" in request.modules_to_save
    weight = (recipe.trained or recipe.adapter) if trained else 0
    grad_bytes = matrix * weight
    moments = {"full": _full, "inplace": _inplace, "chunked": _chunked, "fused": _fused}[request.loss]
    forward, backward, held, extra_grad = moments(shape, request, recipe, tokens, logit)
    saved_input = (source or out) if trained else 0
    grad = (grad_bytes + matrix * extra_grad) if trained else 0
    return Head(
        forward=Moment(kept + out + source, forward, copy, grad if request.loss == "fused" else 0),
        backward=Moment(kept + saved_input, backward, copy, grad if request.loss in ("fused", "chunked") else 0),
        gradient_bytes=grad_bytes,
        held_logits=held,
    )


_Result = tuple[int, int, int, int]
"""Bytes of logits in the forward and in the backward pass, of logits held on, and bytes per head weight of a second
gradient that exists for a moment."""


def _full(shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int, logit: int) -> _Result:
    """Logits, an fp32 copy, its log-softmax; then two gradients in fp32 beside the log-softmax."""
    n = tokens * shape.vocab_size
    wide = 0 if logit == 4 else 4
    forward = logit + wide + 4
    if request.transformers == "4.48":
        forward += 4
    elif request.transformers == "4.45":
        forward += 4 - (logit if wide else 0)
    held = logit if request.logits_held else 0
    backward = held + 12
    capped = logit if shape.softcap else 0
    return n * (forward + capped), n * (backward + capped), n * held, 0


def _inplace(shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int, logit: int) -> _Result:
    """A kernel that writes the gradient over the fp32 logits that it is given."""
    n = tokens * shape.vocab_size
    wide = 0 if logit == 4 else 4
    forward = logit + wide
    if request.transformers == "4.48":
        forward += 4
    elif request.transformers == "4.45":
        forward += 4 - (logit if wide else 0)
    held = logit if request.logits_held else 0
    return n * forward, n * (held + 4 + logit), n * held, 0


def _chunked(shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int, logit: int) -> _Result:
    """A tile of logits at a time, made again in the backward pass; hidden states get their gradient in fp32."""
    if request.loss_keeps_logits:
        # torchtune, litgpt: every chunk of logits stays, with its log-softmax, until its own backward. Compiled, the
        # log-softmax is not kept, and each chunk is let go as its gradient is done.
        n = tokens * shape.vocab_size * logit
        return (n, n + n // 4, 0, 0) if request.compiled else (2 * n, 2 * n + n // 4, 0, 0)
    tile = min(tokens, TILE_TOKENS) * min(shape.vocab_size, TILE_VOCABULARY) * recipe.compute
    wide = tokens * shape.hidden_size
    compact = wide * recipe.norm_out
    return tile + compact, tile + compact + wide * (4 + recipe.norm_out), 0, 4


def _fused(shape: ModelShape, request: FitRequest, recipe: Recipe, tokens: int, logit: int) -> _Result:
    """Liger: chunks of about hidden_size x tokens / vocabulary rows; the gradient is made in the forward pass."""
    hidden = shape.hidden_size
    chunks = -(-shape.vocab_size // hidden)
    rows = 1 << max(0, (-(-tokens // chunks) - 1).bit_length())
    chunk = min(rows, tokens) * shape.vocab_size * logit
    grad_input = tokens * hidden * recipe.compute
    return grad_input + 2 * chunk, grad_input, 0, 0
