"""`ftui plan`: by file or by run, to other tools and back, with what to run next."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftui.cli import main
from ftui.core.plan import from_mapping
from ftui.services.run_folders import create_run


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def run_named(name: str, **method: Any) -> str:
    plan = {"model": {"id": "org/model"}, "data": {"train": "/rows.jsonl"}, "run": {"name": name}, "method": method}
    return create_run(from_mapping(plan)).name


@pytest.mark.parametrize("action", [["export", "--to", "trl"], ["show"]])
def test_a_run_stands_for_its_plan(action: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    whole = run_named("tickets", technique="lora", lora_rank=5)
    run_named("letters")
    said = []
    for reference in (whole, "tickets", str(Path("home/runs") / whole / "plan.yaml")):
        assert main(["plan", action[0], reference, *action[1:]]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2] and "5" in said[0]


def test_a_file_goes_before_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    run_named("tickets", technique="lora", lora_rank=5)
    Path("tickets").write_text("model: {id: org/other}\ndata: {train: rows.jsonl}\n")
    assert main(["plan", "export", "tickets", "--to", "trl"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["model_name_or_path"] == "org/other"


@pytest.mark.parametrize(
    ("reference", "said"),
    [("ticket", "fits 2 runs"), ("nothing", "No such plan or run"), ("gone.yaml", "No such plan"), ("", "plan")],
)
def test_what_is_neither_is_said_in_a_sentence(reference: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_named("tickets-a")
    run_named("tickets-b")
    assert main(["plan", "export", reference, "--to", "axolotl"]) == 2
    talk = capsys.readouterr().err
    assert said in talk and "a bug" not in talk and "Traceback" not in talk


def test_the_command_for_the_export_is_that_of_its_task(capsys: pytest.CaptureFixture[str]) -> None:
    run_named("pairs", task="dpo")
    assert main(["plan", "export", "pairs", "--to", "trl", "-o", "my plan.yaml"]) == 0
    assert "trl dpo --config 'my plan.yaml'" in capsys.readouterr().err


def test_an_import_says_what_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    Path("theirs.yaml").write_text("model_name_or_path: org/model\nbeta: 0.2\nhub_model_id: me/mine\n")
    assert main(["plan", "import", "theirs.yaml"]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out)["method"]["task"] == "dpo"
    assert "not carried over: hub_model_id" in said.err and "look at: data.train is missing" in said.err
    assert main(["plan", "import", "theirs.yaml", "--task", "kto"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["method"]["task"] == "kto"


@pytest.mark.parametrize(
    "text", ["model_name_or_path: {a: 1}\n", "stage: [1]\n", "base_model: x\nrl: {}\n", "cutoff_len: .nan\n"]
)
def test_a_strange_file_is_a_plan_or_a_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("strange.yaml").write_text(text)
    assert main(["plan", "import", "strange.yaml"]) in (0, 2)
    assert "a bug" not in capsys.readouterr().err


def test_a_reason_goes_below_its_value_where_a_terminal_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "a rank of 5 holds what so few rows teach, \x1b[31mwithout[/] room to memorise them word for word"
    plan = {"model": {"id": "org/model"}, "data": {"train": "/rows.jsonl"},
            "method": {"technique": "lora", "lora_rank": 5}, "reasons": {"method.lora_rank": reason}}  # fmt: skip
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    assert main(["plan", "show", "plan.yaml"]) == 0
    whole = capsys.readouterr().out
    assert "room to memorise them word for word\n" in whole, "a pipe has no width"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["plan", "show", "plan.yaml"]) == 0
    narrow = capsys.readouterr().out
    assert "    a rank of 5 holds" in narrow and "[/]" in narrow and "\x1b" not in narrow + whole
    assert max(map(len, narrow.splitlines())) <= 80
    assert [*narrow.split()] == [*whole.split()]
