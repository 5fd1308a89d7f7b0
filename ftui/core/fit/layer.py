"""One transformer layer as operations on a tape: which tensors autograd keeps, and how wide it gets at its widest."""

from __future__ import annotations

from ftui.core.fit.attention import attend
from ftui.core.fit.feedforward import feed_forward
from ftui.core.fit.parts import Batch, Parts
from ftui.core.fit.recipe import Recipe
from ftui.core.fit.shapes import Block
from ftui.core.fit.tape import Tape


def layer_tape(block: Block, hidden: int, batch: Batch, recipe: Recipe) -> Tape:
    """Write down one layer. `hidden` in elements per token."""
    parts = Parts(block, hidden, batch, recipe)
    x, stream = 0, recipe.stream
    if block.norms_after:
        x = parts.add(x, parts.norm(attend(parts, x), stream))
        parts.add(x, parts.norm(feed_forward(parts, x), stream))
        return parts.tape
    sandwich = block.norms == 4
    normed = parts.norm(x, recipe.residual)
    attended = parts.dropped(attend(parts, normed))
    if sandwich:
        attended = parts.norm(attended, stream)
    if block.parallel:
        again = normed if block.norms == 1 else parts.norm(x, recipe.residual)
        parts.add(x, parts.add(attended, feed_forward(parts, again)))
        return parts.tape
    x = parts.add(x, attended)
    out = parts.dropped(feed_forward(parts, parts.norm(x, recipe.residual)))
    if sandwich:
        out = parts.norm(out, stream)
    parts.add(x, out)
    return parts.tape
