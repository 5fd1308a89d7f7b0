"""Held-out rows beside a training file: found by name, taken only where their rows are of the same kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.cli import main
from ftui.services.beside import general_beside, held_out_beside
from ftui.services.data_check import check
from ftui.services.data_files import candidates, short
from ftui.services.paths import sample_data

CHAT = {"messages": [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "Here."}]}
PAIR = {"prompt": "Where?", "chosen": "Here.", "rejected": "There."}


def write(path: Path, row: dict[str, object], rows: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(rows)))
    return path


@pytest.mark.parametrize(
    ("train", "other"),
    [
        ("train.jsonl", "eval.jsonl"),
        ("train.jsonl", "test.jsonl"),
        ("train.fixed.jsonl", "eval.jsonl"),
        ("train.reviewed-2.jsonl", "validation.jsonl"),
        ("tickets-train.jsonl", "tickets-dev.jsonl"),
    ],
)
def test_a_file_of_the_same_name_but_for_the_split_is_found(train: str, other: str, tmp_path: Path) -> None:
    write(tmp_path / other, CHAT)
    assert held_out_beside(str(write(tmp_path / train, CHAT))) == tmp_path / other


@pytest.mark.parametrize(
    ("train", "other", "row"),
    [
        ("train.jsonl", "eval.jsonl", PAIR),
        ("train.jsonl", "orders-eval.jsonl", CHAT),
        ("eval.jsonl", "test.jsonl", CHAT),
        ("train.jsonl", "eval.txt", CHAT),
    ],
)
def test_rows_of_another_kind_or_name_are_not(train: str, other: str, row: dict[str, object], tmp_path: Path) -> None:
    write(tmp_path / other, row)
    assert held_out_beside(str(write(tmp_path / train, CHAT))) is None


@pytest.mark.parametrize("place", ["general.jsonl", "replay.jsonl", "general/replay.jsonl", "../general/general.jsonl"])
def test_general_rows_are_found_beside_the_rows_and_in_a_folder_of_their_own(place: str, tmp_path: Path) -> None:
    train = write(tmp_path / "mine" / "train.jsonl", CHAT)
    assert general_beside(str(train)) is None and general_beside("") is None
    general = write(train.parent / place, CHAT)
    found = general_beside(str(train))
    assert found is not None and found.samefile(general)
    write(train.parent / place, PAIR)
    assert general_beside(str(train)) is None, "preferences say nothing to a chat"


def test_general_rows_ship_with_the_sample_task() -> None:
    found = general_beside(str(sample_data() / "tickets" / "train.jsonl"))
    assert found == sample_data() / "general" / "replay.jsonl"
    assert general_beside(str(sample_data() / "general" / "replay.jsonl")) is None, "rows are not mixed into themselves"


def test_what_cannot_be_read_is_no_held_out_data(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", CHAT)
    (tmp_path / "eval.jsonl").write_bytes(b"\xff\xfe\x00broken")
    assert held_out_beside(str(train)) is None
    assert held_out_beside(str(tmp_path)) is None and held_out_beside("") is None


def test_the_check_of_a_file_looks_for_its_rows_in_the_file_beside_it(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", CHAT)
    assert check(str(train))["held_out"] == ""
    write(tmp_path / "eval.jsonl", CHAT)
    report = check(str(train))
    assert report["held_out"] == "eval.jsonl" and report["cost"]["leaked_eval_rows"] == 3
    assert "DST802" not in {group["code"] for group in report["groups"]}


def test_a_new_plan_takes_it_names_the_run_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows = sample_data() / "tickets" / "train.jsonl"
    assert main(["plan", "new", "--model", "tiny", "--data", str(rows), "--json"]) == 0
    said = capsys.readouterr()
    plan = json.loads(said.out)
    assert plan["data"]["eval"] == str(rows.with_name("eval.jsonl")) and "beside" in plan["reasons"]["data.eval"]
    assert plan["run"]["name"] == "train-tiny" and plan["reasons"]["run.name"]
    assert "eval.jsonl" in said.err and "data.eval=null" in said.err


def test_a_new_plan_leaves_it_where_one_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows = sample_data() / "tickets" / "train.jsonl"
    settings = ["--set", "data.eval=null", "--set", "run.name=mine"]
    assert main(["plan", "new", "--model", "tiny", "--data", str(rows), "--json", *settings]) == 0
    said = capsys.readouterr()
    plan = json.loads(said.out)
    assert plan["data"]["eval"] is None and plan["run"]["name"] == "mine" and not said.err


def test_a_part_of_a_name_finds_files_in_folders_below_and_none_of_our_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    here = tmp_path / "here"
    write(here / "deep" / "er" / "orders.jsonl", CHAT)
    write(here / "deep" / "orders.csv", CHAT)
    write(here / "orders.fixed.jsonl.changes.jsonl", CHAT)
    write(here / "orders.review.jsonl", CHAT)
    write(here / ".git" / "orders.jsonl", CHAT)
    (here / "loop").symlink_to(here)
    monkeypatch.chdir(here)
    found = [(candidate.path.relative_to(here).as_posix(), candidate.kind) for candidate in candidates("orders")]
    assert found == [("deep/orders.csv", "below"), ("deep/er/orders.jsonl", "below")]
    assert not [candidate for candidate in candidates("") if candidate.kind == "below"]


def test_paths_begin_at_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert short("/home/ada/rows.jsonl") == "~/rows.jsonl" and short("/home/adam/x") == "/home/adam/x"
    monkeypatch.setenv("HOME", "/")
    assert short("/rows.jsonl") == "/rows.jsonl"
