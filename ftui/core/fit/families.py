"""config.json -> ModelShape, for every model family that ftui knows. Names and shapes are those of transformers 5.

The families around Llama share one reader here; older ones with LayerNorm are in `families_classic.py`, vision towers
in `families_vision.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.fit.families_vision import vision_params
from ftui.core.fit.fields import Fields
from ftui.core.fit.shapes import Attention, Block, Linear, Mlp, ModelShape, NormKind
from ftui.errors import FtuiError

LLAMA_LIKE = {
    *("llama", "mistral", "mistral3", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3"),
    *("gemma3_text", "granite", "granitemoe", "granitemoehybrid", "phi3", "phimoe", "olmo", "olmo2", "olmo3", "olmoe"),
    *("smollm3", "glm4", "stablelm", "gpt_oss", "deepseek_v2", "qwen3_5", "qwen3_5_text", "qwen3_5_moe"),
    *(
        "qwen3_5_moe_text",
        "baichuan",
        "cohere",
        "cohere2",
        "starcoder2",
        "internlm2",
        "ministral3",
        "seed_oss",
        "arcee",
    ),
}
_HEAD_NORMS = {
    "qwen3",
    "qwen3_moe",
    "gemma3",
    "gemma3_text",
    "qwen3_5",
    "qwen3_5_text",
    "qwen3_5_moe",
    "qwen3_5_moe_text",
}
_FOUR_NORMS = {"gemma2", "gemma3", "gemma3_text", "glm4"}
_TIED_BY_DEFAULT = {"gemma", "gemma2", "gemma3", "gemma3_text", "cohere", "cohere2", "gpt2", "bloom", "opt", "falcon"}


def read_config(config: Mapping[str, Any]) -> ModelShape:
    """See `shapes.shape_from_config`."""
    if not isinstance(config, Mapping):
        raise FtuiError("This is no model config", "config.json must hold one object")
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        raise FtuiError("The config does not say enough", "it has no model_type", "Give the model's own config.json.")
    nested = config.get("text_config")
    text: dict[str, Any] = dict(nested) if isinstance(nested, Mapping) else dict(config)
    if isinstance(nested, Mapping) and "tie_word_embeddings" not in text:
        text["tie_word_embeddings"] = config.get("tie_word_embeddings")
    fields = Fields(text, model_type)
    if model_type in LLAMA_LIKE:
        shape = _llama_like(fields)
    else:
        from ftui.core.fit.families_classic import READERS

        if model_type not in READERS:
            return _unknown(fields)
        shape = READERS[model_type](fields)
    return _finish(shape, config, fields)


def _finish(shape: ModelShape, config: Mapping[str, Any], fields: Fields) -> ModelShape:
    from dataclasses import replace

    architectures = config.get("architectures")
    named = architectures[0] if isinstance(architectures, list) and architectures else ""
    dtype = config.get("torch_dtype") or config.get("dtype") or fields.text("", "torch_dtype", "dtype")
    return replace(
        shape,
        architecture=str(named),
        vision_params=vision_params(config, shape.hidden_size),
        checkpoint_dtype=dtype if isinstance(dtype, str) else "",
        assumed=tuple(fields.assumed),
    )


def _unknown(fields: Fields) -> ModelShape:
    """A family that is not in the list: read as Llama if it has Llama's fields, and say so."""
    needed = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    missing = [name for name in needed if not fields.has(name)]
    experts = fields.has("num_experts", "num_local_experts", "n_routed_experts")
    if missing or experts:
        why = f"it lacks {', '.join(missing)}" if missing else "its experts may be laid out in any way"
        raise FtuiError(
            f"No model family {fields.model_type!r} in ftui",
            f"the config cannot be read as a Llama either: {why}",
            "Run a dry run with the installed transformers: ftui fit MODEL --dry-run",
        )
    fields.assumed.append(f"model family {fields.model_type} is not known: counted like a Llama")
    return _finish(_llama_like(fields), fields.config, fields)


