"""Rating sessions: blind, resumable, bound to the texts that were rated, and never in the way of another rater."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ftui.cli import main
from ftui.core.plan import from_mapping
from ftui.core.rating import NAMES
from ftui.errors import FtuiError
from ftui.services.plans import save_plan
from ftui.services.rating import Session, open_session, ratings_file, summary
from ftui.services.runs import Run


def scored_run(folder: Path, rows: int = 10) -> Run:
    run = Run(folder / "20260101-000000-rated")
    (run.path / "eval").mkdir(parents=True)
    run.path.chmod(0o700)
    save_plan(from_mapping({"model": {"id": "m"}, "data": {"train": "t.jsonl"}}), run.plan_file)
    write_samples(run, [sample(n, f"base {n}", f"tuned {n}" if n else "base 0") for n in range(rows)])
    return run


def sample(number: int, base: str, tuned: str) -> dict[str, Any]:
    return {"id": number, "prompt": f"p{number}", "reference": "", "base": base, "tuned": tuned}


def write_samples(run: Run, rows: list[dict[str, Any]]) -> None:
    (run.path / "eval" / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def prefer_tuned(session: Session, count: int) -> None:
    for _ in range(count):
        item = session.next_item()
        assert item is not None
        session.rate(item, dict.fromkeys(NAMES, 5 if item.right.startswith("tuned") else 1))


def test_equal_answers_are_not_shown_and_the_rest_resumes(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    session = open_session(run, "anna")
    assert (session.total, session.same, session.done) == (9, 1, 0)
    prefer_tuned(session, 4)
    again = open_session(run, "anna")
    assert again.done == 4
    following = again.next_item()
    assert following is not None
    assert following.place == 5
    prefer_tuned(again, 5)
    assert again.next_item() is None
    result = summary(run)
    assert result is not None
    assert result.criteria["safety"].wins == 9
    assert result.criteria["safety"].win_rate == 1.0


def test_the_item_does_not_say_which_model_wrote_what(tmp_path: Path) -> None:
    session = open_session(scored_run(tmp_path), "anna")
    item = session.next_item()
    assert item is not None
    assert not {"tuned_on_right", "base", "tuned", "side"} & set(type(item).__slots__)
    sides = set()
    while (item := session.next_item()) is not None:
        sides.add(item.right.startswith("tuned"))
        session.skip(item)
    assert sides == {True, False}


def test_taking_back_gives_the_row_again(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    session = open_session(run, "anna")
    prefer_tuned(session, 2)
    assert session.undo() == session.next_item()
    assert session.done == 1
    assert open_session(run, "anna").done == 1
    assert session.undo() is not None
    assert session.undo() is None
    assert summary(run) is None


def test_two_raters_agree_or_not(tmp_path: Path) -> None:
    run = scored_run(tmp_path, 30)
    prefer_tuned(open_session(run, "anna"), 29)
    ben = open_session(run, "ben")
    for _ in range(29):
        item = ben.next_item()
        assert item is not None
        ben.rate(item, dict.fromkeys(NAMES, 1 if item.right.startswith("tuned") else 5))
    result = summary(run)
    assert result is not None
    assert result.agreement_items == 29
    alpha = result.criteria["accuracy"].alpha
    assert alpha is not None
    assert alpha < 0
    assert result.criteria["accuracy"].ties == 29


def test_ratings_of_other_texts_do_not_count(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    prefer_tuned(open_session(run, "anna"), 9)
    write_samples(run, [sample(n, f"base {n}", f"tuned again {n}") for n in range(10)])
    assert summary(run) is None
    assert open_session(run, "anna").done == 0


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    prefer_tuned(open_session(run, "anna"), 3)
    with ratings_file(run.path).open("ab") as file:
        file.write(b'{"rater": "anna"\n\xff\xfe\n[]\n{"rater": 3, "id": "x"}\n{"rater":"anna","id":1,"ans')
    assert open_session(run, "anna").done == 3


@pytest.mark.parametrize("rows", [[], [sample(0, "same", "same ")]])
def test_nothing_to_rate_is_a_sentence(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    run = scored_run(tmp_path)
    write_samples(run, rows)
    with pytest.raises(FtuiError, match="rate"):
        open_session(run, "anna")


def test_a_full_disk_is_a_sentence_and_the_row_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_session(scored_run(tmp_path), "anna")
    item = session.next_item()
    assert item is not None
    monkeypatch.setattr("ftui.services.rating.os.write", lambda *_: 0)
    with pytest.raises(FtuiError, match="No space"):
        session.rate(item, dict.fromkeys(NAMES, 3))
    assert session.next_item() == item


def test_the_command_takes_lines_and_gives_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = scored_run(tmp_path, 4)
    monkeypatch.setattr("sys.stdin", io.StringIO("3 3 3 3\nq\n"))
    assert main(["rate", str(run.path), "--rater", "anna"]) == 0
    assert "1 of 3 rated" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("3 3 3 3\n5 5 5 5\n"))
    assert main(["rate", str(run.path), "--rater", "anna"]) == 0
    out = capsys.readouterr().out
    assert "win rate" in out
    assert main(["rate", str(run.path), "--results", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == 3
    monkeypatch.setattr("sys.stdin", io.StringIO("9 9\n"))
    assert main(["rate", str(run.path), "--rater", "ben"]) == 2
    assert "keys from 1 to 5" in capsys.readouterr().err
