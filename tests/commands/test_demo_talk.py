"""How `ftui demo` talks: stages in columns, broken between words on a terminal, whole into a file."""

from __future__ import annotations

import pytest

from ftui.commands.demo import Talk

LONG = "Structured output was tried and was not enough. 420 examples teach the model to give the format by itself."


def test_on_a_terminal_no_word_is_broken_and_every_line_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk(columns=60)
    talk.stage("decide", "fine tuning (sft)")
    talk.line(LONG)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "1  decide    fine tuning (sft)"
    assert len(lines) == 3 and all(line.startswith(" " * 13) and len(line) <= 60 for line in lines)
    assert " ".join(line.strip() for line in lines) == LONG


def test_columns_that_fit_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Talk(columns=80).line("ftui        the wizard")
    assert capsys.readouterr().out == " " * 13 + "ftui        the wizard\n"


def test_into_a_file_each_word_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Talk().line(LONG)
    Talk(to_stderr=True).stage("lint", "\x1b[31mred [INST]")
    said = capsys.readouterr()
    assert said.out == " " * 13 + LONG + "\n" and said.err == "1  lint      red [INST]\n"