def _llama_like(fields: Fields) -> ModelShape:
    mt = fields.model_type
    hidden, layers, vocab = fields.size("hidden_size"), fields.size("num_hidden_layers"), fields.size("vocab_size")
    tied = fields.flag(mt in _TIED_BY_DEFAULT, "tie_word_embeddings")
    norm_params, norms, final_norm = _norms(fields, hidden)
    kinds = _layer_kinds(fields, layers)
    dense_first = fields.optional_size("first_k_dense_replace") or 0
    blocks: list[Block] = []
    for index, kind in enumerate(kinds):
        linears, attention, attention_extra = _attention(fields, hidden, kind)
        mlp_linears, mlp = _mlp(fields, hidden, dense=index < dense_first)
        block = Block(
            count=1,
            attention=attention,
            mlp=mlp,
            linears=(*linears, *mlp_linears),
            norm_params=norm_params + attention_extra,
            norm=_norm_kind(mt),
            norms=norms,
            norms_after=mt in ("olmo2", "olmo3"),
            parallel=fields.flag(False, "use_parallel_residual") or mt.startswith("cohere"),
        )
        _append(blocks, block)
    return ModelShape(
        model_type=mt,
        architecture="",
        hidden_size=hidden,
        vocab_size=vocab,
        blocks=tuple(blocks),
        tied=tied,
        max_positions=fields.optional_size("max_position_embeddings", "model_max_length"),
        embedding_width=hidden,
        final_norm_params=final_norm,
        head_bias=mt == "phimoe" and fields.flag(False, "lm_head_bias"),
        softcap=_softcapped(fields, "final_logit_softcapping"),
    )


def _append(blocks: list[Block], block: Block) -> None:
    """Add a layer, merging it into an equal group anywhere in the model: order does not change any size."""
    from dataclasses import replace

    for index, group in enumerate(blocks):
        if replace(group, count=1) == block:
            blocks[index] = replace(group, count=group.count + 1)
            return
    blocks.append(block)


def _layer_kinds(fields: Fields, layers: int) -> list[str]:
    """full_attention, sliding_attention or linear_attention for each layer."""
    listed = fields.config.get("layer_types")
    if isinstance(listed, list) and listed:
        if len(listed) != layers:
            raise FtuiError("The config makes no sense", f"layer_types has {len(listed)} entries for {layers} layers")
        return ["full_attention" if kind == "attention" else str(kind) for kind in listed]
    pattern = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6}.get(fields.model_type)
    if pattern and fields.has("sliding_window"):
        pattern = fields.optional_size("sliding_window_pattern") or pattern
        return ["full_attention" if (index + 1) % pattern == 0 else "sliding_attention" for index in range(layers)]
    always = fields.model_type in ("mistral", "phi3", "mixtral") and fields.has("sliding_window")
    return ["sliding_attention" if always else "full_attention"] * layers


def _norm_kind(model_type: str) -> NormKind:
    if model_type == "olmo":
        return "none"
    if model_type in ("stablelm", "phimoe", "starcoder2") or model_type.startswith("cohere"):
        return "layer"
    return "rms_wide" if model_type.startswith(("gemma", "qwen3_5", "olmo2", "olmo3")) else "rms"


def _norms(fields: Fields, hidden: int) -> tuple[int, int, int]:
    """Norm elements of one layer, number of norms on the stream, elements of the final norm."""
    mt = fields.model_type
    if mt == "olmo":
        return 0, 2, 0
    if mt == "stablelm":
        # transformers creates the biases whatever use_norm_bias says, and the released 12B has them.
        width = 2 * hidden if fields.flag(True, "use_norm_bias") else hidden
        count = 1 if fields.flag(False, "use_parallel_residual") else 2
        return count * width, count, width
    if mt in ("phimoe", "starcoder2"):
        return 4 * hidden, 2, 2 * hidden
    if mt.startswith("cohere"):
        return hidden, 1, hidden
    count = 4 if mt in _FOUR_NORMS else 2
    return count * hidden, count, hidden


