"""Progress in a file is a few lines, not hundreds; on a terminal it goes over itself."""

from __future__ import annotations

import io

import pytest

from ftui.commands.phases import teller
from ftui.core.events import Done, Phase


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell_all() -> None:
    tell = teller()
    tell(Phase("loading", "the base\x1b[31m model"))
    for number in range(101):
        tell(Phase("base_score", f"{number} of 100 answers", number / 100))
    tell(Done(1, "finished", 2.0))
    tell(Phase("loading", "the tuned model"))


def test_a_file_gets_a_line_for_each_quarter(capsys: pytest.CaptureFixture[str]) -> None:
    tell_all()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert lines[0] == "… loading: the base model"
    assert lines[1] == "… base score: 0 of 100 answers"


def test_a_terminal_gets_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    tell_all()
    text = screen.getvalue()
    assert text.count("\n") == 3
    assert text.count("\r") == 101
    assert text.endswith("… loading: the tuned model\n")
