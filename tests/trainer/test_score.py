"""Scoring: batches say what single prompts say, a base is scored once, preferences, KL and noise are right."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from adapters_kit import run_with_adapter
from trainer_kit import chat_rows, make_run_folder, train

import ftui.schemas
from ftui.core.events import Event, Phase
from ftui.services.files import read_json, write_json
from ftui.services.runs import Run

SCHEMAS = Path(ftui.schemas.__file__).parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Run:
    return run_with_adapter(tmp_path_factory.mktemp("scored") / "one", tiny_model, 1, strength=0.1)


def quiet(_: Event) -> None:
    """Nobody listens."""


def loaded(run: Run) -> tuple[Any, Any, Any]:
    from ftui.trainer import finished

    plan = finished.read_run(run.path)
    return finished.load_tuned(run.path, plan), finished.tokenizer_of(run.path, plan), plan


def test_batches_of_any_size_give_the_same_text(run: Run) -> None:
    from ftui.core.render import end_of_turn
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.generate import generate, stop_ids

    model, tokenizer, _ = loaded(run)
    noise = random.Random(0)
    prompts = [[noise.randrange(4, len(tokenizer)) for _ in range(noise.randint(1, 60))] for _ in range(24)]

    def texts(batch: int) -> list[tuple[str, bool, int]]:
        made = generate(
            model,
            prompts,
            stops=stop_ids(model, tokenizer, end_of_turn(dialect_of(tokenizer))),
            pad_id=tokenizer.pad_token_id,
            decode=lambda ids: str(tokenizer.decode(ids)),
            max_new_tokens=20,
            batch=batch,
        )
        return [(answer.text, answer.stopped, answer.tokens) for answer in made.answers]

    alone = texts(1)
    assert len({text for text, _, _ in alone}) > 12, "the answers differ"
    assert texts(5) == alone
    assert texts(24) == alone


def test_an_answer_never_runs_beyond_the_window(run: Run) -> None:
    from ftui.trainer.generate import generate

    model, tokenizer, _ = loaded(run)
    made = generate(model, [[5] * 250], stops=[], pad_id=tokenizer.pad_token_id, decode=str, max_new_tokens=50, batch=1)
    assert made.answers[0].tokens == 6


def test_a_base_is_scored_once_for_the_same_rows_and_decoding(
    run: Run, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ftui.trainer import finished, score

    monkeypatch.setenv("FTUI_SCORE_CACHE", str(tmp_path / "cache"))
    rows, said = chat_rows(6, 2), list[Event]()
    _, tokenizer, plan = loaded(run)
    base = finished.load_base(run.path, plan)
    folder = make_run_folder(tmp_path / "fresh", tiny_model, rows)
    for path in (run.path, folder):
        write_json(path / "environment.json", {"model": {"sha256": "abc", "weights_bytes": 1}})
    first = score.score_model(base, tokenizer, rows, plan, run.path, "base", quiet)
    second = score.score_model(base, tokenizer, rows, plan, folder, "base", said.append)
    assert second == {**first, "key": first["key"]}
    assert any(isinstance(event, Phase) and "earlier run" in event.detail for event in said)
    assert read_json(folder / "eval" / "base.json")["rows"] == first["rows"]
    said.clear()
    other = score.score_model(base, tokenizer, chat_rows(6, 3), plan, folder, "base", said.append)
    assert other["key"] != first["key"], "other rows are another score"
    write_json(folder / "environment.json", {"model": {"sha256": "abd"}})
    assert score.score_model(base, tokenizer, rows, plan, folder, "base", quiet)["key"] != first["key"]
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_the_verdict_holds_every_kind_of_figure(run: Run) -> None:
    from ftui.trainer.evaluate import evaluate

    evaluate(run.path, {"out": str(run.path), "prompted": 2, "others": {"twin": str(run.path)}})
    verdict = read_json(run.verdict_file)
    jsonschema.validate(verdict, read_json(SCHEMAS / "verdict.json"))
    assert verdict["perplexity"]["base"] > 1
    assert verdict["kl_to_base"]["mean"] > 0
    assert verdict["confusion"]["tuned"]["labels"][-1] == "(something else)"
    assert verdict["speed"]["tuned"]["first_token_seconds"] > 0
    assert verdict["noise"]["rows"] >= 8
    assert verdict["noise_floor"] == 0.0, "fp32 on a CPU repeats itself"
    assert verdict["groups"]
    twin = verdict["rivals"]["twin"]["normalized_match"]
    assert (twin["delta"], twin["n"]) == (0.0, verdict["metrics"]["normalized_match"]["n"])
    assert any("examples in its prompt" in reason for reason in verdict["reasons"])


def test_preference_rows_rest_on_what_is_preferred(tmp_path: Path, run: Run) -> None:
    from ftui.trainer import finished, score
    from ftui.trainer.verdict import write_verdict

    rows = [
        {
            "prompt": row["messages"][:1],
            "chosen": [row["messages"][1]],
            "rejected": [{"role": "assistant", "content": "well well"}],
        }
        for row in chat_rows(10, 5)
    ]
    model, tokenizer, plan = loaded(run)
    (tmp_path / "eval").mkdir()
    score.score_model(finished.load_base(run.path, plan), tokenizer, rows, plan, tmp_path, "base", quiet)
    tuned = score.score_model(model, tokenizer, rows, plan, tmp_path, "tuned", quiet)
    assert tuned["primary"] == "prefers_chosen"
    verdict = write_verdict(tmp_path, plan)
    base_rows = read_json(tmp_path / "eval" / "base.json")["rows"]
    margins = [
        (new["logps"]["chosen"] - old["logps"]["chosen"]) - (new["logps"]["rejected"] - old["logps"]["rejected"])
        for old, new in zip(base_rows, tuned["rows"], strict=True)
    ]
    assert verdict["reward_accuracy"]["value"] == sum(margin > 0 for margin in margins) / 10
    assert {"prefers_chosen", "chosen_margin"} <= verdict["metrics"].keys()
    jsonschema.validate(read_json(tmp_path / "eval" / "verdict.json"), read_json(SCHEMAS / "verdict.json"))


def test_a_completion_that_was_marked_as_bad_is_no_reference() -> None:
    from ftui.trainer.score_rows import questions

    asked, said = [{"role": "user", "content": "q"}], [{"role": "assistant", "content": "a"}]
    rows = [{"prompt": asked, "completion": said, "label": label} for label in (True, False)]
    assert [pair["reference"] for pair in questions(rows, 9)] == ["a", ""]


def test_a_schema_that_is_none_is_a_sentence(tmp_path: Path, run: Run) -> None:
    from ftui.core.plan import with_values
    from ftui.errors import FtuiError
    from ftui.trainer.score_checks import checks_for

    (tmp_path / "data").mkdir()
    plan = with_values(loaded(run)[2], {"eval.schema": "schema.json"})
    for text in ("not json", json.dumps({"type": 3})):
        (tmp_path / "data" / "schema.json").write_text(text)
        with pytest.raises(FtuiError, match="schema"):
            checks_for(["{}"], plan, tmp_path)


def test_an_online_run_is_judged_by_its_reward(tmp_path: Path, run: Run) -> None:
    from ftui.core.plan import with_values
    from ftui.trainer import finished, score
    from ftui.trainer.verdict import write_verdict

    model, tokenizer, plan = loaded(run)
    plan = with_values(plan, {"method.task": "grpo", "method.rewards": ["length:0-3", "regex:.*a.*"]})
    rows = [{"prompt": row["messages"][:1]} for row in chat_rows(6, 5)]
    (tmp_path / "eval").mkdir()
    score.score_model(finished.load_base(run.path, plan), tokenizer, rows, plan, tmp_path, "base", quiet)
    tuned = score.score_model(model, tokenizer, rows, plan, tmp_path, "tuned", quiet)
    assert tuned["primary"] == "reward"
    for row in tuned["rows"]:
        parts = [value for name, value in row["metrics"].items() if name.startswith("reward_")]
        assert len(parts) == 2
        assert row["metrics"]["reward"] == pytest.approx(sum(parts))
    assert "reward" in write_verdict(tmp_path, plan)["metrics"]


@pytest.mark.slow
def test_a_reward_model_is_judged_against_chance(tmp_path: Path, tiny_model: Path) -> None:
    from test_preference import pairs

    folder = make_run_folder(
        tmp_path / "run", tiny_model, pairs(120, 1), pairs(24, 2),
        **{"method.task": "reward", "method.technique": "full", "train.max_steps": 40, "train.learning_rate": 2e-3,
           "eval.enabled": True},
    )  # fmt: skip
    assert train(folder) == 0
    verdict = read_json(folder / "eval" / "verdict.json")
    accuracy = verdict["metrics"]["reward_accuracy"]
    jsonschema.validate(verdict, read_json(SCHEMAS / "verdict.json"))
    assert (verdict["verdict"], accuracy["base"], accuracy["n"]) == ("SHIP", 0.5, 24), verdict["reasons"]
    assert len((folder / "eval" / "samples.jsonl").read_text().splitlines()) == 24


def test_the_distance_is_the_same_with_an_adapter_switched_off_as_with_the_base_beside(run: Run) -> None:
    from ftui.core.render import Options
    from ftui.trainer import finished
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.score_losses import kl_to_base
    from ftui.trainer.score_rows import rendered

    model, tokenizer, plan = loaded(run)
    rows = [rendered(dialect_of(tokenizer), row, Options()) for row in chat_rows(5, 5)]
    switched = kl_to_base(model, rows, 2)
    base = finished.load_base(run.path, plan)
    assert kl_to_base(base, rows, 2) == [None] * 5
    assert kl_to_base(base, rows, 2, base) == [0.0] * 5
    whole = model.merge_and_unload()
    assert kl_to_base(whole, rows, 2, base) == pytest.approx(switched, rel=1e-3)
