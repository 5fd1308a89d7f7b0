"""torch.compile as an option: the same training, and a model that is saved, scored and resumed as any other."""

from __future__ import annotations

import shutil

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Done, Step


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="torch.compile needs a C++ compiler")
def test_a_compiled_training_is_the_same_training(make_run: MakeRun) -> None:
    import torch
    from torch._dynamo.utils import counters

    settings = {
        "train.max_steps": 6, "train.save_every_steps": 3, "method.lora_dropout": 0.0,
        "eval.enabled": True, "eval.max_new_tokens": 4, "eval.rows_max": 4,
    }  # fmt: skip
    plain = make_run(chat_rows(48, 1), chat_rows(4, 2), name="plain", **settings)
    compiled = make_run(chat_rows(48, 1), chat_rows(4, 2), name="compiled", **settings, **{"train.compile": True})
    try:
        assert train(plain) == 0
        before = counters["stats"]["unique_graphs"]
        assert train(compiled) == 0
        assert counters["stats"]["unique_graphs"] > before, "something was compiled"
        losses = [[event.metrics["loss"] for event in events_of(run, Step)] for run in (plain, compiled)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-3)
        names = {path.name for path in (compiled / "model").iterdir()}
        assert "adapter_model.safetensors" in names
        from safetensors import safe_open

        with safe_open(compiled / "model" / "adapter_model.safetensors", "pt") as saved:
            assert not any("_orig_mod" in name for name in set(saved.keys())), "names of a wrapper would load nowhere"
        assert (compiled / "eval" / "verdict.json").is_file()

        shutil.rmtree(compiled / "model")
        shutil.rmtree(compiled / "checkpoints" / "step-6")
        assert train(compiled) == 0
        again = [event.metrics["loss"] for event in events_of(compiled, Step)][6:]
        assert again and again == pytest.approx(losses[1][-len(again) :], abs=1e-3)
        assert isinstance(events_of(compiled)[-1], Done)
    finally:
        torch._dynamo.reset()