def _attention(fields: Fields, hidden: int, kind: str) -> tuple[list[Linear], Attention, int]:
    """The matrices of one layer's attention, what it computes, and its elements outside matrices."""
    mt = fields.model_type
    if kind == "linear_attention":
        return _delta_net(fields, hidden)
    if mt == "deepseek_v2":
        return _latent_attention(fields, hidden)
    heads, kv_heads, head_dim = fields.heads()
    q, kv = heads * head_dim, kv_heads * head_dim
    bias = fields.flag(mt == "starcoder2", "attention_bias", "use_bias")
    qkv_bias = bias or mt == "qwen2" or (mt == "stablelm" and fields.flag(False, "use_qkv_bias"))
    gate = mt.startswith("qwen3_5") and fields.flag(True, "attn_output_gate")
    linears = [
        Linear("q_proj", hidden, q * (2 if gate else 1), qkv_bias, role="attention"),
        Linear("k_proj", hidden, kv, qkv_bias, role="attention"),
        Linear("v_proj", hidden, kv, qkv_bias, role="attention"),
        Linear("o_proj", q, hidden, bias and mt not in ("glm4", "qwen2"), role="attention"),
    ]
    if mt == "phi3":
        linears[:3] = [Linear("qkv_proj", hidden, q + 2 * kv, role="attention")]
    if mt == "baichuan":
        linears[:3] = [Linear("W_pack", hidden, q + 2 * kv, role="attention")]
    if mt == "internlm2":
        linears = [
            Linear("wqkv", hidden, q + 2 * kv, bias, role="attention"),
            Linear("wo", q, hidden, bias, role="attention"),
        ]
    extra = heads if mt == "gpt_oss" else 0
    qk_norm = False
    if mt in _HEAD_NORMS:
        extra, qk_norm = extra + 2 * head_dim, True
    if mt in ("olmo2", "olmo3", "olmoe") or (mt == "stablelm" and fields.flag(False, "qk_layernorm")):
        extra, qk_norm = extra + q + kv, True
    window = fields.optional_size("sliding_window") if kind == "sliding_attention" else None
    rotary = fields.config.get("partial_rotary_factor")
    attention = Attention(
        heads=heads,
        kv_heads=kv_heads,
        qk_dim=head_dim,
        value_dim=head_dim,
        window=window,
        qk_norm=qk_norm,
        rotary_fraction=float(rotary) if isinstance(rotary, (int, float)) else 1.0,
        output_gate=gate,
        scores="softcap" if _softcapped(fields, "attn_logit_softcapping") else "",
    )
    return linears, attention, extra


def _latent_attention(fields: Fields, hidden: int) -> tuple[list[Linear], Attention, int]:
    """Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434)."""
    heads = fields.size("num_attention_heads")
    nope, rope = fields.size("qk_nope_head_dim"), fields.size("qk_rope_head_dim")
    value, kv_rank = fields.size("v_head_dim"), fields.size("kv_lora_rank")
    q_rank = fields.optional_size("q_lora_rank")
    extra = kv_rank
    if q_rank is None:
        linears = [Linear("q_proj", hidden, heads * (nope + rope), role="attention")]
    else:
        extra += q_rank
        linears = [
            Linear("q_a_proj", hidden, q_rank, role="attention"),
            Linear("q_b_proj", q_rank, heads * (nope + rope), role="attention"),
        ]
    linears += [
        Linear("kv_a_proj_with_mqa", hidden, kv_rank + rope, role="attention"),
        Linear("kv_b_proj", kv_rank, heads * (nope + value), role="attention"),
        Linear("o_proj", heads * value, hidden, role="attention"),
    ]
    rotary = rope / (nope + rope)
    return linears, Attention("softmax", heads, heads, nope + rope, value, rotary_fraction=rotary), extra


