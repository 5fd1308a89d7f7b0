"""config.json -> ModelShape, for every model family that ftui knows. Names and shapes are those of transformers 5.

The families around Llama share one reader here, whose attention and feed-forward parts are in `families_layers.py`;
older families with LayerNorm are in `families_classic.py`, vision towers in `families_vision.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.fit.families_layers import attention_of, feed_forward_of, is_softcapped
from ftui.core.fit.families_vision import vision_params
from ftui.core.fit.fields import Fields
from ftui.core.fit.shapes import Block, ModelShape, NormKind
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
        linears, attention, attention_extra = attention_of(fields, hidden, kind)
        mlp_linears, mlp = feed_forward_of(fields, hidden, dense=index < dense_first)
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
        softcap=is_softcapped(fields, "final_logit_softcapping"),
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
