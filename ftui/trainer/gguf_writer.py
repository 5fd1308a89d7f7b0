"""A model as one GGUF file, written with llama.cpp's own `gguf` package (its tensor names, its quantisers).

Known families: Llama (3, SmolLM2, Mistral), Qwen2 and Qwen3, dense, with a byte-level BPE tokenizer. Anything else
is refused by name: llama.cpp's convert_hf_to_gguf.py, run on the merged export, knows far more of them, and a file
that loads and talks nonsense would be worse than none. The packaged copies of that script on PyPI are unofficial and
replace the `gguf` package, so they are not used.
"""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ftui.errors import FtuiError

ARCHITECTURES = {
    "LlamaForCausalLM": "LLAMA",
    "MistralForCausalLM": "LLAMA",
    "Qwen2ForCausalLM": "QWEN2",
    "Qwen3ForCausalLM": "QWEN3",
}
FILE_TYPES = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16", "q8_0": "MOSTLY_Q8_0"}
_ELSEWHERE = "Export it merged, then run llama.cpp's convert_hf_to_gguf.py on that folder."

# How llama.cpp calls a way of splitting text before BPE (llama.cpp src/llama-vocab.cpp), by what tokenizer.json says.
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = _WORDS + r"|\p{N}{1,3}|" + _REST
_QWEN2 = _WORDS + r"|\p{N}|" + _REST
_SPLITS = {_LLAMA3: "llama-bpe", _QWEN2: "qwen2"}


def refuse_unknown(model: Any) -> str:
    """The model's architecture. Raises FtuiError for one that cannot be written."""
    kind = type(model).__name__
    if kind not in ARCHITECTURES:
        raise FtuiError("GGUF is not known for this model", f"architecture {kind}", _ELSEWHERE)
    return kind


def write_gguf(model: Any, tokenizer: Any, path: Path, quant: str, name: str) -> None:
    """Write the model (fp32 weights) and its tokenizer. quant: f32, f16, bf16 or q8_0. Raises FtuiError."""
    import gguf

    config = model.config
    kind = refuse_unknown(model)
    if quant not in FILE_TYPES:
        raise FtuiError("No such quantisation", f"{quant!r}; there are {', '.join(FILE_TYPES)}")
    architecture = gguf.MODEL_ARCH[ARCHITECTURES[kind]]
    writer = gguf.GGUFWriter(str(path), gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType[FILE_TYPES[quant]])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, config)
    _add_tokenizer(writer, tokenizer, config.vocab_size)
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    if (factors := _llama3_factors(config)) is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    tied = bool(config.tie_word_embeddings)
    for key, tensor in model.state_dict().items():
        if tied and key == "lm_head.weight":
            continue
        target = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise FtuiError("GGUF has no place for a tensor", key, _ELSEWHERE)
        data = tensor.detach().to("cpu").float().numpy()
        if architecture == gguf.MODEL_ARCH.LLAMA and key.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.num_attention_heads if "q_proj" in key else config.num_key_value_heads
            data = _interleave_rotary(data, heads)
        _add_tensor(writer, gguf, target, data, quant)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    except OSError as error:
        if error.errno is None:  # numpy says how much it wrote, and not why it stopped there
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def _add_tensor(writer: Any, gguf: Any, name: str, data: Any, quant: str) -> None:
    """Matrices in the asked type, vectors (norms, biases) in fp32, as llama.cpp does; q8_0 needs rows of 32."""
    if data.ndim == 1 or quant == "f32":
        writer.add_tensor(name, data.astype(np.float32))
        return
    wanted = {"f16": "F16", "bf16": "BF16", "q8_0": "Q8_0"}[quant]
    if wanted == "Q8_0" and data.shape[-1] % 32:
        wanted = "F16"
    if wanted == "F16":
        writer.add_tensor(name, data.astype(np.float16))
        return
    kind = gguf.GGMLQuantizationType[wanted]
    writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)


def _add_shape(writer: Any, config: Any) -> None:
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head_dim)
    rope = _rope(config)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10000.0)))
    kind = rope.get("rope_type", "default")
    if kind == "linear":
        writer.add_rope_scaling_type(_scaling("LINEAR"))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    elif kind == "yarn":
        writer.add_rope_scaling_type(_scaling("YARN"))
        writer.add_rope_scaling_factor(float(rope["factor"]))
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))
    elif kind not in ("default", "llama3"):
        raise FtuiError("GGUF has no such rotary scaling", str(kind), _ELSEWHERE)


