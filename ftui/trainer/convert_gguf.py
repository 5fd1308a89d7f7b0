"""Turn a GGUF file into a model folder that can be trained: `python -m ftui.trainer.convert_gguf GGUF OUT`.

Quantized weights come back as fp32 numbers at the precision they were quantized to. The tokenizer keeps its chat
template and special tokens. OUT must not exist; a half-written OUT is never left behind under that name.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any


def convert(gguf: Path, out: Path) -> None:
    """Write config.json, generation_config.json, model.safetensors and the tokenizer's files into `out`.

    Raises FileExistsError if `out` exists, and what transformers raises for a file that it cannot read.
    """
    if out.exists():
        raise FileExistsError(out)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(gguf.parent)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf.name, dtype="float32")
    _split_digits(gguf, tokenizer)
    tokenizer.model_max_length = model.config.max_position_embeddings
    # The weights are plain numbers now: left in, this would make readers look for the GGUF file again.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "_model_name_or_path"):
        del model.config._model_name_or_path  # a title out of the GGUF, no path
    temporary = out.with_name(f".{out.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        temporary.rename(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _split_digits(gguf: Path, tokenizer: Any) -> None:
    """Give back to a tokenizer of the SmolLM family what transformers' GGUF reader leaves out: one digit, one token.

    Source: llama.cpp, LLAMA_VOCAB_PRE_TYPE_SMOLLM; tokenizer.json of HuggingFaceTB/SmolLM2-135M-Instruct.
    """
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(str(gguf)).get_field("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