def _delta_net(fields: Fields, hidden: int) -> tuple[list[Linear], Attention, int]:
    """Gated DeltaNet, the linear attention of Qwen3.5."""
    key_heads, value_heads = fields.size("linear_num_key_heads"), fields.size("linear_num_value_heads")
    key_dim, value_dim = fields.size("linear_key_head_dim"), fields.size("linear_value_head_dim")
    kernel = fields.size("linear_conv_kernel_dim")
    keys, values = key_heads * key_dim, value_heads * value_dim
    conv = 2 * keys + values
    linears = [
        Linear("in_proj_qkv", hidden, conv, role="attention"),
        Linear("in_proj_z", hidden, values, role="attention"),
        Linear("in_proj_b", hidden, value_heads, role="attention"),
        Linear("in_proj_a", hidden, value_heads, role="attention"),
        Linear("out_proj", values, hidden, role="attention"),
    ]
    extra = conv * kernel + 2 * value_heads + value_dim
    return linears, Attention("linear", value_heads, key_heads, key_dim, value_dim, rotary_fraction=0.0), extra


def _mlp(fields: Fields, hidden: int, dense: bool) -> tuple[list[Linear], Mlp]:
    """The matrices of one layer's feed-forward part, and what it computes."""
    mt = fields.model_type
    act = fields.text("silu", "hidden_act", "hidden_activation")
    experts = 0 if dense or mt == "granitemoehybrid" else _experts(fields)
    if experts:
        return _moe(fields, hidden, experts, act)
    if mt == "granitemoehybrid":
        if _experts(fields) or "mamba" in (fields.config.get("layer_types") or []):
            raise FtuiError("No sizes for this model", "Granite hybrids with Mamba layers or experts are not counted")
        width = fields.size("shared_intermediate_size")
        return [
            Linear("input_linear", hidden, 2 * width),
            Linear("output_linear", width, hidden),
        ], Mlp("gated", width, act)
    width = fields.size("intermediate_size")
    bias = fields.flag(False, "mlp_bias")
    if mt in ("phi3", "glm4"):
        return [Linear("gate_up_proj", hidden, 2 * width), Linear("down_proj", width, hidden)], Mlp("gated", width, act)
    if mt == "starcoder2":
        bias = fields.flag(True, "use_bias")
        return [Linear("c_fc", hidden, width, bias), Linear("c_proj", width, hidden, bias)], Mlp("plain", width, act)
    if mt == "arcee":
        return [Linear("up_proj", hidden, width, bias), Linear("down_proj", width, hidden, bias)], Mlp(
            "plain", width, act
        )
    names = ("w1", "w3", "w2") if mt == "internlm2" else ("gate_proj", "up_proj", "down_proj")
    return [
        Linear(names[0], hidden, width, bias),
        Linear(names[1], hidden, width, bias),
        Linear(names[2], width, hidden, bias),
    ], Mlp("gated", width, act)


def _experts(fields: Fields) -> int:
    return fields.optional_size("num_local_experts", "num_experts", "n_routed_experts") or 0


def _moe(fields: Fields, hidden: int, experts: int, act: str) -> tuple[list[Linear], Mlp]:
    mt = fields.model_type
    width = fields.size("moe_intermediate_size", "intermediate_size")
    bias = mt == "gpt_oss"
    linears = [
        Linear("gate_up_proj", hidden, 2 * width, bias, experts, "expert"),
        Linear("down_proj", width, hidden, bias, experts, "expert"),
        Linear("gate", hidden, experts, bias, role="router"),
    ]
    shared = width * (fields.optional_size("n_shared_experts") or 0)
    shared = fields.optional_size("shared_expert_intermediate_size") or shared
    if shared:
        linears += [
            Linear("gate_proj", hidden, shared),
            Linear("up_proj", hidden, shared),
            Linear("down_proj", shared, hidden),
        ]
    if fields.has("shared_expert_intermediate_size"):
        linears.append(Linear("shared_expert_gate", hidden, 1))
    per_token = fields.size("num_experts_per_tok")
    if per_token > experts:
        raise FtuiError("The config makes no sense", f"{per_token} of {experts} experts per token")
    return linears, Mlp("moe", width, act, experts, per_token, shared)


def _softcapped(fields: Fields, name: str) -> bool:
    """Whether this soft cap is on: Gemma 2 has both where its config does not say."""
    return fields.has(name) or (fields.model_type == "gemma2" and name not in fields.config)
