"""LoRA under autocast without casts of its inputs: the same numbers, and fewer tensors kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Step
from ftui.core.plan import from_mapping
from ftui.trainer import loop
from ftui.trainer.lean_lora import adapted_layers, leaves_out_casts, without_casts

MIXED = {"train.precision": "bf16-mixed"}


def kept_bytes(model: Any, batch: dict[str, Any]) -> tuple[float, int]:
    """Loss, and bytes that the graph of a forward pass keeps, each storage once; weights not counted."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        loss = model(**batch).loss
    loss.backward()
    return float(loss.detach()), sum(kept.values())


def test_the_same_loss_and_gradients_with_less_kept(tiny_model: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16)
    model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    ids = torch.randint(5, 200, (2, 48))
    batch = {"input_ids": ids, "labels": ids}

    def measured() -> tuple[float, int, dict[str, Any]]:
        model.zero_grad()
        loss, kept = kept_bytes(model, batch)
        return loss, kept, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    plain_loss, plain_kept, plain = measured()
    with without_casts(adapted_layers(model)):
        loss, kept, lean = measured()
    assert loss == plain_loss and kept < 0.9 * plain_kept
    for name, gradient in plain.items():
        assert torch.allclose(gradient, lean[name], rtol=2e-2, atol=2e-4), name
    assert adapted_layers(model), "and afterwards they cast again"


@pytest.mark.parametrize("task", ["sft", "dpo"])
def test_a_training_gives_what_it_gave_with_casts(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    from test_preference import pairs

    rows = chat_rows(40, 1) if task == "sft" else pairs(40, 1)
    losses = []
    for name in ("lean", "casting"):
        run = make_run(
            rows, rows[:4], name=name, **MIXED, **{"method.task": task, "eval.samples": 1 if task == "sft" else 0}
        )
        assert train(run) == 0
        losses.append([event.metrics["loss"] for event in events_of(run, Step)])
        effective = json.loads((run / "effective.json").read_text())["effective"]
        assert effective.get("method.adapter_input_casts", True) == (name == "casting")
        monkeypatch.setattr(loop, "leaves_out_casts", lambda plan, mixed: False)
    assert losses[0][0] == losses[1][0]
    assert losses[0] == pytest.approx(losses[1], rel=2e-2)


def test_where_casts_are_needed_they_stay() -> None:
    def lean(mixed: bool = True, **method: Any) -> bool:
        return leaves_out_casts(from_mapping({"method": method}), mixed)

    assert lean() and lean(task="dpo") and lean(technique="qlora")
    assert not lean(False) and not lean(technique="full") and not lean(dora=True) and not lean(task="grpo")


def test_the_prediction_and_the_dry_run_save_the_same_bytes() -> None:
    from ftui.core.fit.memory import predict_memory
    from ftui.core.fit.request import FitRequest
    from ftui.core.fit.shapes import shape_from_config
    from ftui.trainer.dry_run import dry_run

    config = {
        "model_type": "llama", "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 2048, "max_position_embeddings": 1024,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "hidden_act": "silu",
    }  # fmt: skip
    predicted, measured = [], []
    for casts in (True, False):
        request = FitRequest(
            method="lora", seq_len=512, micro_batch=2, loss="chunked", grad_checkpointing=False, lora_casts=casts
        )
        predicted.append(predict_memory(shape_from_config(config), request).allocated_bytes)
        measured.append(dry_run(config, request)["allocated_bytes"])
    assert predicted[0] - predicted[1] == measured[0] - measured[1] > 1 << 20
