"""Continued pretraining on texts: nothing of a long one is lost, and the result has a verdict and can be exported."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from adapters_kit import in_this_process
from trainer_kit import THINGS, events_of, make_run_folder, train

from ftui.core.events import Alert, Event, Sample
from ftui.core.render import Options, render_text
from ftui.core.render_pieces import text_pieces
from ftui.services.deliver import deliver
from ftui.services.files import read_json, write_json
from ftui.services.runs import Run, State, write_state

LIMIT = 16


def texts(count: int, seed: int, words: int) -> list[dict[str, Any]]:
    noise = random.Random(seed)
    return [
        {"text": " ".join(f"{thing} {THINGS[thing]}" for thing in noise.choices(sorted(THINGS), k=words))}
        for _ in range(count)
    ]


def quiet(_: Event) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("limit", [1, 2, 7, 16, 1000])
def test_pieces_hold_every_token_once(tiny_model: Path, limit: int) -> None:
    from transformers import AutoTokenizer

    from ftui.trainer.dialect import dialect_of

    dialect = dialect_of(AutoTokenizer.from_pretrained(tiny_model))
    text = "Äpfel und 梨, 🍐🍐: apple fruit  oak tree\n" * 3
    whole, pieces = render_text(dialect, text), text_pieces(dialect, text, Options(max_length=limit))
    assert [token for piece in pieces for token in piece.ids] == list(whole.ids)
    assert all(len(piece.ids) <= limit and all(piece.labels_mask) for piece in pieces)
    lengths = {len(piece.ids) for piece in pieces}
    assert max(lengths) - min(lengths) <= 1, "no crumb at the end"
    for piece in pieces:
        assert len(piece.offsets) == len(piece.ids)
        assert all(0 <= start <= end <= len(piece.text) for start, end in piece.offsets)
    dropped = text_pieces(dialect, text, Options(max_length=7, policy="drop"))
    assert len(dropped) == 1 and dropped[0].dropped


@pytest.fixture(scope="module", params=[pytest.param(False, marks=pytest.mark.slow), True], ids=["rows", "packed"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Run:
    settings = {
        "method.task": "text", "method.lora_rank": 8, "data.train_on": "all", "data.max_length_tokens": LIMIT,
        "data.packing": request.param, "train.max_steps": 20, "train.learning_rate": 1e-2, "train.micro_batch": 8,
        "train.accumulation": 1, "eval.enabled": True, "eval.max_new_tokens": 6, "eval.margin": 1000.0,
        "eval.samples": 1,
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("texts") / "run"
    run = Run(make_run_folder(folder, tiny_model, texts(40, 1, 12), texts(12, 2, 12), **settings))
    assert train(run.path) == 0
    write_state(run, State("finished", 1))
    write_json(run.path / "environment.json", {"model": {"weights_bytes": 1000}, "packages": {"torch": "2"}})
    return run


def test_a_long_text_is_trained_whole_and_the_result_is_judged_and_taken_out(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftui.services.deliver.run_worker", in_this_process)
    tally = read_json(run.path / "effective.json")["effective"]["data.train"]
    assert tally["kept"] == tally["rows"] == 40 and tally["shortened"] == 0
    assert tally["pieces"] > 40 and tally["longest_tokens"] <= LIMIT
    assert tally["trained_tokens"] == tally["tokens"] > 40 * LIMIT
    told = [alert.message for alert in events_of(run.path, Alert) if alert.code == "pieces"]
    assert told and "nothing of the longer ones is lost" in told[0]
    verdict = read_json(run.verdict_file)
    assert verdict["primary"] == "loss" and verdict["verdict"] == "SHIP", verdict["reasons"]
    assert verdict["metrics"]["loss"]["n"] == 12
    assert verdict["perplexity"]["tuned"] < verdict["perplexity"]["base"]
    lines = (run.path / "eval" / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    samples = [json.loads(line) for line in lines]
    assert all(sample["tuned_score"] > sample["base_score"] for sample in samples), "more is better"
    scored = [sample for sample in events_of(run.path, Sample) if sample.prompt == samples[0]["prompt"]]
    assert [scored[0].step, scored[-1].step] == [0, 20], "the tuned model's sample is of the last step"
    done = deliver(run, "adapter", tmp_path / "adapter", {"prompts": 4}, quiet)
    assert done.passed and done.check["compared"] == 4
