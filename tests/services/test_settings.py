"""What is kept from one start to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftui.services.settings import save_theme, saved_theme


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_theme_is_kept(own_home: Path) -> None:
    assert saved_theme() == ""
    save_theme("nord")
    assert saved_theme() == "nord" and (own_home.stat().st_mode & 0o077) == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"theme": 3}'])
def test_broken_settings_are_none(own_home: Path, content: bytes) -> None:
    own_home.mkdir()
    (own_home / "settings.json").write_bytes(content)
    assert saved_theme() == ""


def test_other_settings_stay(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "settings.json").write_text('{"schema_version": 1, "later": true}')
    save_theme("nord")
    assert '"later": true' in (own_home / "settings.json").read_text()


def test_a_place_that_refuses_stops_nothing(own_home: Path) -> None:
    own_home.write_text("a file where the folder should be")
    save_theme("nord")
    assert saved_theme() == ""
