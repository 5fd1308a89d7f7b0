"""`ftui lint FOLDER --fix`: every split into a new folder that takes the place of the old one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_lint_fixing import GOOD, fix, rows_of, turn, write


def padded(row: dict[str, Any]) -> dict[str, Any]:
    """The row with a space too many at the end of its answer."""
    question, answer = row["messages"]
    return {"messages": [question, turn("assistant", answer["content"] + " ")]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Shards of training rows, a clean test split, and an eval split that two training rows stand in once repaired."""
    data = tmp_path / "set" / "data"
    data.mkdir(parents=True)
    write(data / "train-00000-of-00002.jsonl", [padded(row) for row in GOOD[:5]])
    write(data / "train-00001-of-00002.jsonl", [*GOOD[5:9], "{broken"])
    write(data / "validation-00000-of-00001.jsonl", [padded(GOOD[3]), GOOD[4], GOOD[9]])
    write(data / "test-00000-of-00001.jsonl", GOOD[10:])
    return tmp_path / "set"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_each_split_is_repaired_into_a_new_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(folder)
    assert fix(folder) == 0
    assert content(folder) == before
    assert "the repaired folder is" in capsys.readouterr().err
    new = folder.with_name("set.fixed")
    assert sorted(path.name for path in new.iterdir() if "changes" not in path.name) == [
        "test.jsonl", "train.jsonl", "validation.jsonl"
    ]  # fmt: skip
    assert rows_of(new / "test.jsonl") == GOOD[10:], "a split without a fault is copied, so that none is missing"
    assert rows_of(new / "validation.jsonl") == [GOOD[3], GOOD[4], GOOD[9]]
    kept = (new / "train.jsonl").read_text().splitlines()
    assert "{broken" in kept, "an unreadable line is not lost"
    kept.remove("{broken")
    assert list(map(json.loads, kept)) == [*GOOD[:3], *GOOD[5:9]], "rows 3 and 4 are in the repaired eval split"


def test_a_second_run_finds_nothing_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fix(folder)
    new = folder.with_name("set.fixed")
    first = content(new)
    capsys.readouterr()
    fix(new)
    assert "nothing to fix" in capsys.readouterr().err
    assert content(new) == first and not new.with_name("set.fixed.fixed").exists()


def test_the_output_is_a_folder_elsewhere(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(folder)
    assert fix(folder, "--output", str(folder / "inside")) == 2
    assert "never writes into its input" in capsys.readouterr().err
    assert content(folder) == before
    assert fix(folder, "--output", str(tmp_path / "there"), "--json") == 0
    fixes = json.loads(capsys.readouterr().out)["fixes"]
    assert [Path(done["out"]).name for done in fixes] == ["test.jsonl", "validation.jsonl", "train.jsonl"]
    assert all(Path(done["out"]).parent == tmp_path / "there" for done in fixes)


def test_a_folder_named_with_a_slash_is_the_same_folder(folder: Path) -> None:
    from ftui.cli import main

    assert main(["lint", "--no-config", "--exit-zero", f"{folder}/", "--fix"]) == 0
    assert (folder.with_name("set.fixed") / "train.jsonl").is_file()
