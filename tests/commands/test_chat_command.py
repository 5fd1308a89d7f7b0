"""The chat on the command line, with models that answer from a script."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ftui.commands import chat as command
from ftui.services.chat import Piece


class Scripted:
    """Two models whose pieces come interleaved."""

    models = ("base", "tuned", "20260101-other")

    def __init__(self) -> None:
        self.asked: list[tuple[list[Any], list[str]]] = []

    def ask(self, messages: list[Any], *, models: list[str], max_new_tokens: int) -> Iterator[Piece]:
        self.asked.append((messages, models))
        for word in ("one ", "two\x1b[31m"):
            for name in models:
                yield Piece(name, word + name[0])
        for name in models:
            yield Piece(name, end=True, tokens=2, seconds=0.1)


def talk(text: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Scripted:
    scripted = Scripted()
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    defaults = {"system": None, "keep": False, "json": False, "max_new_tokens": 9}
    args = argparse.Namespace(**{**defaults, **options})
    assert command._talk(scripted, args, ["base", "tuned"]) == 0  # type: ignore[arg-type]
    return scripted


def test_each_answer_is_printed_whole_though_they_come_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    talk("hello\n", monkeypatch)
    out = capsys.readouterr().out
    assert out.index("base:") < out.index("one btwo") < out.index("tuned:") < out.index("one ttwo")
    assert "2 tokens, 20 a second" in out
    assert "\x1b" not in out


def test_json_history_and_switching(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    scripted = talk("first\n/use other\nsecond\n/use nobody\nthird\n", monkeypatch, keep=True, json=True, system="s")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["prompt"] == "first"
    assert set(lines[0]) == {"prompt", "base", "tuned"}
    assert [models for _, models in scripted.asked] == [["base", "tuned"], ["20260101-other"], ["20260101-other"]]
    last = scripted.asked[-1][0]
    assert last[0] == {"role": "system", "content": "s"}
    assert [message["role"] for message in last] == ["system", "user", "assistant", "user", "assistant", "user"]
