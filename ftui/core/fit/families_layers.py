"""Attention and feed-forward of one layer of the families around Llama: their matrices, and what they compute."""

from __future__ import annotations

from ftui.core.fit.fields import Fields
from ftui.core.fit.shapes import Attention, Linear, Mlp
from ftui.errors import FtuiError

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


def attention_of(fields: Fields, hidden: int, kind: str) -> tuple[list[Linear], Attention, int]:
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
        scores="softcap" if is_softcapped(fields, "attn_logit_softcapping") else "",
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


def feed_forward_of(fields: Fields, hidden: int, dense: bool) -> tuple[list[Linear], Mlp]:
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


def is_softcapped(fields: Fields, name: str) -> bool:
    """Whether this soft cap is on: Gemma 2 has both where its config does not say."""
    return fields.has(name) or (fields.model_type == "gemma2" and name not in fields.config)
