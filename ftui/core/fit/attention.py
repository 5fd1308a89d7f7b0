"""Attention of one layer on a tape: softmax attention with fused or written-out scores, and Gated DeltaNet."""

from __future__ import annotations

from ftui.core.fit.parts import Parts


def attend(parts: Parts, x: int) -> int:
    """From normed hidden states to what attention adds to the stream."""
    if parts.block.attention.kind == "linear":
        return _delta_net(parts, x)
    return _softmax_attention(parts, x)


def _softmax_attention(parts: Parts, x: int) -> int:
    a, tape, n = parts.block.attention, parts.tape, parts.n
    linears = parts.linears("attention")
    first = [parts.linear(linear, x) for linear in linears[:-1] if linear.in_features == parts.hidden]
    width = parts.width(first[0], n * linears[0].out_features)
    q_size = n * a.heads * a.qk_dim * width
    k_size = n * a.kv_heads * a.qk_dim * width
    v_size = n * a.kv_heads * a.value_dim * width
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
        q, k = _head_norm(parts, q, q_size, width), _head_norm(parts, k, k_size, width)
    if a.rotary_fraction:
        q, k = _rotary(parts, q, q_size), _rotary(parts, k, k_size)
    out = _scores(parts, q, k, v, (kept_v,) if views else (q, k, kept_v), width)
    return parts.linear(linears[-1], out)


def _head_norm(parts: Parts, x: int, size: int, width: int) -> int:
    """RMSNorm of queries or keys."""
    tape, elements = parts.tape, size // width
    wide = parts.cast(x, elements, 4)
    scale = tape.op((tape.op((wide,), elements * 4, (wide,)),), parts.n * 4, save_output=True)
    scaled = tape.op((wide, scale), elements * 4, (wide, scale))
    if parts.block.norm != "rms_wide":
        scaled = parts.cast(scaled, elements, width)
    weighted = tape.op((scaled,), tape.size(scaled), (scaled,) if parts.recipe.train_base else ())
    return parts.cast(weighted, elements, width)


def _rotary(parts: Parts, x: int, size: int) -> int:
    """x * cos + rotate_half(x) * sin; a fused kernel works in place."""
    if parts.recipe.fused_rope:
        return parts.tape.op((x,), size, shares_grad=True)
    tape = parts.tape
    part = int(size * parts.block.attention.rotary_fraction)
    straight = tape.op((x,), part)
    turned = tape.op((tape.op((x,), part),), part)
    rotated = tape.op((straight, turned), part, shares_grad=True)
    return rotated if part == size else tape.op((rotated, x), size)


def _scores(parts: Parts, q: int, k: int, v: int, kept: tuple[int, ...], width: int) -> int:
    """softmax(q k^T) v. `kept`: what attention keeps of q, k and v."""
    a, tape, recipe, n = parts.block.attention, parts.tape, parts.recipe, parts.n
    if recipe.autocast and width != recipe.compute:
        width = recipe.compute
        q = parts.cast(q, n * a.heads * a.qk_dim, width)
        k = parts.cast(k, n * a.kv_heads * a.qk_dim, width)
        v = parts.cast(v, n * a.kv_heads * a.value_dim, width)
        kept = (q, k, v)
    fused = recipe.attention == "flash" and a.scores in ("", "softcap")
    written_out = recipe.attention == "eager" or (bool(a.scores) and not fused)
    expands = written_out or parts.batch.masked or recipe.expands_kv
    if a.kv_heads < a.heads and expands:
        k = tape.op((k,), n * a.heads * a.qk_dim * width)
        v = tape.op((v,), n * a.heads * a.value_dim * width)
        kept = (q, k, v)
    if written_out:
        return _written_out(parts, q, k, v, kept, width)
    out_size = n * a.heads * a.value_dim * width
    kept = (*kept, tape.constant(n * a.heads * 4))
    if parts.batch.masked:
        kept = (*kept, tape.constant(parts.batch.rows * parts.batch.tokens**2 * width))
    # Flash attention sums the gradient of the queries in fp32, and gives every query head keys of its own.
    work = n * a.heads * a.qk_dim * 4
    if a.kv_heads < a.heads and not expands:
        work += n * a.heads * (a.qk_dim + a.value_dim) * width
    out = tape.op((q, k, v), out_size, kept, save_output=True, workspace=work)
    # Queries put together from a rotated and a plain part lie head by head, and so does the result.
    return tape.op((out,), out_size) if 0 < a.rotary_fraction < 1 else out


def _written_out(parts: Parts, q: int, k: int, v: int, kept: tuple[int, ...], width: int) -> int:
    """Eager attention: the scores of all pairs of tokens, several times over."""
    a, tape, recipe = parts.block.attention, parts.tape, parts.recipe
    square = a.heads * parts.n * parts.batch.tokens
    out_size = parts.n * a.heads * a.value_dim * width
    scores = tape.op((q, k), square * width, kept[:2] if len(kept) == 3 else kept)
    scaled = tape.op((scores,), square * width)
    if a.scores == "softcap":
        scaled = tape.op((tape.op((scaled,), square * width, save_output=True),), square * width)
    masked = tape.op((scaled,), square * width, shares_grad=True)
    # On CUDA the softmax of fp16 widens inside its kernel; that of bf16 is given a copy.
    wide = masked if recipe.fp16 else parts.cast(masked, square, 4)
    # The backward of softmax on CUDA multiplies gradient and output into one more tensor.
    soft = tape.op((wide,), square * 4, save_output=True, workspace=square * 4)
    probabilities = parts.cast(soft, square, width)
    out = tape.op((probabilities, v), out_size, (probabilities, kept[-1]))
    return tape.op((out,), out_size)


def _delta_net(parts: Parts, x: int) -> int:
    """Gated DeltaNet in chunks of 64 tokens (the torch path of transformers, in fp32)."""
    a, tape, n = parts.block.attention, parts.tape, parts.n
    linears = parts.linears("attention")
    qkv, gate, beta, decay = (parts.linear(linear, x) for linear in linears[:4])
    conv = tape.op((qkv,), tape.size(qkv), (qkv,))
    mixed = tape.op((conv,), tape.size(conv), (conv,))
    heads_bytes = n * a.heads * 4
    keys, values, chunk = heads_bytes * a.qk_dim, heads_bytes * a.value_dim, heads_bytes * 64
    q = tape.op((mixed,), keys, save_output=True)
    k = tape.op((mixed,), keys, save_output=True)
    v = tape.op((mixed,), values, save_output=True)
    k_beta = tape.op((k, beta), keys, save_output=True)
    v_beta = tape.op((v, beta), values, save_output=True)
    inner = tape.op((k_beta, k, decay), chunk, save_output=True)
    inner = tape.op((inner,), chunk, save_output=True)
    value = tape.op((inner, v_beta), values, save_output=True)
    k_decay = tape.op((inner, k_beta), keys, save_output=True)
    state = tape.op((value, k_decay, q), values, save_output=True)
    elements = n * a.heads * a.value_dim
    out = parts.cast(state, elements, parts.width(gate, elements))
    normed = tape.op((out,), elements * 4, save_output=True)
    gated = tape.op((normed, gate), tape.size(normed), (normed, gate))
    return parts.linear(linears[4], parts.cast(gated, elements, parts.width(gate, elements)))
