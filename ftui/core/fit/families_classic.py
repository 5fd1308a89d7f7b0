"""config.json -> ModelShape for families with LayerNorm and plain MLPs: GPT-2, BLOOM, OPT, Pythia, Phi-2, Falcon."""

from __future__ import annotations

from collections.abc import Callable

from ftui.core.fit.fields import Fields
from ftui.core.fit.shapes import Attention, Block, Linear, Mlp, ModelShape


def _shape(
    fields: Fields,
    block: Block,
    *,
    tied: bool,
    positions: int | None,
    final_norm: int,
    position_params: int = 0,
    other: int = 0,
    embedding_width: int | None = None,
    head_bias: bool = False,
) -> ModelShape:
    hidden = fields.size("hidden_size", "n_embd")
    return ModelShape(
        model_type=fields.model_type,
        architecture="",
        hidden_size=hidden,
        vocab_size=fields.size("vocab_size", "padded_vocab_size"),
        blocks=(block,),
        tied=tied,
        max_positions=positions,
        embedding_width=embedding_width or hidden,
        position_params=position_params,
        final_norm_params=final_norm,
        other_params=other,
        head_bias=head_bias,
    )


def _plain_mlp(up: str, down: str, hidden: int, width: int, bias: bool = True) -> list[Linear]:
    return [Linear(up, hidden, width, bias), Linear(down, width, hidden, bias)]


def _gpt2(fields: Fields) -> ModelShape:
    hidden, heads = fields.size("n_embd", "hidden_size"), fields.size("n_head", "num_attention_heads")
    layers, positions = fields.size("n_layer", "num_hidden_layers"), fields.size("n_positions")
    width = fields.optional_size("n_inner") or 4 * hidden
    kv_heads = 1 if fields.model_type == "gpt_bigcode" and fields.flag(True, "multi_query") else heads
    head_dim = hidden // heads
    linears = [
        Linear("c_attn", hidden, hidden + 2 * kv_heads * head_dim, True, role="attention"),
        Linear("c_proj", hidden, hidden, True, role="attention"),
        *_plain_mlp("c_fc", "c_proj", hidden, width),
    ]
    block = Block(
        layers,
        Attention("softmax", heads, kv_heads, head_dim, head_dim, rotary_fraction=0.0),
        Mlp("plain", width, fields.text("gelu_new", "activation_function")),
        tuple(linears),
        4 * hidden,
        "layer",
        residual_dropout=fields.config.get("resid_pdrop", 0.1) != 0,
    )
    return _shape(
        fields,
        block,
        tied=fields.flag(True, "tie_word_embeddings"),
        positions=positions,
        final_norm=2 * hidden,
        position_params=positions * hidden,
    )


def _bloom(fields: Fields) -> ModelShape:
    hidden, heads = fields.size("hidden_size", "n_embed"), fields.size("n_head", "num_attention_heads")
    head_dim = hidden // heads
    linears = [
        Linear("query_key_value", hidden, 3 * hidden, True, role="attention"),
        Linear("dense", hidden, hidden, True, role="attention"),
        *_plain_mlp("dense_h_to_4h", "dense_4h_to_h", hidden, 4 * hidden),
    ]
    attention = Attention("softmax", heads, heads, head_dim, head_dim, rotary_fraction=0.0, scores="alibi")
    layers = fields.size("n_layer", "num_hidden_layers")
    block = Block(layers, attention, Mlp("plain", 4 * hidden, "gelu"), tuple(linears), 4 * hidden, "layer")
    return _shape(fields, block, tied=True, positions=None, final_norm=2 * hidden, other=2 * hidden)


