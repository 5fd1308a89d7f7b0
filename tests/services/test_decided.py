"""What a run keeps of the questionnaire: the answers, the verdict, and that somebody went against it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.errors import FtuiError
from ftui.services.decided import advice_against, decision_files, read_answers_file

TRAINS = {"needs": ["style_tone"], "tried": ["prompting", "few_shot"], "examples": 900, "example_quality": "reviewed"}
DOES_NOT = {"needs": ["fresh_knowledge"], "tried": [], "deployment": None}


def test_answers_and_verdict_become_files_of_the_run() -> None:
    files = decision_files(json.dumps(TRAINS))
    assert files["answers.json"] == TRAINS
    assert files["verdict.json"]["approach"] == "fine_tuning" and "overridden" not in files["verdict.json"]


def test_training_against_the_advice_is_recorded(tmp_path: Path) -> None:
    files = decision_files(json.dumps(DOES_NOT))
    assert files["verdict.json"]["overridden"] is True
    (tmp_path / "verdict.json").write_text(json.dumps(files["verdict.json"]))
    assert advice_against(tmp_path) == files["verdict.json"]["approach"].replace("_", " ")


def test_a_run_that_was_advised_or_never_asked_has_nothing_against_it(tmp_path: Path) -> None:
    assert advice_against(tmp_path) == ""
    (tmp_path / "verdict.json").write_text(json.dumps(decision_files(json.dumps(TRAINS))["verdict.json"]))
    assert advice_against(tmp_path) == ""


@pytest.mark.parametrize("text", [None, "{", '{"needs": ["flight"]}', b"\xff"])
def test_answers_that_cannot_be_read_are_a_sentence(tmp_path: Path, text: str | bytes | None) -> None:
    path = tmp_path / "answers.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FtuiError) as caught:
        read_answers_file(path)
    assert "answers" in str(caught.value)
