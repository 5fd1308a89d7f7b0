"""Preference tuning learns: on held-out pairs the better answer becomes likelier than the worse one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from trainer_kit import MakeRun, events_of, question, train

from ftui.core.events import Eval, Failed


def pairs(count: int, seed: int) -> list[dict[str, Any]]:
    """Polite answers are better than blunt ones: a matter of style, as preferences mostly are."""
    noise = random.Random(seed)
    rows = []
    for _ in range(count):
        asked, kind = question(noise)
        better = f"kindly {kind} {noise.choice(['friend', 'today'])}"
        worse = f"{noise.choice(['now', 'again'])} {kind} quickly"
        rows.append(
            {
                "prompt": [{"role": "user", "content": asked}],
                "chosen": [{"role": "assistant", "content": better}],
                "rejected": [{"role": "assistant", "content": worse}],
            }
        )
    return rows


def judged(count: int, seed: int) -> list[dict[str, Any]]:
    noise = random.Random(seed)
    rows = []
    for pair in pairs(count, seed):
        liked = noise.random() < 0.4
        rows.append({"prompt": pair["prompt"], "completion": pair["chosen" if liked else "rejected"], "label": liked})
    return rows


@pytest.mark.parametrize(
    ("task", "loss", "technique"),
    [
        ("dpo", "sigmoid", "lora"),
        ("dpo", "ipo", "lora"),
        ("dpo", "sigmoid+sft", "full"),
        ("orpo", "sigmoid", "lora"),
    ],
)
def test_held_out_preferences_are_learned(make_run: MakeRun, task: str, loss: str, technique: str) -> None:
    run = make_run(
        pairs(160, 1),
        pairs(32, 2),
        **{
            "method.task": task,
            "method.preference_loss": loss,
            "method.technique": technique,
            "train.max_steps": 60,
            "train.eval_every_steps": 30,
            "train.learning_rate": 1e-2 if technique == "lora" else 2e-3,
        },
    )
    assert train(run) == 0
    evaluations = [event.metrics for event in events_of(run, Eval)]
    assert evaluations[0]["reward_accuracy"] < 0.75 and evaluations[-1]["reward_accuracy"] > 0.9
    assert evaluations[-1]["eval_loss"] < evaluations[0]["eval_loss"]
    if task == "dpo":
        assert evaluations[-1]["reward_margin"] > 0.5


def test_kto_tells_liked_from_disliked(make_run: MakeRun) -> None:
    run = make_run(
        judged(200, 1),
        judged(40, 2),
        **{"method.task": "kto", "train.max_steps": 60, "train.eval_every_steps": 30, "train.learning_rate": 1e-2},
    )
    assert train(run) == 0
    evaluations = [event.metrics for event in events_of(run, Eval)]
    assert evaluations[-1]["eval_loss"] < evaluations[0]["eval_loss"] - 0.1
    assert evaluations[-1]["reward_chosen"] - evaluations[-1]["reward_rejected"] > 0.5


def test_rows_of_another_kind_are_refused_by_name(make_run: MakeRun) -> None:
    run = make_run(judged(8, 1), **{"method.task": "dpo"})
    assert train(run) == 1
    failed = events_of(run)[-1]
    assert isinstance(failed, Failed) and failed.reason == "data"
    assert "row 0" in failed.message and "chosen and rejected" in failed.message
