"""What is remembered of data files: which were used lately, and what their last check found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.services.data_files import glance
from ftui.services.drafts import MOST_RECENT, last_found, recent_files, remember_file


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    return path


def test_a_checked_file_says_what_was_found(rows: Path) -> None:
    assert "checked" not in glance(rows)
    remember_file(rows, "2 errors, 1 note")
    assert last_found(rows) == "2 errors, 1 note" and recent_files() == [rows]
    assert glance(rows).startswith("text, about 2 rows") and glance(rows).endswith("; checked: 2 errors, 1 note")


def test_a_file_that_changed_since_is_not_judged_by_its_last_check(rows: Path) -> None:
    remember_file(rows, "2 errors")
    rows.write_text('{"text": "another"}\n')
    assert last_found(rows) == ""
    remember_file(rows)
    assert last_found(rows) == ""


def test_only_files_that_are_listed_are_kept(rows: Path) -> None:
    remember_file(rows, "1 note")
    for number in range(MOST_RECENT):
        other = rows.with_name(f"{number}.jsonl")
        other.write_text("{}")
        remember_file(other, "nothing to object to")
    assert rows not in recent_files() and last_found(rows) == ""


@pytest.mark.parametrize("text", ["", "[]", '{"files": 3, "checks": []}', '{"checks": {"/x": 7}}'])
def test_a_broken_list_is_an_empty_one(rows: Path, text: str) -> None:
    remember_file(rows, "1 note")
    file = rows.parent / "home" / "drafts" / "recent.json"
    file.write_text(text)
    assert last_found(rows) == "" and recent_files() == []
    remember_file(rows, "1 note")
    assert json.loads(file.read_text())["files"] == [str(rows)] and last_found(rows) == "1 note"
