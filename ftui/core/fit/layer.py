"""One transformer layer as operations on a tape: which tensors autograd keeps, and how wide it gets at its widest.

Follows the modelling code of transformers (RMSNorm in fp32, rotary embedding in four operations, gated MLP in three),
PEFT's LoRA layers and bitsandbytes' 4-bit layers, operation by operation.
"""

from __future__ import annotations

from dataclasses import dataclass

from ftui.core.fit.recipe import Recipe
from ftui.core.fit.shapes import Block, Linear
from ftui.core.fit.tape import WEIGHT_COPY, Played, Tape


@dataclass(frozen=True, slots=True)
class Batch:
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


def play_layer(block: Block, hidden: int, batch: Batch, recipe: Recipe) -> Played:
    """Count one layer: bytes that it keeps for its backward, and its peaks. `hidden` in elements per token."""
    return _Layer(block, hidden, batch, recipe).play()


class _Layer:
    """The tape of one layer, and what every operation on it needs to know."""

    def __init__(self, block: Block, hidden: int, batch: Batch, recipe: Recipe) -> None:
        self.block, self.hidden, self.batch, self.recipe = block, hidden, batch, recipe
        self.n = batch.total
        self.tape = Tape(self.n * hidden * recipe.residual)
        self.linears: dict[str, list[Linear]] = {}
        for linear in block.linears:
            self.linears.setdefault(linear.role, []).append(linear)

    def play(self) -> Played:
        block, x = self.block, 0
        sandwich = block.norms == 4
        if block.norms_after:
            x = self.add(x, self.norm(self.attention(x), self.recipe.stream))
            self.add(x, self.norm(self.mlp(x), self.recipe.stream))
            return self.tape.play()
        normed = self.norm(x, self.recipe.residual)
        attended = self.dropped(self.attention(normed))
        if sandwich:
            attended = self.norm(attended, self.recipe.stream)
        if block.parallel:
            again = normed if block.norms == 1 else self.norm(x, self.recipe.residual)
            self.add(x, self.add(attended, self.mlp(again)))
        else:
            x = self.add(x, attended)
            out = self.dropped(self.mlp(self.norm(x, self.recipe.residual)))
            if sandwich:
                out = self.norm(out, self.recipe.stream)
            self.add(x, out)
        return self.tape.play()

    # ---- elementary operations -------------------------------------------------------------------------------

    def cast(self, tensor: int, elements: int, size: int) -> int:
        """`tensor.to(dtype)`: nothing happens when it already has that width."""
        if self.tape.size(tensor) == elements * size:
            return tensor
        return self.tape.op((tensor,), elements * size)

    def add(self, a: int, b: int) -> int:
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
        width = tape.size(x) // (n * linear.in_features)
        adapted = recipe.adapts(linear)
        if recipe.quantises(linear):
            out = self._quantised(linear, x, n)
            if adapted:
                out = self._lora(linear, x, out, n, keep=not recipe.autocast)
            return out
        source, copy_bytes = x, 0
        save: tuple[int, ...] = ()
        if recipe.autocast:
            source = self.cast(x, n * linear.in_features, recipe.compute)
            if recipe.weight != recipe.compute:
                weight = tape.constant(linear.weights * recipe.compute, WEIGHT_COPY)
                save = (weight,)
                copy_bytes = linear.weights * recipe.compute if recipe.train_base else 0
        if recipe.train_base:
            save = (*save, source)
        width = recipe.compute if recipe.autocast else width
        out = tape.op(
            (source,),
            n * linear.out_features * width,
            save,
            trains=recipe.train_base,
            grad_copy=copy_bytes,
            grad_bytes=linear.params * recipe.trained if recipe.train_base else 0,
        )
        return self._lora(linear, x, out, n, keep=True) if adapted else out

    def _quantised(self, linear: Linear, x: int, n: int) -> int:
        """bitsandbytes: the weight exists in 16 bit while it is multiplied, forward and backward."""
        tape, recipe = self.tape, self.recipe
        source = self.cast(x, n * linear.in_features, recipe.compute)
        out = tape.op(
            (source,),
            n * linear.out_features * recipe.compute,
            workspace=linear.weights * recipe.dequantised,
            forward_workspace=linear.weights * recipe.dequantised,
            workspace_kind=WEIGHT_COPY,
        )
        if linear.bias:
            out = tape.op((out,), tape.size(out), shares_grad=True)
        return self.cast(out, n * linear.out_features, tape.size(x) // (n * linear.in_features))

    def _lora(self, linear: Linear, x: int, base: int, n: int, keep: bool) -> int:
        """PEFT: result = base(x) + B(A(dropout(x))) * scale. `keep`: the input is first cast to the adapter's dtype."""
        tape, recipe, rank = self.tape, self.recipe, self.recipe.rank
        source = self.cast(x, n * linear.in_features, recipe.adapter) if keep else x
        if recipe.dropout:
            mask = tape.constant(n * linear.in_features)
            source = tape.op((source,), tape.size(source), (mask,))
        inner = recipe.compute if recipe.autocast else recipe.adapter
        source = self.cast(source, n * linear.in_features, inner)
        down = tape.op((source,), n * rank * inner, (source,), trains=True)
        up = tape.op((down,), n * linear.out_features * inner, (down,), trains=True)
        scaled = tape.op((up,), n * linear.out_features * inner)
        out_bytes = tape.size(base)
        if tape.size(scaled) != out_bytes and recipe.quantises(linear):
            scaled = tape.op((scaled,), out_bytes)
        total = tape.op((scaled, base), max(tape.size(scaled), out_bytes), shares_grad=True)
        return self.cast(total, n * linear.out_features, out_bytes // (n * linear.out_features))

    # ---- attention -------------------------------------------------------------------------------------------

    def attention(self, x: int) -> int:
        a = self.block.attention
        linears = self.linears["attention"]
        if a.kind == "linear":
            return self.delta_net(x, linears)
        first = [self.linear(linear, x) for linear in linears[:-1] if linear.in_features == self.hidden]
        n, tape = self.n, self.tape
        width = tape.size(first[0]) // (n * linears[0].out_features)
        q_size, k_size, v_size = (
            n * a.heads * a.qk_dim * width,
            n * a.kv_heads * a.qk_dim * width,
            n * a.kv_heads * a.value_dim * width,
        )
        if len(first) == 3:
            q, k, v = first
            kept_v = v
        else:
            # Three views of one result: keeping the values keeps all of it.
            joint = first[0]
            q = tape.op((joint,), q_size, shares_grad=True)
            k, v = tape.op((joint,), k_size), tape.op((joint,), v_size)
            kept_v = joint
        views = len(first) == 1 and not a.qk_norm and not a.rotary_fraction
        if a.qk_norm:
            q, k = self._head_norm(q, q_size, width), self._head_norm(k, k_size, width)
        if a.rotary_fraction:
            q, k = self._rotary(q, q_size), self._rotary(k, k_size)
        kept = (kept_v,) if views else (q, k, kept_v)
        out = self._scores(q, k, v, kept, width)
        return self.linear(linears[-1], out)

    def _head_norm(self, x: int, size: int, width: int) -> int:
        tape, elements = self.tape, size // width
        wide = self.cast(x, elements, 4)
        scale = tape.op((tape.op((wide,), elements * 4, (wide,)),), self.n * 4, save_output=True)
        scaled = tape.op((wide, scale), elements * 4, (wide, scale))
        if self.block.norm != "rms_wide":
            scaled = self.cast(scaled, elements, width)
        weighted = tape.op((scaled,), tape.size(scaled), (scaled,) if self.recipe.train_base else ())
        return self.cast(weighted, elements, width)

    def _rotary(self, x: int, size: int) -> int:
        """x * cos + rotate_half(x) * sin; a fused kernel works in place."""
        if self.recipe.fused_rope:
            return self.tape.op((x,), size, shares_grad=True)
        tape = self.tape
        part = int(size * self.block.attention.rotary_fraction)
        straight = tape.op((x,), part)
        turned = tape.op((tape.op((x,), part),), part)
        rotated = tape.op((straight, turned), part, shares_grad=True)
        return rotated if part == size else tape.op((rotated, x), size)

    def _scores(self, q: int, k: int, v: int, kept: tuple[int, ...], width: int) -> int:
        a, tape, recipe, n = self.block.attention, self.tape, self.recipe, self.n
        if recipe.autocast and width != recipe.compute:
            width = recipe.compute
            q = self.cast(q, n * a.heads * a.qk_dim, width)
            k = self.cast(k, n * a.kv_heads * a.qk_dim, width)
            v = self.cast(v, n * a.kv_heads * a.value_dim, width)
            kept = (q, k, v)
        flash = recipe.attention == "flash" and a.scores in ("", "softcap")
        eager = recipe.attention == "eager" or (bool(a.scores) and not flash)
        if a.kv_heads < a.heads and (eager or self.batch.masked or recipe.expands_kv):
            k = tape.op((k,), n * a.heads * a.qk_dim * width)
            v = tape.op((v,), n * a.heads * a.value_dim * width)
            kept = (q, k, v)
        out_size = n * a.heads * a.value_dim * width
        if not eager:
            lse = tape.constant(n * a.heads * 4)
            mask = self.batch.rows * self.batch.tokens**2 * width if self.batch.masked else 0
            keep = (*kept, lse, tape.constant(mask)) if mask else (*kept, lse)
            out = tape.op((q, k, v), out_size, keep, save_output=True)
            # Queries put together from a rotated and a plain part lie head by head, and so does the result.
            return tape.op((out,), out_size) if 0 < a.rotary_fraction < 1 else out
        square = a.heads * n * self.batch.tokens
        scores = tape.op((q, k), square * width, kept[:2] if len(kept) == 3 else kept)
        scaled = tape.op((scores,), square * width)
        if a.scores == "softcap":
            scaled = tape.op((tape.op((scaled,), square * width, save_output=True),), square * width)
        masked = tape.op((scaled,), square * width, shares_grad=True)
        # On CUDA the softmax of fp16 widens inside its kernel; that of bf16 is given a copy.
        wide = masked if recipe.fp16 else self.cast(masked, square, 4)
        # The backward of softmax on CUDA multiplies gradient and output into one more tensor.
        soft = tape.op((wide,), square * 4, save_output=True, workspace=square * 4)
        probabilities = self.cast(soft, square, width)
        out = tape.op((probabilities, v), out_size, (probabilities, kept[-1]))
        return tape.op((out,), out_size)

    def delta_net(self, x: int, linears: list[Linear]) -> int:
        """Gated DeltaNet in chunks of 64 tokens (the torch path of transformers, in fp32)."""
        a, tape, n = self.block.attention, self.tape, self.n
        qkv, gate, beta, decay = (self.linear(linear, x) for linear in linears[:4])
        conv = tape.op((qkv,), tape.size(qkv), (qkv,))
        mixed = tape.op((conv,), tape.size(conv), (conv,))
        heads_bytes = n * a.heads * 4
        keys, values = heads_bytes * a.qk_dim, heads_bytes * a.value_dim
        q = tape.op((mixed,), keys, save_output=True)
        k = tape.op((mixed,), keys, save_output=True)
        v = tape.op((mixed,), values, save_output=True)
        k_beta = tape.op((k, beta), keys, save_output=True)
        v_beta = tape.op((v, beta), values, save_output=True)
        chunk = heads_bytes * 64
        inner = tape.op((k_beta, k, decay), chunk, save_output=True)
        inner = tape.op((inner,), chunk, save_output=True)
        value = tape.op((inner, v_beta), values, save_output=True)
        k_decay = tape.op((inner, k_beta), keys, save_output=True)
        state = tape.op((value, k_decay, q), values, save_output=True)
        width = tape.size(gate) // (n * a.heads * a.value_dim)
        out = self.cast(state, n * a.heads * a.value_dim, width)
        normed = tape.op((out,), n * a.heads * a.value_dim * 4, save_output=True)
        gated = tape.op((normed, gate), tape.size(normed), (normed, gate))
        return self.linear(linears[4], self.cast(gated, n * a.heads * a.value_dim, width))

    # ---- feed-forward ----------------------------------------------------------------------------------------

    def mlp(self, x: int) -> int:
        mlp = self.block.mlp
        if mlp.experts:
            return self.experts(x)
        return self._feed_forward(x, self.linears["mlp"], mlp.width, self.n)

    def _feed_forward(self, x: int, linears: list[Linear], width: int, n: int) -> int:
        tape = self.tape
        if self.block.mlp.kind == "plain":
            up = self.linear(linears[0], x, n)
            return self.linear(linears[1], self._activation(up), n)
        if len(linears) == 2:
            joint = self.linear(linears[0], x, n)
            half = tape.size(joint) // 2
            gate = tape.op((joint,), half, shares_grad=True)
            up = tape.op((joint,), 0)
            gate_save, up_save = joint, joint
            gate_save, up_save = joint, joint
            active = tape.op((gate,), half, (gate_save,))
        else:
            gate = self.linear(linears[0], x, n)
            size = tape.size(gate)
            active = gate if self.recipe.fused_mlp else tape.op((gate,), size, (gate,))
            up = self.linear(linears[1], x, n)
            gate_save, up_save = gate, up
        size = n * width * (tape.size(gate) // (n * width))
        if self.recipe.fused_mlp:
            # The kernel recomputes the activation and writes both gradients over gate and up.
            product = tape.op((gate, up), size, (gate_save, up_save), shares_grad=True)
        else:
            product = tape.op((active, up), size, (active, up_save), holds=(x,))
        return self.linear(linears[-1], product, n)

    def _activation(self, x: int) -> int:
        """GELU and ReLU keep one tensor; GPT-2's gelu_new is written out in torch and keeps four."""
        tape, size = self.tape, self.tape.size(x)
        if self.block.mlp.activation == "relu":
            return tape.op((x,), size, save_output=True)
        if self.block.mlp.activation not in ("gelu_new", "gelu_fast", "quick_gelu"):
            return tape.op((x,), size, (x,))
        cube = tape.op((x,), size, (x,))
        inner = tape.op((x, cube), size, shares_grad=True)
        tanh = tape.op((inner,), size, save_output=True)
        half = tape.op((x,), size)
        one = tape.op((tanh,), size, shares_grad=True)
        return tape.op((half, one), size, (half, one))

    def experts(self, x: int) -> int:
        """Routed experts: every token passes `experts_per_token` of them, sorted by expert."""
        mlp, tape, n = self.block.mlp, self.tape, self.n
        spread = n * mlp.experts_per_token
        width = tape.size(x) // (n * self.hidden)
        logits = tape.op((x,), n * mlp.experts * 4, (x,) if self.recipe.train_base else (), save_output=True)
        weights = tape.op((logits,), spread * 4, save_output=True)
        # One expert after another, or all in one grouped multiplication. Past eight, more parts change nothing.
        parts = min(mlp.experts, 8) if self.recipe.loops_experts else 1
        total = -1
        for _ in range(parts):
            part = max(1, spread // parts)
            gathered = tape.op((x,), part * self.hidden * width)
            out = self._feed_forward(gathered, self.linears["expert"], mlp.width, part)
            weighted = tape.op((out, weights), tape.size(out), (out, weights))
            if parts > 1:
                inputs = (weighted,) if total < 0 else (total, weighted)
                total = tape.op(inputs, n * self.hidden * width if total < 0 else 0, shares_grad=True)
            else:
                total = tape.op((weighted,), n * self.hidden * width)
        if mlp.shared_width:
            dense = [linear for linear in self.linears["mlp"] if linear.out_features != 1]
            total = self.add(total, self._feed_forward(x, dense, mlp.shared_width, n))
        return total
