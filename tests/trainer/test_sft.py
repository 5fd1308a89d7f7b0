"""Supervised fine-tuning learns: held-out loss falls and held-out answers become right."""

from pathlib import Path

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Done, Eval, Phase, Step


@pytest.mark.parametrize(
    ("technique", "rate", "steps"), [("full", 3e-3, 60), ("lora", 1e-2, 60), ("qlora", 1e-2, 60)], ids=str
)
def test_held_out_accuracy_rises(make_run: MakeRun, technique: str, rate: float, steps: int) -> None:
    run = make_run(
        chat_rows(200, 1),
        chat_rows(32, 2),
        **{
            "method.technique": technique,
            "train.learning_rate": rate,
            "train.max_steps": steps,
            "train.eval_every_steps": 20,
        },
    )
    assert train(run) == 0
    evaluations = events_of(run, Eval)
    before, after = evaluations[0].metrics, evaluations[-1].metrics
    assert [e.step for e in evaluations] == [0, 20, 40, 60]
    assert before["token_accuracy"] < 0.2 and after["token_accuracy"] > 0.75
    assert after["eval_loss"] < before["eval_loss"] / 3
    steps_told = events_of(run, Step)
    assert [e.step for e in steps_told] == list(range(1, steps + 1))
    assert {"loss", "learning_rate", "grad_norm", "tokens_per_second", "step_seconds"} <= set(steps_told[0].metrics)
    assert isinstance(events_of(run)[0], Phase) and isinstance(events_of(run)[-1], Done)
    assert (run / "model" / ("model.safetensors" if technique == "full" else "adapter_model.safetensors")).is_file()
    assert Path(run, "model", "tokenizer.json").is_file()
