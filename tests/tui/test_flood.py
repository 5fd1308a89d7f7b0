"""A megabyte of keys, as a terminal types a paste that it cannot mark: a part is left out, and the program goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from screens_kit import answer_with, settle, welcome_app
from textual import events
from textual.widgets import Input

from ftui.tui import app as app_module
from ftui.tui.app import FLOOD, MOST_WAITING_KEYS
from ftui.tui.screens.welcome import WelcomeScreen

FEW = 200


async def until(pilot: Any, condition: Callable[[], bool]) -> None:
    """Wait as long as a busy machine may need."""
    for _ in range(1200):
        if condition():
            return
        await pilot.pause(0.05)
    raise TimeoutError


async def test_a_flood_of_keys_is_cut_said_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(app_module, "MOST_WAITING_KEYS", FEW)
    app = welcome_app()
    said: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.wizard.open("data")
        await settle(pilot)
        monkeypatch.setattr(app, "notify", lambda message, **_: said.append(message))
        field = app.screen.query_one("#path", Input)
        taken = [app.post_message(events.Key("x", "x")) for _ in range(FEW * 4)]
        assert taken[0] and not taken[-1] and FEW <= sum(taken) <= FEW + 1
        await until(pilot, lambda: len(field.value) >= sum(taken) and bool(said))
        assert field.value == "x" * sum(taken) and said == [FLOOD]
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, WelcomeScreen))


async def test_other_keys_always_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        monkeypatch.setattr(type(app), "_waiting_keys", lambda self: MOST_WAITING_KEYS + 1)
        assert not app.post_message(events.Key("x", "x"))
        assert app.post_message(events.Key("down", None)) and app.post_message(events.Key("ctrl+q", "\x11"))
