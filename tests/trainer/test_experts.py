"""QLoRA of a mixture: its experts lie in four bits too, it learns, and what it learned holds on the base in 16 bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Step

KINDS = ("mixtral", "qwen3_moe")


@pytest.fixture(scope="module", params=KINDS)
def mixture(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random mixture of four experts, with the tiny model's tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, MixtralConfig, Qwen3MoeConfig

    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    sizes: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "num_experts_per_tok": 2, "initializer_range": 0.2, "tie_word_embeddings": False,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None,
    }  # fmt: skip
    config: Any = MixtralConfig(**sizes, num_local_experts=4)
    if request.param == "qwen3_moe":
        config = Qwen3MoeConfig(**sizes, num_experts=4, moe_intermediate_size=64, head_dim=16)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for file in tiny_model.iterdir():
        if "token" in file.name or file.suffix == ".jinja":
            shutil.copy(file, folder)
    return folder


def test_a_mixture_is_trained_with_packed_experts(make_run: MakeRun, mixture: Path) -> None:
    run = make_run(
        chat_rows(60, 1), model=mixture,
        **{"method.technique": "qlora", "method.lora_dropout": 0.05, "train.gradient_checkpointing": True,
           "train.max_steps": 12},
    )  # fmt: skip
    assert train(run) == 0
    losses = [step.metrics["loss"] for step in events_of(run, Step) if step.metrics.get("loss") is not None]
    assert losses[-1] < losses[0] - 0.3
    effective = json.loads((run / "effective.json").read_text())["effective"]
    assert effective["model.experts"] == "nf4-dq"
    assert effective["method.lora_targets"] == ["k_proj", "o_proj", "q_proj", "v_proj"]

    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from ftui.trainer import finished
    from ftui.trainer.experts import has_four_bit_experts

    plan = finished.read_run(run)
    as_trained = finished.load_base(run, plan, torch.float32, as_trained=True)
    plain = AutoModelForCausalLM.from_pretrained(mixture, dtype=torch.float32)
    assert not has_four_bit_experts(as_trained)
    for name, weights in plain.named_parameters():
        rounded = as_trained.get_parameter(name)
        assert rounded.shape == weights.shape and rounded.dtype is torch.float32, name
        off = (rounded - weights).abs().mean() / weights.abs().mean()
        # Only linear layers and experts were packed: NF4 is off by a tenth.
        assert 0.05 < off < 0.15 if "proj" in name else off == 0, name
    ids = torch.arange(4, 36).unsqueeze(0)
    tuned = PeftModel.from_pretrained(as_trained, str(run / "model")).eval()
    merged = tuned.merge_and_unload()
    with torch.no_grad():
        with_adapter = finished.load_tuned(run, plan, torch.float32)(input_ids=ids).logits
        assert torch.allclose(merged(input_ids=ids).logits, with_adapter, atol=1e-3)
        assert not torch.allclose(plain(input_ids=ids).logits, with_adapter, atol=0.1)
        merged.save_pretrained(run / "merged")
        read_back = AutoModelForCausalLM.from_pretrained(run / "merged", dtype=torch.float32)
        assert torch.allclose(read_back(input_ids=ids).logits, with_adapter, atol=1e-3)


def test_dropout_gives_way_to_adapters_of_experts(make_run: MakeRun, mixture: Path) -> None:
    run = make_run(chat_rows(20, 1), model=mixture, **{"method.lora_dropout": 0.05, "train.max_steps": 2})
    assert train(run) == 0
    assert json.loads((run / "effective.json").read_text())["effective"]["method.lora_dropout"] == 0.0


def test_the_loader_is_as_before_afterwards() -> None:
    import torch
    from transformers import BitsAndBytesConfig
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    from ftui.trainer.experts import four_bit_experts

    before = dict(AUTO_QUANTIZER_MAPPING)
    for settings in (None, BitsAndBytesConfig(load_in_8bit=True)):
        with four_bit_experts(settings):
            assert before == AUTO_QUANTIZER_MAPPING
    packed = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32)
    with pytest.raises(RuntimeError, match="on purpose"), four_bit_experts(packed):
        assert before != AUTO_QUANTIZER_MAPPING
        raise RuntimeError("on purpose")
    assert before == AUTO_QUANTIZER_MAPPING
