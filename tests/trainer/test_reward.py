"""A reward model learns to give the better answer more, on pairs it has not seen."""

import pytest
from conftest import MakeRun, events_of, train
from test_preference import pairs

from ftui.core.events import Eval


@pytest.mark.parametrize("technique", ["full", "lora"])
def test_held_out_accuracy_rises(make_run: MakeRun, technique: str) -> None:
    run = make_run(
        pairs(200, 1),
        pairs(32, 2),
        **{
            "method.task": "reward",
            "method.technique": technique,
            "train.max_steps": 60,
            "train.eval_every_steps": 30,
            "train.learning_rate": 1e-2 if technique == "lora" else 2e-3,
        },
    )
    assert train(run) == 0
    evaluations = [event.metrics for event in events_of(run, Eval)]
    assert evaluations[0]["accuracy"] < 0.75 and evaluations[-1]["accuracy"] > 0.9
    assert (run / "model").is_dir()
