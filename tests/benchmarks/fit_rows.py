"""The published measurements behind fit.py: each source's recipe, written out field by field from its columns.

Nothing here is tuned to a row. Where a source runs older code than today's (transformers 4.45, a plain loop without
autocast, torch.compile), the fields of FitRequest that stand for that are set, with the reason beside them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.core.catalog.gpus import Gpu, gpu_named
from ftui.core.catalog.models import find_model
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape, shape_from_config
from ftui.services.fit_stack import with_stack

CSV = Path(__file__).resolve().parents[2].parent / "shared" / "vram" / "measured.csv"

CATALOGUE_IDS = {
    "TheBloke/Mistral-7B-v0.1-GPTQ": "mistralai/Mistral-7B-v0.1",
    "TheBloke/Mixtral-8x7B-Instruct-v0.1-GPTQ": "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "TheBloke/Llama-2-70B-GPTQ": "meta-llama/Llama-2-70b-hf",
    "NousResearch/Llama-2-70b-hf": "meta-llama/Llama-2-70b-hf",
    "TechxGenus/Meta-Llama-3-8B-GPTQ": "meta-llama/Meta-Llama-3-8B",
    "Llama-2-7B": "meta-llama/Llama-2-7b-hf",
    "Llama-2-13B": "meta-llama/Llama-2-13b-hf",
    "Llama-3.2-3B": "meta-llama/Llama-3.2-3B",
    "Llama-3.1-8B": "meta-llama/Llama-3.1-8B",
    "phi-1.5": "microsoft/phi-1_5",
    "yi-6b-chat": "01-ai/Yi-1.5-6B",
    "yi-34b-chat": "01-ai/Yi-1.5-34B",
    "openbuddy-zephyr-7b-chat": "mistralai/Mistral-7B-v0.1",
}


def _qwen(hidden: int, layers: int, heads: int, width: int, vocab: int) -> dict[str, Any]:
    return {
        "model_type": "qwen", "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": width, "vocab_size": vocab, "seq_length": 8192, "tie_word_embeddings": False,
    }  # fmt: skip


CONFIGS: dict[str, dict[str, Any]] = {
    "bigcode/gpt_bigcode-santacoder": {
        "model_type": "gpt_bigcode", "n_embd": 2048, "n_head": 16, "n_layer": 24, "n_positions": 2048, "n_inner": 8192,
        "vocab_size": 49280, "multi_query": True, "activation_function": "gelu_pytorch_tanh",
    },
    "Qwen-1.8B": _qwen(2048, 24, 16, 11008, 151936),
    "Qwen-7B": _qwen(4096, 32, 32, 22016, 151936),
    "Qwen-14B": _qwen(5120, 40, 40, 27392, 152064),
    "Qwen-72B": _qwen(8192, 80, 64, 49152, 152064),
    "chatglm3-6b": {
        "model_type": "chatglm", "hidden_size": 4096, "num_layers": 28, "ffn_hidden_size": 13696,
        "num_attention_heads": 32, "multi_query_group_num": 2, "kv_channels": 128, "padded_vocab_size": 65024,
        "seq_length": 8192,
    },
    "baichuan2-7b-chat": {
        "model_type": "baichuan", "hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 11008,
        "num_attention_heads": 32, "vocab_size": 125696, "tie_word_embeddings": False,
    },
    "baichuan2-13b-chat": {
        "model_type": "baichuan", "hidden_size": 5120, "num_hidden_layers": 40, "intermediate_size": 13696,
        "num_attention_heads": 40, "vocab_size": 125696, "tie_word_embeddings": False,
    },
    "StableLM-Alpha-3B": {
        "model_type": "gpt_neox", "hidden_size": 4096, "num_hidden_layers": 16, "num_attention_heads": 32,
        "intermediate_size": 16384, "vocab_size": 50688, "max_position_embeddings": 4096,
    },
}  # fmt: skip
CONFIGS |= {f"qwen-{size}-chat": CONFIGS[f"Qwen-{name}"] for size, name in
            (("1_8b", "1.8B"), ("7b", "7B"), ("14b", "14B"), ("72b", "72B"))}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One measurement that can be predicted."""

    id: str
    source: str
    grade: str
    model: str
    shape: ModelShape
    gpu: Gpu
    request: FitRequest
    """The recipe with everything known of the source's stack."""
    flags: FitRequest
    """The recipe as far as the flags of `ftui fit` in the command contract can say it."""
    measured_bytes: float | None
    """torch.cuda.max_memory_allocated(); None for an out-of-memory run, or where reserved memory was measured."""
    device_bytes: float | None
    """nvidia-smi, or reserved memory with (T4) or without (others) the context."""
    column: str