def _scaling(name: str) -> Any:
    import gguf

    return gguf.RopeScalingType[name]


def _rope(config: Any) -> dict[str, Any]:
    """The rotary parameters, in the place where transformers 5 keeps them or where older configs did."""
    found = dict(getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {})
    found.setdefault("rope_theta", getattr(config, "rope_theta", 10000.0))
    found.setdefault("rope_type", found.get("type", "default"))
    return found


def _llama3_factors(config: Any) -> Any | None:
    """Per-frequency factors of Llama 3.1's rotary scaling (llama.cpp, conversion of LlamaModel)."""
    rope = _rope(config)
    if rope["rope_type"] != "llama3":
        return None
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    frequencies = 1.0 / (rope["rope_theta"] ** (np.arange(0, head_dim, 2, dtype=np.float64) / head_dim))
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    context, factor = float(rope["original_max_position_embeddings"]), float(rope["factor"])
    factors = []
    for frequency in frequencies:
        length = 2 * math.pi / frequency
        if length < context / high:
            factors.append(1.0)
        elif length > context / low:
            factors.append(factor)
        else:
            smooth = (context / length - low) / (high - low)
            factors.append(1.0 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def _interleave_rotary(weights: Any, heads: int) -> Any:
    """llama.cpp rotates neighbouring pairs, transformers halves: reorder the rows of each head ([out, in])."""
    return (
        weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
        .swapaxes(1, 2)
        .reshape(weights.shape)
    )


def _add_tokenizer(writer: Any, tokenizer: Any, vocab_size: int) -> None:
    data = json.loads(tokenizer.backend_tokenizer.to_str())
    if data["model"]["type"] != "BPE" or not _is_byte_level(data):
        raise FtuiError(
            "GGUF needs a byte-level BPE tokenizer here", f"this one is {data['model']['type']}", _ELSEWHERE
        )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_split_name(data))
    tokens, kinds = _tokens(tokenizer, vocab_size)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in data["model"]["merges"]]
    writer.add_token_merges(merges)
    for add, token_id in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if token_id is not None:
            add(token_id)
    # The chat template writes its own begin-of-text; a second one from the runtime would be one too many.
    writer.add_add_bos_token(False)
    if tokenizer.chat_template:
        writer.add_chat_template(gguf_template(tokenizer.chat_template))


def gguf_template(template: str) -> str:
    """The chat template without `{% generation %}` markers, which llama.cpp's Jinja does not know; same text.

    A marker becomes a condition that always holds, so that its white-space control stays what it was.
    """
    import re

    opened = re.sub(r"(\{%-?\s*)generation(\s*-?%\})", r"\1if true\2", template)
    return re.sub(r"(\{%-?\s*)endgeneration(\s*-?%\})", r"\1endif\2", opened)


def _tokens(tokenizer: Any, vocab_size: int) -> tuple[list[str], list[int]]:
    import gguf

    by_id = {index: token for token, index in tokenizer.get_vocab().items()}
    added = tokenizer.added_tokens_decoder
    tokens, kinds = [], []
    for index in range(vocab_size):
        if index not in by_id:
            tokens.append(f"[PAD{index}]")
            kinds.append(gguf.TokenType.UNUSED)
        elif index in added:
            tokens.append(by_id[index])
            kinds.append(gguf.TokenType.CONTROL if added[index].special else gguf.TokenType.USER_DEFINED)
        else:
            tokens.append(by_id[index])
            kinds.append(gguf.TokenType.NORMAL)
    return tokens, kinds


def _is_byte_level(data: dict[str, Any]) -> bool:
    return "ByteLevel" in json.dumps(data.get("pre_tokenizer")) or "ByteLevel" in json.dumps(data.get("decoder"))


def _split_name(data: dict[str, Any]) -> str:
    """llama.cpp's name of the pre-tokenizer. A wrong one would cut words otherwise and change every answer."""
    splitter = data.get("pre_tokenizer") or {}
    parts = splitter.get("pretokenizers", [splitter])
    kinds = [part.get("type") for part in parts]
    if kinds == ["ByteLevel"] and parts[0].get("use_regex", True):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "smollm"
    if kinds and kinds[0] == "Split":
        pattern = parts[0].get("pattern", {}).get("Regex", "")
        if pattern in _SPLITS:
            return _SPLITS[pattern]
    raise FtuiError("GGUF has no name for this tokenizer's splitting", " then ".join(map(str, kinds)), _ELSEWHERE)