def _opt(fields: Fields) -> ModelShape:
    hidden, layers = fields.size("hidden_size"), fields.size("num_hidden_layers")
    positions, width = fields.size("max_position_embeddings"), fields.size("ffn_dim")
    embedding = fields.optional_size("word_embed_proj_dim") or hidden
    heads, _, head_dim = fields.heads()
    names = ("q_proj", "k_proj", "v_proj", "out_proj")
    linears = [
        *(Linear(name, hidden, hidden, True, role="attention") for name in names),
        *_plain_mlp("fc1", "fc2", hidden, width),
    ]
    attention = Attention("softmax", heads, heads, head_dim, head_dim, rotary_fraction=0.0)
    mlp = Mlp("plain", width, fields.text("relu", "activation_function"))
    return _shape(
        fields,
        Block(
            layers,
            attention,
            mlp,
            tuple(linears),
            4 * hidden,
            "layer",
            residual_dropout=fields.config.get("dropout", 0.1) != 0,
        ),
        tied=fields.flag(True, "tie_word_embeddings"),
        positions=positions,
        final_norm=2 * hidden if fields.flag(True, "do_layer_norm_before") else 0,
        # OPT's table of positions starts at 2.
        position_params=(positions + 2) * hidden,
        other=2 * embedding * hidden if embedding != hidden else 0,
        embedding_width=embedding,
    )


def _gpt_neox(fields: Fields) -> ModelShape:
    hidden, layers, width = (
        fields.size("hidden_size"),
        fields.size("num_hidden_layers"),
        fields.size("intermediate_size"),
    )
    heads, _, head_dim = fields.heads()
    linears = [
        Linear("query_key_value", hidden, 3 * hidden, True, role="attention"),
        Linear("dense", hidden, hidden, True, role="attention"),
        *_plain_mlp("dense_h_to_4h", "dense_4h_to_h", hidden, width),
    ]
    rotary = fields.config.get("rotary_pct")
    attention = Attention(
        "softmax", heads, heads, head_dim, head_dim, rotary_fraction=float(rotary) if rotary is not None else 0.25
    )
    parallel = fields.flag(True, "use_parallel_residual")
    mlp = Mlp("plain", width, fields.text("gelu", "hidden_act"))
    return _shape(
        fields,
        Block(layers, attention, mlp, tuple(linears), 4 * hidden, "layer", parallel=parallel),
        tied=fields.flag(False, "tie_word_embeddings"),
        positions=fields.optional_size("max_position_embeddings"),
        final_norm=2 * hidden,
    )


def _phi(fields: Fields) -> ModelShape:
    hidden, layers, width = (
        fields.size("hidden_size"),
        fields.size("num_hidden_layers"),
        fields.size("intermediate_size"),
    )
    heads, kv_heads, head_dim = fields.heads()
    q, kv = heads * head_dim, kv_heads * head_dim
    linears = [
        Linear("q_proj", hidden, q, True, role="attention"),
        Linear("k_proj", hidden, kv, True, role="attention"),
        Linear("v_proj", hidden, kv, True, role="attention"),
        Linear("dense", q, hidden, True, role="attention"),
        *_plain_mlp("fc1", "fc2", hidden, width),
    ]
    rotary = fields.config.get("partial_rotary_factor")
    attention = Attention(
        "softmax", heads, kv_heads, head_dim, head_dim, rotary_fraction=float(rotary) if rotary is not None else 0.5
    )
    mlp = Mlp("plain", width, fields.text("gelu_new", "hidden_act"))
    return _shape(
        fields,
        Block(layers, attention, mlp, tuple(linears), 2 * hidden, "layer", norms=1, parallel=True),
        tied=fields.flag(False, "tie_word_embeddings"),
        positions=fields.optional_size("max_position_embeddings"),
        final_norm=2 * hidden,
        head_bias=True,
    )


