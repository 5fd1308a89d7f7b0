"""The elementary parts of a transformer layer on a tape: casts, norms, linear layers with quantisation and LoRA.

They follow transformers (RMSNorm in fp32), PEFT's LoRA layers and bitsandbytes' 4-bit layers, operation by operation.
"""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.fit.recipe import Recipe
from ftui.core.fit.shapes import Block, Linear
from ftui.core.fit.tape import WEIGHT_COPY, Tape


class Batch(NamedTuple):
    """What passes through a layer at once."""

    rows: int
    tokens: int
    """Tokens of one row."""
    masked: bool = False
    """A mask of tokens x tokens is given to the attention (padding, or a sliding window that is shorter)."""

    @property
    def total(self) -> int:
        """Tokens of all rows."""
        return self.rows * self.tokens


class Parts:
    """A layer's tape, and what every operation on it needs to know: shapes, batch and number types."""

    def __init__(self, block: Block, hidden: int, batch: Batch, recipe: Recipe) -> None:
        self.block, self.hidden, self.batch, self.recipe = block, hidden, batch, recipe
        self.n = batch.total
        self.tape = Tape(self.n * hidden * recipe.residual)

    def linears(self, role: str) -> list[Linear]:
        """The layer's matrices of one role, in order."""
        return [linear for linear in self.block.linears if linear.role == role]

    def width(self, tensor: int, elements: int) -> int:
        """Bytes per element of a tensor of so many elements."""
        return self.tape.size(tensor) // elements

    def cast(self, tensor: int, elements: int, size: int) -> int:
        """`tensor.to(dtype)`: nothing happens when it already has that width."""
        if self.tape.size(tensor) == elements * size:
            return tensor
        return self.tape.op((tensor,), elements * size)

    def add(self, a: int, b: int) -> int:
        """The sum; the wider dtype wins."""
        return self.tape.op((a, b), max(self.tape.size(a), self.tape.size(b)), shares_grad=True)

    def dropped(self, x: int) -> int:
        """Dropout before the residual addition: a mask of one byte per element."""
        if not self.block.residual_dropout:
            return x
        mask = self.tape.constant(self.n * self.hidden)
        return self.tape.op((x,), self.tape.size(x), (mask,))

    def norm(self, x: int, out: int) -> int:
        """RMSNorm as transformers writes it (fp32 inside), LayerNorm, or a fused kernel. `out`: bytes of its dtype."""
        recipe, tape, elements = self.recipe, self.tape, self.n * self.hidden
        if self.block.norm == "none":
            # OLMo: a LayerNorm without weights, in fp32 and back.
            wide = self.cast(x, elements, 4)
            return self.cast(tape.op((wide,), elements * 4, (wide,)), elements, out)
        if self.block.norm == "layer":
            # Autocast runs layer_norm in fp32, and leaves its result in fp32.
            source = self.cast(x, elements, 4) if recipe.autocast else x
            return tape.op((source,), tape.size(source), (source,), trains=recipe.train_base)
        if recipe.fused_norm:
            return tape.op((x,), elements * recipe.norm_out, (x,), trains=recipe.train_base)
        wide = self.cast(x, elements, 4)
        square = tape.op((wide,), elements * 4, (wide,))
        scale = tape.op((square,), self.n * 4, save_output=True)
        scaled = tape.op((wide, scale), elements * 4, (wide, scale))
        if self.block.norm == "rms_wide":
            save = (scaled,) if recipe.train_base else ()
            return self.cast(tape.op((scaled,), elements * 4, save, trains=recipe.train_base), elements, out)
        narrow = self.cast(scaled, elements, out)
        save = (narrow,) if recipe.train_base else ()
        return tape.op((narrow,), elements * recipe.norm_out, save, trains=recipe.train_base)

    def linear(self, linear: Linear, x: int, tokens: int | None = None) -> int:
        """A weight matrix, quantised or not, with or without LoRA, on `tokens` (all of them if not given)."""
        n = self.n if tokens is None else tokens
        tape, recipe = self.tape, self.recipe
        if recipe.quantises(linear):
            out = self._quantised(linear, x, n)
            return self._lora(linear, x, out, n, keep=not recipe.autocast) if recipe.adapts(linear) else out
        source, copy_bytes, width = x, 0, self.width(x, n * linear.in_features)
        save: tuple[int, ...] = ()
        if recipe.autocast:
            source, width = self.cast(x, n * linear.in_features, recipe.compute), recipe.compute
            if recipe.weight != recipe.compute:
                save = (tape.constant(linear.weights * recipe.compute, WEIGHT_COPY),)
                copy_bytes = linear.weights * recipe.compute if recipe.train_base else 0
        if recipe.train_base:
            save = (*save, source)
        out = tape.op(
            (source,),
            n * linear.out_features * width,
            save,
            trains=recipe.train_base,
            grad_copy=copy_bytes,
            grad_bytes=linear.params * recipe.trained if recipe.train_base else 0,
        )
        return self._lora(linear, x, out, n, keep=recipe.adapter_casts) if recipe.adapts(linear) else out

    def _quantised(self, linear: Linear, x: int, n: int) -> int:
        """bitsandbytes: the weight exists in 16 bit while it is multiplied, forward and backward."""
        tape, recipe = self.tape, self.recipe
        source = self.cast(x, n * linear.in_features, recipe.compute)
        # Experts are dequantised one at a time.
        dequantised = linear.weights // linear.copies * recipe.dequantised
        out = tape.op(
            (source,),
            n * linear.out_features * recipe.compute,
            workspace=dequantised,
            forward_workspace=dequantised,
            workspace_kind=WEIGHT_COPY,
        )
        if linear.bias:
            out = tape.op((out,), tape.size(out), shares_grad=True)
        return self.cast(out, n * linear.out_features, self.width(x, n * linear.in_features))

    def _lora(self, linear: Linear, x: int, base: int, n: int, keep: bool) -> int:
        """PEFT: result = base(x) + B(A(dropout(x))) * scale. `keep`: the input is first cast to the adapter's dtype."""
        tape, recipe, rank = self.tape, self.recipe, self.recipe.rank
        source = given = self.cast(x, n * linear.in_features, recipe.adapter) if keep else x
        if recipe.dropout:
            mask = tape.constant(n * linear.in_features)
            source = tape.op((source,), tape.size(source), (mask,))
        inner = recipe.compute if recipe.autocast else recipe.adapter
        source = self.cast(source, n * linear.in_features, inner)
        down = tape.op((source,), n * rank * inner, (source,), trains=True)
        up = tape.op((down,), n * linear.out_features * inner, (down,), trains=True)
        scaled = tape.op((up,), n * linear.out_features * inner)
        if tape.size(scaled) != tape.size(base) and recipe.quantises(linear):
            scaled = tape.op((scaled,), tape.size(base))
        # Whoever called holds the input until here, and PEFT the one that it cast.
        size = max(tape.size(scaled), tape.size(base))
        total = tape.op((scaled, base), size, shares_grad=True, holds=(x, given))
        return self.cast(total, n * linear.out_features, self.width(base, n * linear.out_features))
