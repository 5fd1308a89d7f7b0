"""Several trainings as one plan: SFT then DPO, and preferences -> reward model -> policy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from test_online import ONLINE, likes_trees, prompts
from test_preference import pairs
from trainer_kit import MakeRun, chat_rows, events_of, train, write_rows

from ftui.core.events import Done, Eval, Step


def stage_data(run: Path, stage: str, train_rows: list[dict[str, object]], held_out: list[dict[str, object]]) -> None:
    write_rows(run / "stages" / stage / "data" / "train.jsonl", train_rows)
    write_rows(run / "stages" / stage / "data" / "eval.jsonl", held_out)


@pytest.mark.parametrize("technique", ["lora", "full"])
def test_sft_then_dpo(make_run: MakeRun, technique: str) -> None:
    rate = 1e-2 if technique == "lora" else 2e-3
    run = make_run(
        chat_rows(160, 1),
        chat_rows(24, 2),
        stages=[
            {"name": "sft", "train": {"max_steps": 40, "eval_every_steps": 20}},
            {"name": "dpo", "method": {"task": "dpo"}, "train": {"max_steps": 30, "learning_rate": rate / 2}},
        ],
        **{"method.technique": technique, "train.learning_rate": rate, "eval.enabled": True, "eval.max_new_tokens": 8},
    )
    stage_data(run, "2-dpo", pairs(120, 1), pairs(24, 2))
    assert train(run) == 0
    steps = [event.step for event in events_of(run, Step)]
    assert steps == list(range(1, 71))
    done = events_of(run)[-1]
    assert isinstance(done, Done) and done.step == 70 and set(done.summary["stages"]) == {"sft", "dpo"}
    # The second stage began where the first ended: its reference already knows the answers' form.
    dpo = [event.metrics for event in events_of(run, Eval) if "reward_accuracy" in event.metrics]
    assert dpo[-1]["reward_accuracy"] > 0.9
    verdict = json.loads((run / "eval" / "verdict.json").read_text())
    assert verdict["verdict"] in ("SHIP", "DONT_SHIP", "INCONCLUSIVE")
    files = {path.name for path in (run / "model").iterdir()}
    if technique == "lora":
        assert "adapter_model.safetensors" in files and not (run / "model" / "ref").exists()
        config = json.loads((run / "model" / "adapter_config.json").read_text())
        assert not Path(config["base_model_name_or_path"]).is_relative_to(run)
    else:
        assert "model.safetensors" in files


def test_a_finished_stage_is_not_trained_again(make_run: MakeRun) -> None:
    run = make_run(
        chat_rows(40, 1),
        stages=[{"name": "one", "train": {"max_steps": 4}}, {"name": "two", "train": {"max_steps": 4}}],
    )
    assert train(run) == 0
    shutil.rmtree(run / "stages" / "2-two")
    before = len(events_of(run, Step))
    assert train(run) == 0
    assert [event.step for event in events_of(run, Step)][before:] == [5, 6, 7, 8]


def test_rlhf_as_one_plan(make_run: MakeRun, schooled_model: Path) -> None:
    run = make_run(
        prompts(60, 1),
        prompts(16, 2),
        model=schooled_model,
        stages=[
            {
                "name": "reward",
                "method": {"task": "reward", "technique": "lora"},
                "train": {"max_steps": 20, "micro_batch": 8, "learning_rate": 4e-3},
            },
            {"name": "policy", "method": {"task": "grpo", "technique": "full"}, "train": {"max_steps": 16}},
        ],
        **ONLINE,
        **{"train.learning_rate": 1e-3},
    )
    stage_data(run, "1-reward", likes_trees(160, 1), likes_trees(24, 2))
    assert train(run) == 0
    evaluations = [event.metrics for event in events_of(run, Eval)]
    assert [e for e in evaluations if "accuracy" in e][-1]["accuracy"] > 0.9
    rewards = [e["reward"] for e in evaluations if "reward" in e]
    assert rewards[-1] > rewards[0] + 0.3
    assert "model.safetensors" in {path.name for path in (run / "model").iterdir()}
    assert json.loads((run / "model" / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