def _falcon(fields: Fields) -> ModelShape:
    hidden, layers = fields.size("hidden_size"), fields.size("num_hidden_layers", "n_layer")
    heads = fields.size("num_attention_heads", "n_head")
    new = fields.flag(False, "new_decoder_architecture")
    kv_heads = (
        (fields.optional_size("num_kv_heads") or heads) if new else 1 if fields.flag(True, "multi_query") else heads
    )
    head_dim = hidden // heads
    bias = fields.flag(False, "bias")
    width = fields.optional_size("ffn_hidden_size") or 4 * hidden
    linears = [
        Linear("query_key_value", hidden, (heads + 2 * kv_heads) * head_dim, bias, role="attention"),
        Linear("dense", hidden, hidden, bias, role="attention"),
        *_plain_mlp("dense_h_to_4h", "dense_4h_to_h", hidden, width, bias),
    ]
    norms = 2 if new or not fields.flag(True, "parallel_attn") else 1
    block = Block(
        layers,
        Attention("softmax", heads, kv_heads, head_dim, head_dim, scores="math" if kv_heads == 1 else ""),
        Mlp("plain", width, "gelu"),
        tuple(linears),
        2 * hidden * norms,
        "layer",
        norms=norms,
        parallel=fields.flag(True, "parallel_attn"),
    )
    return _shape(
        fields,
        block,
        tied=fields.flag(True, "tie_word_embeddings"),
        positions=fields.optional_size("max_position_embeddings") or 2048,
        final_norm=2 * hidden,
    )


def _qwen(fields: Fields) -> ModelShape:
    """The first Qwen (model code on the hub): `intermediate_size` is twice the width of the gated MLP."""
    hidden, layers = fields.size("hidden_size"), fields.size("num_hidden_layers")
    width = fields.size("intermediate_size") // 2
    heads, _, head_dim = fields.heads()
    linears = [
        Linear("c_attn", hidden, 3 * heads * head_dim, True, role="attention"),
        Linear("c_proj", heads * head_dim, hidden, role="attention"),
        Linear("w1", hidden, width),
        Linear("w2", hidden, width),
        Linear("c_proj", width, hidden),
    ]
    attention = Attention("softmax", heads, heads, head_dim, head_dim)
    return _shape(
        fields,
        Block(layers, attention, Mlp("gated", width), tuple(linears), 2 * hidden),
        tied=fields.flag(False, "tie_word_embeddings"),
        positions=fields.optional_size("max_position_embeddings", "seq_length"),
        final_norm=hidden,
    )


def _chatglm(fields: Fields) -> ModelShape:
    """ChatGLM2, ChatGLM3 and GLM-4-9B (model code on the hub)."""
    hidden, layers = fields.size("hidden_size"), fields.size("num_layers", "num_hidden_layers")
    width, heads = fields.size("ffn_hidden_size", "intermediate_size"), fields.size("num_attention_heads")
    head_dim = fields.optional_size("kv_channels") or hidden // heads
    kv_heads = fields.optional_size("multi_query_group_num") or heads
    qkv_bias = fields.flag(True, "add_qkv_bias")
    linears = [
        Linear("query_key_value", hidden, (heads + 2 * kv_heads) * head_dim, qkv_bias, role="attention"),
        Linear("dense", heads * head_dim, hidden, role="attention"),
        Linear("dense_h_to_4h", hidden, 2 * width),
        Linear("dense_4h_to_h", width, hidden),
    ]
    attention = Attention("softmax", heads, kv_heads, head_dim, head_dim, rotary_fraction=0.5)
    return _shape(
        fields,
        Block(layers, attention, Mlp("gated", width), tuple(linears), 2 * hidden),
        tied=fields.flag(False, "tie_word_embeddings"),
        positions=fields.optional_size("seq_length"),
        final_norm=hidden,
    )


READERS: dict[str, Callable[[Fields], ModelShape]] = {
    "gpt2": _gpt2,
    "gpt_bigcode": _gpt2,
    "bloom": _bloom,
    "opt": _opt,
    "gpt_neox": _gpt_neox,
    "phi": _phi,
    "falcon": _falcon,
    "qwen": _qwen,
    "chatglm": _chatglm,
}
