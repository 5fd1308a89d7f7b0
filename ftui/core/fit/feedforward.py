"""The feed-forward part of one layer on a tape: gated and plain MLPs, and routed experts."""

from __future__ import annotations

from ftui.core.fit.parts import Parts
from ftui.core.fit.shapes import Linear
from ftui.core.fit.tape import WEIGHT_COPY

PARTS_OF_A_LOOP = 8
"""A loop over more experts than this is counted as so many: past that, more parts change nothing."""


def feed_forward(parts: Parts, x: int) -> int:
    """From normed hidden states to what the MLP adds to the stream."""
    mlp = parts.block.mlp
    if mlp.experts:
        return _experts(parts, x)
    return _dense(parts, x, parts.linears("mlp"), mlp.width, parts.n)


def _dense(parts: Parts, x: int, linears: list[Linear], width: int, n: int) -> int:
    tape = parts.tape
    if parts.block.mlp.kind == "plain":
        up = parts.linear(linears[0], x, n)
        return parts.linear(linears[1], _activation(parts, up), n)
    fused = parts.recipe.fused_mlp
    if len(linears) == 2:
        joint = parts.linear(linears[0], x, n)
        size = tape.size(joint) // 2
        gate = tape.op((joint,), size, shares_grad=True)
        up = tape.op((joint,), 0)
        kept_gate, kept_up = joint, joint
        active = gate if fused else tape.op((gate,), size, (joint,))
    else:
        gate = kept_gate = parts.linear(linears[0], x, n)
        size = tape.size(gate)
        active = gate if fused else tape.op((gate,), size, (gate,))
        up = kept_up = parts.linear(linears[1], x, n)
    if fused:
        # The kernel computes the activation again, and writes both gradients over gate and up.
        product = tape.op((gate, up), size, (kept_gate, kept_up), shares_grad=True, holds=(x,))
    else:
        product = tape.op((active, up), size, (active, kept_up), holds=(x,))
    return parts.linear(linears[-1], product, n)


def _activation(parts: Parts, x: int) -> int:
    """GELU and ReLU keep one tensor; GPT-2's gelu_new is written out in torch and keeps four."""
    tape, size = parts.tape, parts.tape.size(x)
    kind = parts.block.mlp.activation
    if kind == "relu":
        return tape.op((x,), size, save_output=True)
    if kind not in ("gelu_new", "gelu_fast", "quick_gelu"):
        return tape.op((x,), size, (x,))
    if kind != "gelu_new" or not parts.recipe.autocast:
        cube = tape.op((x,), size, (x,))
        inner = tape.op((x, cube), size, shares_grad=True)
        tanh = tape.op((inner,), size, save_output=True)
        half = tape.op((x,), size)
        one = tape.op((tanh,), size, shares_grad=True)
        return tape.op((half, one), size, (half, one))
    # Autocast takes powers in fp32, and so is everything after it.
    half = tape.op((x,), size)
    wide = parts.cast(x, size // parts.recipe.compute, 4)
    size = tape.size(wide)
    scaled = tape.op((tape.op((wide,), size, (wide,)),), size)
    inner = tape.op((tape.op((x, scaled), size),), size)
    tanh = tape.op((inner,), size, save_output=True, holds=(half,))
    one = tape.op((tanh,), size, shares_grad=True)
    return tape.op((half, one), size, (half, one))


def _adapted(parts: Parts, x: int, linears: list[Linear], width: int, n: int) -> int:
    """Routed experts with LoRA: each stack of experts is copied with its adapter merged in, and the copy has a gradient
    of its own."""
    tape = parts.tape
    bytes_each = parts.width(x, n * parts.hidden)

    def merged(linear: Linear) -> int:
        rank = parts.recipe.rank_of(linear) * linear.copies
        factors = tape.constant(rank * (linear.in_features + linear.out_features) * parts.recipe.weight)
        return tape.op((), linear.weights * parts.recipe.weight, (factors,), trains=True, kind=WEIGHT_COPY)

    first, last = linears
    matrix = merged(first)
    joint = tape.op((x, matrix), n * first.out_features * bytes_each, (x, matrix))
    size = tape.size(joint) // 2
    gate, up = tape.op((joint,), size, shares_grad=True), tape.op((joint,), 0)
    active = tape.op((gate,), size, (joint,))
    product = tape.op((active, up), size, (active, joint), holds=(x,))
    matrix = merged(last)
    return tape.op((product, matrix), n * last.out_features * bytes_each, (product, matrix))


def _packed(parts: Parts, x: int, linears: list[Linear], width: int, n: int) -> int:
    """Routed experts in four bits: each stack is unpacked for as long as the layer runs, and kept for the backward
    pass (bitsandbytes.nn.parametrize)."""
    tape, size_each = parts.tape, parts.width(x, n * parts.hidden)
    first, last = linears
    first_matrix = tape.op((), first.weights * parts.recipe.dequantised, kind=WEIGHT_COPY)
    joint = tape.op((x, first_matrix), n * first.out_features * size_each, (first_matrix,))
    size = tape.size(joint) // 2
    gate, up = tape.op((joint,), size, shares_grad=True), tape.op((joint,), 0)
    active = tape.op((gate,), size, (joint,))
    product = tape.op((active, up), size, (active, joint), holds=(x,))
    last_matrix = tape.op((), last.weights * parts.recipe.dequantised, kind=WEIGHT_COPY)
    held = (first_matrix, last_matrix)
    return tape.op((product, last_matrix), n * last.out_features * size_each, (last_matrix,), holds=held)


def _experts(parts: Parts, x: int) -> int:
    """Routed experts: every token passes `experts_per_token` of them, sorted by expert."""
    mlp, tape, n, hidden = parts.block.mlp, parts.tape, parts.n, parts.hidden
    spread = n * mlp.experts_per_token
    width = parts.width(x, n * hidden)
    router_input = (x,) if parts.recipe.train_base else ()
    logits = tape.op((x,), n * mlp.experts * 4, router_input, save_output=True)
    weights = tape.op((logits,), spread * 4, save_output=True)
    experts = parts.linears("expert")
    # One expert after another, or all in one grouped multiplication.
    count = min(mlp.experts, PARTS_OF_A_LOOP) if parts.recipe.loops_experts else 1
    run = _dense
    if not parts.recipe.loops_experts and parts.recipe.quantises(experts[0]):
        run = _packed
    elif parts.recipe.adapts_experts:
        run = _adapted
    total = -1
    for _ in range(count):
        part = max(1, spread // count)
        gathered = tape.op((x,), part * hidden * width)
        out = run(parts, gathered, experts, mlp.width, part)
        weighted = tape.op((out, weights), tape.size(out), (out, weights))
        if count == 1:
            total = tape.op((weighted,), n * hidden * width)
        elif total < 0:
            total = tape.op((weighted,), n * hidden * width, shares_grad=True)
        else:
            total = tape.op((total, weighted), n * hidden * width, shares_grad=True)
    if mlp.shared_width:
        dense = [linear for linear in parts.linears("mlp") if linear.out_features != 1]
        total = parts.add(total, _dense(parts, x, dense, mlp.shared_width, n))
    return total
