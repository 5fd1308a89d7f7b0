"""plan.yaml: file, line and key in every complaint."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.plan import from_mapping, with_values
from ftui.errors import FtuiError
from ftui.services.plans import dump_plan, load_plan, parse_plan, save_plan

MINIMAL = "model:\n  id: tiny\ndata:\n  train: rows.jsonl\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MINIMAL + "train:\n  learning_rat: 1\n", "p.yaml:6: train.learning_rat"),
        (MINIMAL + "train:\n  epochs: -1\n", "p.yaml:6: train.epochs is -1"),
        (MINIMAL + "stages:\n- method: {task: dpoo}\n", "dpoo"),
        ("model: [\n", "p.yaml:"),
        ("", "no sections"),
        ("data: {train: x}\n", "model.id is missing"),
        ("model: {id: x}\n", "data.train is missing"),
        ("model: !!python/object:os.system {}\n", "p.yaml:1"),
        ("- a\n- b\n", "no sections"),
    ],
)
def test_wrong_files_name_line_and_key(text: str, words: str) -> None:
    with pytest.raises(FtuiError) as caught:
        parse_plan(text, "p.yaml")
    assert words in str(caught.value)


def test_files_that_are_not_plans(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge.yaml").write_bytes(b"x" * 2_000_000)
    for name, words in [("none.yaml", "No such plan"), ("binary.yaml", "UTF-8"), ("huge.yaml", "1 MiB")]:
        with pytest.raises(FtuiError, match=words):
            load_plan(tmp_path / name)


def test_reasons_are_comments_and_come_back(tmp_path: Path) -> None:
    plan = from_mapping({"model": {"id": "tiny"}, "data": {"train": "rows # 1.jsonl"}})
    plan = with_values(plan, {"train.epochs": 2}, {"train.epochs": "420 rows: two passes [INST] # are enough"})
    save_plan(plan, tmp_path / "plan.yaml")
    text = (tmp_path / "plan.yaml").read_text()
    assert "epochs: 2.0  # 420 rows: two passes" in text
    assert load_plan(tmp_path / "plan.yaml") == plan


@given(st.text(max_size=200))
def test_any_text_is_a_plan_or_a_sentence(text: str) -> None:
    try:
        parse_plan(text)
    except FtuiError:
        pass


@given(st.text(min_size=1, max_size=60), st.text(max_size=60))
def test_any_name_survives_the_file(name: str, reason: str) -> None:
    plan = from_mapping({"model": {"id": name}, "data": {"train": "x"}, "run": {"notes": reason}})
    plan = with_values(plan, {}, {"run.notes": reason})
    try:
        text = dump_plan(plan)
        text.encode()
    except (FtuiError, UnicodeEncodeError):
        return
    assert parse_plan(text) == plan
