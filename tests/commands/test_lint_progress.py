"""The progress line: reading first, then comparing; one line of the terminal, taken away at the end."""

from __future__ import annotations

import pytest

from ftui.commands import lint_progress
from ftui.commands.lint_progress import ProgressLine
from ftui.services.lint import Progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(lint_progress, "time", Clock())


def test_it_says_what_is_being_done_within_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine(enabled=True)
    path = "a/very/long/way/to/so/train\x1b[31m" + "x" * 60 + ".jsonl"
    for progress in (
        Progress(path, 0, 1000, 0),
        Progress(path, 500, 1000, 1234),
        Progress(path, 1000, 1000, 2468, 0.25),
    ):
        line.show(progress)
    shown = capsys.readouterr().err.split("\r\x1b[K")
    assert len(shown) == 3 and "50%" in shown[1] and "1,234 rows" in shown[1]
    assert "2,468" in shown[2] and "rows read" in shown[2]
    assert all(len(text) < 60 and "\x1b" not in text for text in shown)
    line.clear()
    assert capsys.readouterr().err == "\r\x1b[K"


def test_a_wide_terminal_shows_how_far_the_comparing_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    line = ProgressLine(enabled=True)
    line.show(Progress("train.jsonl", 0, 1000, 0))
    line.show(Progress("train.jsonl", 1000, 1000, 2468, 0.25))
    assert "2,468 rows read, comparing those that look alike: 25%" in capsys.readouterr().err


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    line = ProgressLine(enabled=False)
    line.show(Progress("train.jsonl", 0, 1000, 0))
    line.show(Progress("train.jsonl", 1000, 1000, 2468, 0.25))
    line.clear()
    assert not capsys.readouterr().err
