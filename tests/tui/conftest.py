"""Every test of the terminal program has its own home, no colour settings from outside, and no line to a server."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("FTUI_HOME", str(home))
    for name in ("NO_COLOR", "FTUI_ASCII", "TEXTUAL_THEME", "SSH_CONNECTION", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FTUI_ASCII", "0")
    return home