def read_rows() -> list[Row]:
    """Every single-GPU row whose recipe and model are known."""
    with CSV.open(newline="", encoding="utf-8") as file:
        return [row for raw in csv.DictReader(file) if raw["n_gpus"] == "1" and (row := _row(raw))]


def _row(raw: dict[str, str]) -> Row | None:
    shape = _shape(raw["model"])
    recipe = _recipe(raw)
    if shape is None or recipe is None or not raw["seq_len"] or not raw["micro_batch"]:
        return None
    fields, source = recipe
    value = float(raw["peak_GiB"]) * 2**30 if raw["peak_GiB"] else None
    reserved = "reserved" in raw["measure"]
    return Row(
        id=raw["id"],
        source=source,
        grade=raw["grade"],
        model=raw["model"].rpartition("/")[2],
        shape=shape,
        gpu=_gpu(raw["gpu"]),
        request=FitRequest(**fields),
        flags=FitRequest(**with_stack(_flags(fields))),
        measured_bytes=None if reserved else value,
        device_bytes=value if reserved else _device(raw["notes"]),
        column=_column(source, fields),
    )


def _shape(name: str) -> ModelShape | None:
    if name in CONFIGS:
        return shape_from_config(CONFIGS[name])
    card = find_model(CATALOGUE_IDS.get(name, name))
    return shape_from_config(card.config) if card else None


def _gpu(name: str) -> Gpu:
    known = {"Tesla T4": "Tesla T4", "A100-80GB": "A100-80GB", "A100-SXM4-80GB": "A100-80GB", "A100": "A100-80GB",
             "RTX 4090": "RTX 4090", "NVIDIA L40S": "L40S"}  # fmt: skip
    return gpu_named(known.get(name, "A100-40GB"))


def _device(notes: str) -> float | None:
    found = re.search(r"nvidia-smi peak same run ([\d.]+) MiB", notes)
    found = found or re.search(r"process\(reserved\+context\) (\d+) MiB", notes)
    return float(found.group(1)) * 2**20 if found else None


def _common(raw: dict[str, str]) -> dict[str, Any]:
    method = "qlora" if "qlora" in raw["technique"] else raw["technique"]
    fields: dict[str, Any] = {
        "method": method,
        "seq_len": int(raw["seq_len"] or 2048),
        "micro_batch": int(raw["micro_batch"] or 1),
        "grad_checkpointing": raw["grad_ckpt"].startswith("on"),
        "optimizer": "adamw_torch",
        "attention": "flash" if raw["attn_impl"].lower().startswith(("flash", "hf+fa2", "unsloth+fa2")) else "sdpa",
    }
    if raw["attn_impl"].startswith(("eager", "HF")) and "FA2" not in raw["attn_impl"]:
        fields["attention"] = "eager"
    if method != "full":
        fields["adapter_dtype"] = "fp32"  # as PEFT makes them; today's TRL narrows those of QLoRA
        fields["lora_rank"] = int(raw["lora_rank"] or 8)
        fields["lora_targets"] = tuple(raw["lora_targets"].split()) or ("all-linear",)
    return fields


def _recipe(raw: dict[str, str]) -> tuple[dict[str, Any], str] | None:
    if raw["technique"] not in ("full", "lora", "qlora"):
        return None
    framework, fields = raw["framework"], _common(raw)
    if "fms-hf-tuning" in framework:
        return _fms(raw, fields), "fms " + framework.rpartition("config=")[2].rstrip(")")
    if "fitcheck" in framework:
        # A plain loop: fp16 weights, no autocast, `out` alive during backward.
        return {**fields, "precision": "fp16", "quant": "nf4" if fields["method"] == "qlora" else "none"}, "T4 script"
    if framework == "torchtune":
        return _torchtune(raw, fields), "torchtune"
    if framework.startswith("Qwen finetune"):
        return _qwen_script(raw, fields), "Qwen README"
    if framework.startswith("ms-swift"):
        return _swift(raw, fields), "ms-swift"
    if framework.startswith("litgpt"):
        return _litgpt(raw, fields), "litgpt"
    return None


