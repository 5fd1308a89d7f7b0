"""Mistyped commands, options and choices: one sentence, the nearest right word, exit code 2."""

from __future__ import annotations

import pytest

from ftui.cli import main


@pytest.mark.parametrize(
    ("arguments", "words", "meant"),
    [
        (["FIT"], "no command 'FIT'", "`ftui fit`"),
        (["--hlep"], "no command '--hlep'", "`ftui --help`"),
        (["fit", "--metod", "lora"], "unrecognized arguments: --metod", "--method"),
        (["fit", "x", "--metod=lora"], "unrecognized arguments: --metod=lora", "--method"),
        (["data", "shwo", "x"], "invalid choice: 'shwo'", "show"),
        (["data", "show", "x", "--gerp", "y"], "unrecognized arguments: --gerp", "--grep"),
        (["fit", "x", "--method", "qlorra"], "invalid choice: 'qlorra'", "qlora"),
    ],
)
def test_the_nearest_right_word_is_named(
    arguments: list[str], words: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err and f"Did you mean {meant}?" in err
    assert len(err.splitlines()) <= 2 and "usage" not in err


def test_a_mistake_that_is_like_nothing_names_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "x", "--\x1b[31mzzzzzzz"]) == 2
    err = capsys.readouterr().err
    assert "Did you mean" not in err and "`ftui fit --help`" in err and "\x1b" not in err
    assert main(["fit", "x", "--seq-len", "1e6"]) == 2
    assert "argument --seq-len: invalid int value: '1e6'" in capsys.readouterr().err


def test_help_of_a_command_by_either_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "fit"]) == 0
    page = capsys.readouterr().out
    assert main(["fit", "--help"]) == 0
    assert capsys.readouterr().out == page and "usage: ftui fit" in page
    assert main(["-V"]) == 0
    assert capsys.readouterr().out.startswith("ftui ")
