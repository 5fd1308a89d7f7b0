"""Online methods (GRPO, RLOO): memory while completions are generated."""

from __future__ import annotations

from ftui.core.fit.layer import layer_tape
from ftui.core.fit.parts import Batch
from ftui.core.fit.shapes import ModelShape
from ftui.core.fit.step import Components, Step, completion_tokens
from ftui.core.fit.tape import highest

SAMPLING_COPIES = 3
"""fp32 tensors of rows x vocabulary that sampling needs beside the logits: scaled, softmax, sorted."""


def kv_cache_bytes(shape: ModelShape, rows: int, tokens: int, width: int) -> int:
    """Keys and values of `tokens` positions for `rows` rows; a sliding window keeps only its own length, linear
    attention a state of fixed size in fp32."""
    total = 0
    for block in shape.blocks:
        a = block.attention
        if a.kind == "linear":
            total += block.count * rows * a.heads * a.qk_dim * a.value_dim * 4
            continue
        kept = min(tokens, a.window) if a.window else tokens
        total += block.count * rows * kept * a.kv_heads * (a.qk_dim + a.value_dim) * width
    return total


def generation_phase(step: Step) -> Components:
    """What is alive at the end of generation, or while the prompts are read if that is more."""
    request, shape, recipe = step.request, step.shape, step.recipe
    rows = request.generation_batch or request.micro_batch
    width = min(recipe.compute, recipe.residual)
    cache = kv_cache_bytes(shape, rows, request.seq_len, width)
    sampling = rows * shape.vocab_size * (recipe.frozen_other + 4 * SAMPLING_COPIES)
    prompt = request.seq_len - completion_tokens(request)
    reading = 0
    if prompt > 0:
        block = max(shape.blocks, key=lambda block: block.params)
        tape = layer_tape(block, shape.hidden_size, Batch(rows, prompt), recipe)
        read_cache = kv_cache_bytes(shape, rows, prompt, width)
        reading = max(0, sum(highest(tape.forward({}))) - (cache - read_cache))
    dequantised = 0
    if recipe.quant != "none":
        largest = max(linear.weights // linear.copies for block in shape.blocks for linear in block.linears)
        dequantised = largest * recipe.dequantised
    return {
        **step.resident,
        "kv_cache": cache,
        "logits": sampling,
        "layer": reading + rows * shape.hidden_size * recipe.residual * 8,
        "layer_weight_copies": dequantised,
    }
