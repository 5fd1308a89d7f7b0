"""A reward model learns to give the better answer more, on pairs it has not seen."""

import pytest
from test_preference import pairs
from trainer_kit import MakeRun, events_of, train

from ftui.core.events import Eval


@pytest.mark.parametrize("technique", ["full", "lora", "qlora"])
def test_held_out_accuracy_rises(make_run: MakeRun, technique: str) -> None:
    run = make_run(
        pairs(200, 1),
        pairs(32, 2),
        **{
            "method.task": "reward",
            "method.technique": technique,
            "train.max_steps": 60,
            "train.eval_every_steps": 30,
            "train.learning_rate": 2e-3 if technique == "full" else 1e-2,
        },
    )
    assert train(run) == 0
    evaluations = [event.metrics for event in events_of(run, Eval)]
    # How good a head drawn by chance is, is chance.
    assert evaluations[-1]["accuracy"] > max(0.9, evaluations[0]["accuracy"])
    assert evaluations[-1]["eval_loss"] < evaluations[0]["eval_loss"] / 2
    assert (run / "model").is_dir()


def test_the_new_head_is_drawn_by_the_seed_of_the_plan(make_run: MakeRun) -> None:
    import torch

    def first_loss(name: str, seed: int) -> float:
        settings = {"method.task": "reward", "train.max_steps": 1, "train.seed": seed}
        run = make_run(pairs(8, 1), pairs(8, 2), name=name, **settings)
        torch.manual_seed(len(name))  # whatever went before in this process must not matter
        assert train(run) == 0
        return events_of(run, Eval)[0].metrics["eval_loss"]

    assert first_loss("one", 7) == first_loss("same", 7) != first_loss("another", 8)
