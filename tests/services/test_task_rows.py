"""Rows that a task cannot learn from are refused before a run is made, with the task or the command that fits."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftui.cli import main
from ftui.core.plan_sections import TASKS
from ftui.core.task_rows import KINDS, unusable
from ftui.services.runs import all_runs

CHAT = {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]}
ASKED = {"messages": [{"role": "user", "content": "Hello?"}]}
PAIR = {"prompt": "Hello?", "chosen": "Hello, what can I do?", "rejected": "What."}
LIKED = {"prompt": "Hello?", "completion": "Hello.", "label": True}
DISLIKED = {"prompt": "Hello?", "completion": "What.", "label": False}
ANSWERED = {"prompt": "Hello?", "completion": "Hello."}
TEXT = {"text": "A page of a manual."}
STEPS = {"prompt": "1 + 1?", "completions": ["1 + 1", "3"], "labels": [True, False]}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(name: str, *rows: dict[str, Any]) -> Path:
    path = Path(name)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows * 12))
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert not said.out and len(said.err.splitlines()) == 2
    return said.err


@pytest.mark.parametrize(
    ("rows", "task", "holds", "needs", "remedy"),
    [
        ([PAIR], "sft", "pairs of a better and a worse answer", "conversations", "dpo"),
        ([LIKED, DISLIKED], "sft", "each marked good or bad", "conversations", "kto"),
        ([PAIR], "kto", "pairs of a better and a worse answer", "prompt, completion and label", "dpo"),
        ([TEXT], "dpo", "plain texts", "prompt, chosen and rejected", "text"),
        ([ASKED], "sft", "prompts without answers", "conversations", "grpo"),
        ([CHAT], "reward", "conversations", "prompt, chosen and rejected", "sft"),
        ([ANSWERED], "grpo", "prompts with completions", "prompts", "sft"),
    ],
)
def test_a_plan_names_what_the_rows_are_and_what_would_do(
    rows: list[dict[str, Any]], task: str, holds: str, needs: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("rows 1.jsonl", *rows)
    new = ("plan", "new", "--model", "tiny", "--data", "rows 1.jsonl")
    sentence, hint = refused(capsys, *new, "--set", f"method.task={task}").splitlines()
    assert f"cannot train {task}" in sentence and "rows 1.jsonl" in sentence
    assert holds in sentence and f"{task} needs " in sentence and needs in sentence.partition("needs")[2]
    assert f"method.task to {remedy}" in hint
    assert main([*new, "--set", f"method.task={remedy}"]) == 0, "the task of the hint takes the rows"
    if "ftui data convert" in hint:
        command = shlex.split(hint.partition("ftui ")[2])
        assert main(command) == 0, "the command of the hint works"
        assert main([*new[:-1], command[-1], "--set", f"method.task={task}"]) == 0, "and so do its rows"


def test_good_answers_alone_are_kept_of_marked_ones(capsys: pytest.CaptureFixture[str]) -> None:
    write("marked.jsonl", LIKED, DISLIKED)
    hint = refused(capsys, "plan", "new", "--model", "tiny", "--data", "marked.jsonl", "--set", "method.task=sft")
    command = shlex.split(hint.partition("ftui ")[2])
    main(command)
    said = {json.loads(line)["messages"][-1]["content"] for line in Path(command[-1]).read_text().splitlines()}
    assert said == {"Hello."}


def test_steps_are_of_no_use_to_any_task(capsys: pytest.CaptureFixture[str]) -> None:
    write("steps.jsonl", STEPS)
    said = refused(capsys, "plan", "new", "--model", "tiny", "--data", "steps.jsonl")
    assert "steps are marked" in said and "kto" in said


def test_one_conversation_without_an_answer_does_not_spoil_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    write("mostly.jsonl", ASKED, CHAT, CHAT)
    assert main(["plan", "new", "--model", "tiny", "--data", "mostly.jsonl"]) == 0
    assert "task: sft" in capsys.readouterr().out


def plan_of(train: Path, task: str, **data: Any) -> str:
    plan = {"model": {"id": "tiny"}, "data": {"train": str(train), **data}, "method": {"task": task}}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    return "plan.yaml"


@pytest.mark.parametrize("command", [["plan", "check"], ["train"], ["train", "--prepare"]])
def test_a_plan_that_somebody_edited_makes_no_run(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    if command[0] == "train":
        pytest.importorskip("trl")
    plan = plan_of(write("pairs.jsonl", PAIR), "sft")
    said = refused(capsys, *command, plan)
    assert "pairs.jsonl holds pairs" in said and "--to chat" in said
    assert not all_runs()


def test_held_out_and_general_rows_are_looked_at_too(capsys: pytest.CaptureFixture[str]) -> None:
    chat, texts = write("chat.jsonl", CHAT), write("texts.jsonl", TEXT)
    for name in ("eval", "replay"):
        plan = plan_of(chat, "sft", **{name: str(texts)}, replay_fraction=0.1 if name == "replay" else 0.0)
        said = refused(capsys, "plan", "check", plan)
        assert f"data.{name}" in said and "holds plain texts" in said and "conversations" in said


def test_each_stage_needs_rows_of_its_own_kind(capsys: pytest.CaptureFixture[str]) -> None:
    chat = write("chat.jsonl", CHAT)
    stages = [{"name": "first"}, {"name": "second", "method": {"task": "dpo"}}]
    plan = {"model": {"id": "tiny"}, "data": {"train": str(chat)}, "stages": stages}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    assert "cannot train dpo" in refused(capsys, "plan", "check", "plan.yaml")
    stages[1] = {**stages[1], "data": {"train": str(write("pairs.jsonl", PAIR))}}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    assert main(["plan", "check", "plan.yaml"]) == 0


def test_held_out_rows_that_all_fall_out_stop_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trl")
    chat = write("chat.jsonl", CHAT)
    broken = write("broken.jsonl", {"messages": "Hello?"})
    assert "broken.jsonl" in refused(capsys, "train", plan_of(chat, "sft", eval=str(broken)), "--prepare")


def test_every_task_takes_some_rows_and_refuses_the_rest_in_words() -> None:
    for task in TASKS:
        assert any(unusable(kind, task, "it", "rows.jsonl") is None for kind in KINDS)
        for kind in KINDS:
            why = unusable(kind, task, "it", "rows.jsonl")
            assert why is None or (task in why.title and KINDS[kind] in why.message and why.hint.endswith((".", "l")))
