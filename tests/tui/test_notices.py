"""Notices and help: what is said over a screen never buries it, and says how to get rid of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from screens_kit import answer_with, settle, shown_text, welcome_app


async def test_a_notice_that_is_said_again_takes_no_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        await pilot.press(*["enter"] * 8)
        await settle(pilot, 0.1)
        assert shown_text(app).count("Choose at least one") == 1
        assert "1 Know facts of ours          documents, products" in shown_text(app)


async def test_a_warning_stays_when_something_else_is_said() -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        app.notify("first news", markup=False)
        app.notify("mind the gap", severity="warning", markup=False)
        app.notify("latest news", markup=False)
        await settle(pilot, 0.1)
        text = shown_text(app)
        assert "mind the gap" in text and "latest news" in text and "first news" not in text


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_help_says_how_to_close_it(size: tuple[int, int]) -> None:
    app = welcome_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        below = app.screen
        await pilot.press("question_mark")
        await settle(pilot)
        assert "esc closes" in shown_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen is below
