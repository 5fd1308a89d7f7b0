"""A reward model is judged where it was trained to be read, and leaves the house with its head."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from adapters_kit import in_this_process
from test_preference import pairs
from trainer_kit import events_of, make_run_folder, train

import ftui.schemas
from ftui.core.card import check_lines
from ftui.core.events import Eval, Event
from ftui.errors import FtuiError
from ftui.services.deliver import deliver
from ftui.services.files import read_json, write_json
from ftui.services.runs import Run, State, write_state


def quiet(_: Event) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Run:
    """A reward model that is half trained: right about some pairs, wrong about others."""
    made = Run(
        make_run_folder(
            tmp_path_factory.mktemp("reward") / "run",
            tiny_model,
            pairs(60, 1),
            pairs(32, 2),
            **{
                "method.task": "reward",
                "method.lora_rank": 4,
                "train.max_steps": 2,
                "train.learning_rate": 5e-4,
                "train.eval_every_steps": 2,
                "eval.enabled": True,
            },
        )
    )
    assert train(made.path) == 0
    write_state(made, State("finished", 1))
    write_json(made.path / "environment.json", {"model": {"weights_bytes": 1000}, "packages": {"torch": "2"}})
    return made


def test_the_verdict_reads_the_reward_where_training_did(run: Run) -> None:
    accuracy = events_of(run.path, Eval)[-1].metrics["accuracy"]
    verdict = read_json(run.verdict_file)
    assert verdict["metrics"]["reward_accuracy"]["tuned"] == pytest.approx(accuracy, abs=1e-6)
    assert 0.5 < accuracy < 1, "a model that is always right would prove nothing"


def test_it_is_compared_by_its_rewards_and_only_goes_where_it_can(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftui.services.deliver.run_worker", in_this_process)
    from transformers import AutoModelForSequenceClassification

    done = deliver(run, "merged", tmp_path / "merged", {"prompts": 32, "dtype": "fp32"}, quiet)
    assert done.passed and done.check["measure"] == "same_order" and done.check["compared"] == 32
    jsonschema.validate(done.check, json.loads((Path(ftui.schemas.__file__).parent / "export_check.json").read_text()))
    assert "in the same order" in check_lines(done.check)[0]
    assert "method.reward_model" in done.next_steps[0]
    assert "AutoModelForSequenceClassification" in (done.path / "README.md").read_text()
    model, loading = AutoModelForSequenceClassification.from_pretrained(done.path, output_loading_info=True)
    assert model.config.num_labels == 1 and not loading["missing_keys"], "the head is there"
    for name in ("gguf", "ollama", "vllm"):
        with pytest.raises(FtuiError, match="writes no answers"):
            deliver(run, name, tmp_path / name, {}, quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]
