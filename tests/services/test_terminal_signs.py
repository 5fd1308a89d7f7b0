"""Which terminals get screens, and what the others get instead."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ftui.services.terminal import WITHOUT_SCREENS, shows_screens


@pytest.mark.parametrize("term", [*WITHOUT_SCREENS, "xterm-256color"])
@pytest.mark.parametrize("typed", [True, False])
def test_screens_need_a_person_and_a_terminal(term: str, typed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdin", type("In", (), {"isatty": staticmethod(lambda: typed)}))
    monkeypatch.setattr(sys, "stdout", type("Out", (), {"isatty": staticmethod(lambda: True)}))
    assert shows_screens() is (typed and term == "xterm-256color")


def test_on_a_dumb_terminal_the_wizard_walks_in_lines(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    settings = {**os.environ, "TERM": "dumb", "FTUI_HOME": str(tmp_path)}
    child = subprocess.Popen([sys.executable, "-m", "ftui"], stdin=slave, stdout=slave, stderr=slave, env=settings)
    os.close(slave)
    os.write(master, b"q\n")
    assert child.wait(60) == 0
    said = os.read(master, 1 << 16).decode()
    os.close(master)
    assert "Stage 1 of 5, decide" in said and "Go on with: ftui --plain" in said and "\x1b" not in said