def _fms(raw: dict[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    fields["transformers"] = "4.48" if "4.48.1" in raw["notes"] else "4.45"
    fields["logits_held"] = False  # the Trainer drops the output before backward
    fields["precision"] = "bf16" if "pure" in raw["mixed_precision"] else raw["mixed_precision"].split()[0] + "-mixed"
    if fields["method"] == "full":
        fields["precision"] = "bf16"  # weights and AdamW state are in bf16 in all of them (5 x 2 bytes per weight)
    fields["loss"] = {"no": "full", "liger fused CE": "fused"}.get(raw["fused_loss"], "inplace")
    if fields["method"] == "qlora":
        fields["quant"] = "gptq" if "gptq" in raw["quant"] else "nf4-dq"
        fields["kbit_upcast"] = "norms" if "baseline" in raw["framework"] else "none"
        if "Mixtral" in raw["model"] and "GPTQ" in raw["model"]:
            fields["gptq_group"] = 0  # that checkpoint has no groups
    return fields


def _torchtune(raw: dict[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    fields |= {
        "precision": "bf16",
        "adapter_dtype": "bf16",
        "optimizer": "adamw_8bit" if "8bit" in raw["optimizer"] else "adamw_torch_fused",
        "optimizer_in_backward": "backward" in raw["optimizer"],
        "offload_activations": "offload" in raw["grad_ckpt"],
        "compiled": "compile on" in raw["notes"] or "compile enabled" in raw["notes"],
        "loss": "full" if raw["fused_loss"] == "no" else "chunked",
        "loss_keeps_logits": raw["fused_loss"] != "no",
    }
    if fields["method"] == "qlora":
        fields |= {"quant": "nf4-dq", "kbit_upcast": "none"}
    if fields["method"] != "full":
        fields |= {"lora_rank": 64 if "3B" in raw["model"] else 8, "lora_targets": ("all-linear",)}
    return fields


def _qwen_script(raw: dict[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    # The model's own code shifts copies of fp32 logits, as transformers 4.48 does; gradients are accumulated over 8.
    fields |= {"precision": "bf16-mixed", "transformers": "4.48", "logits_held": False, "accumulates": True}
    if "modules_to_save" in raw["lora_targets"]:
        fields |= {
            "lora_targets": ("c_attn", "c_proj", "w1", "w2"),
            "modules_to_save": ("embed_tokens", "lm_head"),
        }
    if fields["method"] == "qlora":
        fields |= {"precision": "fp16", "quant": "gptq"}
    return fields


def _swift(raw: dict[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    fields |= {"precision": "bf16-mixed", "transformers": "4.45", "logits_held": False}
    if fields["method"] == "full":
        fields["precision"] = "bf16"
    if "DEFAULT" in raw["lora_targets"]:
        names = {"qwen": ("c_attn",), "chatglm": ("query_key_value",), "baichuan": ("W_pack",)}
        family = next((value for key, value in names.items() if key in raw["model"]), ("q_proj", "k_proj", "v_proj"))
        fields["lora_targets"] = family
    elif raw["lora_targets"] == "all linear":
        fields["lora_targets"] = ("all-linear",)
    if fields["method"] == "qlora":
        fields |= {"quant": "gptq" if "gptq" in raw["quant"] else "nf4", "kbit_upcast": "none"}
        if raw["quant"].startswith("int8"):
            fields["quant"] = "int8"
    return fields


def _litgpt(raw: dict[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    names = {"StableLM": ("query_key_value",), "phi": ("q_proj", "v_proj")}
    targets = next((value for key, value in names.items() if key in raw["model"]), ("q_proj", "v_proj"))
    fields |= {
        "precision": "bf16", "adapter_dtype": "bf16", "loss": "chunked", "loss_keeps_logits": True,
        "lora_targets": targets,
    }  # fmt: skip
    if fields["method"] == "qlora":
        fields |= {"quant": raw["quant"] if raw["quant"] in ("nf4", "nf4-dq") else "nf4", "kbit_upcast": "none"}
    return fields


CONTRACT = ("method", "seq_len", "micro_batch", "grad_checkpointing", "optimizer", "attention", "lora_rank",
            "lora_targets", "quant", "loss", "precision")  # fmt: skip
"""Fields that the command contract has flags for."""


def _flags(fields: dict[str, Any]) -> dict[str, Any]:
    flags = {"loss": "full", **{name: value for name, value in fields.items() if name in CONTRACT}}
    if flags.get("loss") == "inplace":
        flags["loss"] = "full"
    if flags.get("precision") == "fp16":
        flags["precision"] = "fp16-mixed"
    if flags.get("quant") == "gptq":
        flags["quant"] = "nf4"
    return flags


def _column(source: str, fields: dict[str, Any]) -> str:
    """The column of section 2 of the research that a row belongs to; empty if none."""
    if source == "T4 script":
        return "T4"
    if not source.startswith("fms"):
        return ""
    if fields["method"] == "full":
        return "A100 full, pure bf16"
    return {"full": "A100 plain CE", "fused": "A100 Liger CE", "inplace": "A100 Triton CE"}[fields["loss"]]
