"""Online training: the held-out reward rises, from functions and from a reward model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train, write_rows

from ftui.core.events import Alert, Eval, Failed, Phase, Step

ONLINE = {
    "train.micro_batch": 32,
    "train.accumulation": 1,
    "method.generations": 8,
    "method.completion_tokens": 6,
    "method.temperature": 1.0,
    "method.beta": 0.0,
}


def prompts(count: int, seed: int) -> list[dict[str, object]]:
    """Questions whose wanted answer is always tree, which the schooled model gives to a third of them."""
    return [
        {"prompt": row["messages"][:1], "answer": "tree", "note": str(index)}
        for index, row in enumerate(chat_rows(count, seed))
    ]


def likes_trees(count: int, seed: int) -> list[dict[str, object]]:
    """Pairs in which the better answer is always tree: a taste that a policy can follow."""
    rows = []
    for index, row in enumerate(chat_rows(count, seed)):
        other = ("fruit", "root")[index % 2]
        answers = {"chosen": "tree", "rejected": other}
        sides = {side: [{"role": "assistant", "content": text}] for side, text in answers.items()}
        rows.append({"prompt": row["messages"][:1], **sides})
    return rows


@pytest.mark.parametrize(("task", "technique"), [("grpo", "lora"), ("rloo", "full")])
def test_held_out_reward_rises(make_run: MakeRun, schooled_model: Path, task: str, technique: str) -> None:
    run = make_run(
        prompts(120, 1),
        prompts(24, 2),
        model=schooled_model,
        **ONLINE,
        **{
            "method.task": task,
            "method.technique": technique,
            "method.rewards": ["exact_match"],
            "train.learning_rate": 1e-2 if technique == "lora" else 1e-3,
            "train.max_steps": 16,
            "train.eval_every_steps": 8,
        },
    )
    assert train(run) == 0
    rewards = [event.metrics["reward"] for event in events_of(run, Eval)]
    assert rewards[0] < 0.6 and rewards[-1] > 0.85
    assert "rewards_exact_match_mean" in events_of(run, Step)[0].metrics


@pytest.mark.parametrize("task", ["grpo", "rloo"])
def test_a_reward_model_leads_the_policy(make_run: MakeRun, schooled_model: Path, task: str) -> None:
    judge = make_run(
        likes_trees(160, 1), name="judge", model=schooled_model, **{"method.task": "reward", "train.max_steps": 30}
    )
    assert train(judge) == 0
    run = make_run(
        prompts(60, 1),
        prompts(16, 2),
        model=schooled_model,
        **ONLINE,
        **{
            "method.task": task,
            "method.reward_model": str(judge),
            "method.technique": "full",
            "train.learning_rate": 1e-3,
            "train.max_steps": 16,
            "train.eval_every_steps": 8,
        },
    )
    assert train(run) == 0
    rewards = [event.metrics["reward"] for event in events_of(run, Eval)]
    assert rewards[-1] > rewards[0] + 0.3


def test_json_schema_regex_length_and_file_rewards(make_run: MakeRun, tmp_path: Path) -> None:
    from ftui.trainer.emit import Emitter
    from ftui.trainer.job import Job, read_plan
    from ftui.trainer.rewards import judges
    from ftui.trainer.stopping import StopRequest

    file = tmp_path / "mine.py"
    file.write_text("def reward(completion, row):\n    return len(completion) + row['extra']\n")
    names = ["json_schema", "regex:[a-z]+", "length:2-4", f"file:{file}", "exact_match"]
    run = make_run(prompts(8, 1), **{"method.rewards": names, "method.trust_reward_file": True})
    (run / "data" / "schema.json").write_text(json.dumps({"type": "object", "required": ["a"]}))
    job = Job(run, run, read_plan(run), Emitter(None), StopRequest(), base="")
    by_name = dict(judges(job))
    row = {"answer": "fruit", "extra": 0.5}
    schema = by_name["json_schema"]
    assert [schema(text, row, 1) for text in ('{"a": 1}', '{"b": 1}', "no")] == [1.0, 0.25, 0.0]
    assert [by_name["regex"](text, row, 1) for text in ("abc", "ABC")] == [1.0, 0.0]
    assert [by_name["length"]("", row, n) for n in (1, 2, 4, 5, 8)] == [0.5, 1.0, 1.0, 0.75, 0.0]
    assert by_name["mine"]("ab", row, 1) == 2.5
    assert [by_name["exact_match"](text, row, 1) for text in (" fruit ", "root")] == [1.0, 0.0]


def failed(run: Path) -> Failed:
    assert train(run) == 1
    last = events_of(run)[-1]
    assert isinstance(last, Failed)
    return last


def test_a_reward_file_needs_trust(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(prompts(8, 1), **ONLINE, **{"method.task": "grpo", "method.rewards": [f"file:{tmp_path / 'x.py'}"]})
    assert "trust_reward_file" in failed(run).hint


@pytest.mark.parametrize(
    ("body", "words"),
    [("return 1 / 0", "ZeroDivisionError"), ("return float('nan')", "it gives nan"), ("return 'much'", "ValueError")],
)
def test_a_broken_reward_names_the_row(
    make_run: MakeRun, schooled_model: Path, tmp_path: Path, body: str, words: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(f"def reward(completion, row):\n    {body}\n")
    run = make_run(
        prompts(8, 1),
        model=schooled_model,
        **ONLINE,
        **{"method.task": "grpo", "method.rewards": [f"file:{file}"], "method.trust_reward_file": True},
    )
    last = failed(run)
    assert last.reason == "data" and "mine" in last.title and words in last.message and "row " in last.message
    # Known before a model was loaded.
    assert not [event for event in events_of(run, Phase) if event.name == "loading"]


def test_a_reward_model_that_is_missing_or_reads_other_tokens_is_named(
    make_run: MakeRun, tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    words = list(tokenizer["model"]["vocab"])
    tokenizer["model"]["vocab"] |= {
        words[10]: tokenizer["model"]["vocab"][words[11]],
        words[11]: tokenizer["model"]["vocab"][words[10]],
    }
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    for folder, title in ((tmp_path / "nowhere", "No such reward model"), (other, "another vocabulary")):
        settings = {"method.task": "grpo", "method.reward_model": str(folder)}
        run = make_run(prompts(8, 1), name=f"run-{folder.name}", **ONLINE, **settings)
        last = failed(run)
        assert title in last.title and str(folder) in last.message
        assert not [event for event in events_of(run, Phase) if event.name == "loading"]


def test_a_reward_that_fails_on_what_the_model_writes_names_the_row(
    make_run: MakeRun, schooled_model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def reward(completion, row):\n    return 1 / (completion == row['answer'])\n")
    settings = {"method.task": "grpo", "method.rewards": [f"file:{file}"], "method.trust_reward_file": True}
    last = failed(make_run(prompts(8, 1), model=schooled_model, **ONLINE, **settings))
    assert "ZeroDivisionError" in last.message and "row " in last.message and "completion" in last.message


def test_answers_that_are_all_worth_the_same_are_told_and_do_not_end_the_run(
    make_run: MakeRun, schooled_model: Path
) -> None:
    settings = {"method.task": "grpo", "method.rewards": ["regex:never"], "train.max_steps": 11}
    run = make_run(prompts(60, 1), model=schooled_model, **ONLINE, **settings)
    assert train(run) == 0
    told = [alert for alert in events_of(run, Alert) if alert.code == "same_rewards"]
    assert len(told) == 1 and told[0].step == 10 and "method.temperature" in told[0].hint


def test_whole_groups_are_asked_for(make_run: MakeRun) -> None:
    settings = {**ONLINE, "train.micro_batch": 6, "method.task": "grpo", "method.rewards": ["exact_match"]}
    assert "method.generations" in failed(make_run(prompts(8, 1), **settings)).message


def test_nothing_rewards_the_model(make_run: MakeRun) -> None:
    run = make_run(prompts(8, 1), **ONLINE, **{"method.task": "rloo"})
    write_rows(run / "data" / "train.jsonl", prompts(8, 1))
    assert "method.rewards" in failed(run).message
