"""A megabyte of keys, as a terminal types a paste that it cannot mark: a part is left out, and the program goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from screens_kit import answer_with, last_notice, settle, welcome_app
from textual import events
from textual.widgets import Input

from ftui.tui.app import FLOOD, MOST_WAITING_KEYS
from ftui.tui.screens.welcome import WelcomeScreen


async def test_a_flood_of_keys_is_cut_said_and_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch)
    monkeypatch.chdir(tmp_path)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        app.wizard.open("data")
        await settle(pilot)
        field = app.screen.query_one("#path", Input)
        taken = [app.post_message(events.Key("x", "x")) for _ in range(MOST_WAITING_KEYS * 4)]
        assert all(taken[:MOST_WAITING_KEYS]) and not any(taken[-MOST_WAITING_KEYS:])
        said = ""
        for _ in range(600):
            await pilot.pause(0.05)
            said = said or last_notice(app)
            if not field.message_queue_size:
                break
        assert 0 < len(field.value) <= MOST_WAITING_KEYS + 50 and set(field.value) == {"x"}
        assert said == FLOOD
        await pilot.press("escape", "escape")
        await settle(pilot)
        assert isinstance(app.screen, WelcomeScreen), "keys work again"


async def test_other_keys_always_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        monkeypatch.setattr(type(app), "_waiting_keys", lambda self: MOST_WAITING_KEYS + 1)
        assert not app.post_message(events.Key("x", "x"))
        assert app.post_message(events.Key("ctrl+q", "\x11")) and app.post_message(events.Key("down", None))
