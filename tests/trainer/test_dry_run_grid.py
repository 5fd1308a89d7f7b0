"""The closed form against the dry run, over families and techniques: it may not depart by more than 2 %.

The dry run takes the step that the installed transformers, peft and trl take, so this is also what notices when one of
them changes. Shapes are small, lengths are not: every term counts for something.
"""

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

from ftui.core.fit.memory import predict_memory
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import shape_from_config
from ftui.trainer.dry_run import LIBRARY_WORKSPACE_BYTES, dry_run

TOLERANCE = 0.02
BASE = {
    "hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 3, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 16384, "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
}  # fmt: skip
FAMILIES = {
    "llama": {**BASE, "model_type": "llama", "tie_word_embeddings": False, "hidden_act": "silu"},
    "qwen2": {**BASE, "model_type": "qwen2", "tie_word_embeddings": True, "hidden_act": "silu"},
    "qwen3": {**BASE, "model_type": "qwen3", "tie_word_embeddings": False, "hidden_act": "silu"},
    "mistral": {**BASE, "model_type": "mistral", "sliding_window": None, "tie_word_embeddings": False},
    "gemma2": {
        **BASE, "model_type": "gemma2", "tie_word_embeddings": True, "num_hidden_layers": 4, "sliding_window": 4096,
        "layer_types": ["sliding_attention", "full_attention"] * 2, "hidden_activation": "gelu_pytorch_tanh",
    },
    "gpt2": {
        "model_type": "gpt2", "n_embd": 512, "n_layer": 3, "n_head": 8, "vocab_size": 16384, "n_positions": 4096,
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    },
    "pythia": {
        "model_type": "gpt_neox", "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 3,
        "num_attention_heads": 8, "vocab_size": 16384, "max_position_embeddings": 4096, "rotary_pct": 0.25,
        "use_parallel_residual": True, "tie_word_embeddings": False, "hidden_act": "gelu",
    },
    "moe": {
        **BASE, "model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 704,
        "tie_word_embeddings": False, "decoder_sparse_step": 1, "mlp_only_layers": [],
    },
}  # fmt: skip
COMMON = {"seq_len": 1024, "micro_batch": 2, "loss": "chunked", "logits_held": False, "lora_rank": 16}
QUICK = [
    ("llama", {"method": "lora"}),
    ("llama", {"method": "lora", "loss": "full", "grad_checkpointing": False}),
    ("llama", {"method": "lora", "loss": "fused", "kernels": "liger"}),
    ("llama", {"method": "qlora", "quant": "nf4-dq"}),
    ("llama", {"method": "full"}),
    ("llama", {"method": "full", "precision": "bf16", "optimizer": "adamw_torch"}),
    ("llama", {"method": "lora", "task": "dpo", "micro_batch": 1}),
    ("gpt2", {"method": "lora", "grad_checkpointing": False}),
    ("moe", {"method": "lora"}),
]
SLOW = [
    ("llama", {"method": "lora", "grad_checkpointing": False}),
    ("llama", {"method": "lora", "lora_targets": ("q_proj", "v_proj"), "grad_checkpointing": False}),
    ("llama", {"method": "lora", "lora_dropout": 0.1, "grad_checkpointing": False}),
    ("llama", {"method": "lora", "loss": "full"}),
    ("llama", {"method": "lora", "loss": "full", "logits_held": True}),
    ("llama", {"method": "lora", "loss": "full", "transformers": "4.48"}),
    ("llama", {"method": "lora", "loss": "full", "transformers": "4.45"}),
    ("llama", {"method": "lora", "loss": "fused"}),
    ("llama", {"method": "lora", "kernels": "liger", "grad_checkpointing": False}),
    ("llama", {"method": "lora", "precision": "bf16"}),
    ("llama", {"method": "lora", "precision": "fp16-mixed", "grad_checkpointing": False}),
    ("llama", {"method": "lora", "precision": "fp32"}),
    ("llama", {"method": "lora", "attention": "eager", "seq_len": 512}),
    ("llama", {"method": "lora", "padded": True, "grad_checkpointing": False}),
    ("llama", {"method": "lora", "accumulates": True, "lora_rank": 64}),
    ("llama", {"method": "qlora", "quant": "nf4", "adapter_dtype": "fp32", "grad_checkpointing": False}),
    ("llama", {"method": "qlora", "quant": "nf4-dq", "adapter_dtype": "fp32", "kbit_upcast": "all"}),
    ("llama", {"method": "qlora", "quant": "int8"}),
    ("llama", {"method": "full", "accumulates": True}),
    ("llama", {"method": "full", "grad_checkpointing": False}),
    ("llama", {"method": "full", "optimizer": "adamw_8bit"}),
    ("llama", {"method": "full", "optimizer": "adafactor"}),
    ("llama", {"method": "full", "precision": "fp32", "loss": "full"}),
    ("llama", {"method": "full", "task": "dpo", "micro_batch": 1}),
    ("llama", {"method": "lora", "task": "kto"}),
    ("llama", {"method": "lora", "task": "reward", "micro_batch": 1}),
    ("llama", {"method": "lora", "task": "grpo"}),
    ("llama", {"method": "lora", "task": "rloo", "beta_positive": True}),
    ("qwen2", {"method": "lora", "grad_checkpointing": False}),
    ("qwen2", {"method": "full"}),
    ("qwen3", {"method": "qlora", "quant": "nf4-dq", "grad_checkpointing": False}),
    ("mistral", {"method": "lora"}),
    ("gemma2", {"method": "lora", "seq_len": 512}),
    ("pythia", {"method": "lora", "grad_checkpointing": False}),
    ("pythia", {"method": "full"}),
    ("moe", {"method": "lora", "grad_checkpointing": False}),
    ("moe", {"method": "qlora", "quant": "nf4-dq"}),
    ("moe", {"method": "qlora", "quant": "nf4", "grad_checkpointing": False}),
    ("moe", {"method": "full", "precision": "bf16"}),
]
GRID = [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]


@pytest.mark.parametrize(
    ("family", "change"),
    GRID,
    ids=[f"{name}-{'-'.join(map(str, change.values()))}" for name, change in (*QUICK, *SLOW)],
)
def test_closed_form(family, change):
    config, request = FAMILIES[family], FitRequest(**{**COMMON, **change})
    closed = predict_memory(shape_from_config(config), request)
    booked = dry_run(config, request)
    # The cuBLAS workspace is a constant in both, and would hide an error in small models.
    expected = booked["allocated_bytes"] - LIBRARY_WORKSPACE_BYTES
    found = closed.allocated_bytes - LIBRARY_WORKSPACE_BYTES
    departure = found / expected - 1
    assert abs(departure) <= TOLERANCE, (
        f"{departure:+.1%}: closed form {found / 2**20:.1f} MiB {_mib(closed.phases)} at {closed.deciding_phase}, "
        f"dry run {expected / 2**20:.1f} MiB {_mib(booked['phases'])} at {booked['deciding_phase']}"
    )


def _mib(sizes):
    return {name: round((size - LIBRARY_WORKSPACE_BYTES) / 2**20, 1) for name, size in sizes.items()}
