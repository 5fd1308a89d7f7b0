"""Help and palette: the screen's own keys, not those of every list and field; `?` where nothing is being typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_answers import fake_ask
from screens_kit import answer_with, settle, shown_text, welcome_app
from textual.widgets import Input

from ftui.services.data_files import Candidate
from ftui.tui.screens.base import active_bindings
from ftui.tui.screens.data import DataScreen
from ftui.tui.screens.help import HelpDialog
from ftui.tui.widgets.stage_bar import StageBar
from ftui.tui.widgets.text_pane import TextPane


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_with(monkeypatch)
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a row"}\n' * 3)
    yield path


async def opened(pilot: Any, stage: str) -> None:
    await settle(pilot)
    pilot.app.wizard.open(stage)
    await settle(pilot)


@pytest.mark.usefixtures("rows")
async def test_help_lists_the_screens_own_keys_first_and_the_others_in_one_paragraph() -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "decide")
        ours = [key.description for key in active_bindings(app.screen) if key.ours]
        assert "Answer" in ours and "Go to Plan" in ours and "Commands" in ours
        assert not {"Scroll Left", "Copy selected text", "Page Up"} & set(ours)
        await pilot.press("f1")
        await pilot.pause(0.1)
        assert isinstance(app.screen, HelpDialog)
        lines = [line.strip(" │╭╮") for line in shown_text(app).split("\n") if "│" in line]
        assert "Decide" in lines[0] and lines[2].endswith("Answer")
        await pilot.press("end")
        await pilot.pause(0.2)
        assert "Also: " in shown_text(app) and "page up" in shown_text(app)
        await pilot.press("f1")
        await pilot.pause(0.1)
        assert not isinstance(app.screen, HelpDialog)


@pytest.mark.usefixtures("rows")
async def test_a_question_mark_opens_help_but_can_be_typed_into_a_field() -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "decide")
        await pilot.press("question_mark")
        await pilot.pause(0.1)
        assert isinstance(app.screen, HelpDialog)
        await pilot.press("escape")
        await opened(pilot, "data")
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen) and app.screen.query_one("#path", Input).value == "?"


@pytest.mark.usefixtures("rows")
async def test_the_palette_offers_no_editing_keys() -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "data")
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Next", "Back", "Theme"} <= titles
        assert not [title for title in titles if "Delete" in title or "cursor" in title]


@pytest.mark.usefixtures("rows")
async def test_the_bar_shows_an_answers_verdict_at_once() -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "decide")
        await pilot.press("3")
        await pilot.pause()
        assert "structured output" in app.screen.query_one(StageBar).plain


async def test_while_another_file_is_checked_nothing_of_the_last_one_is_shown(
    rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.wizard.state.data_file = str(rows)
        await opened(pilot, "data")
        await settle(pilot)
        assert "SCH212" in shown_text(app)

        async def never(*arguments: str, module: str = "ftui") -> Any:
            import asyncio

            await asyncio.sleep(60)
            return await fake_ask(*arguments, module=module)

        answer_with(monkeypatch, never)
        screen = app.screen
        assert isinstance(screen, DataScreen)
        screen._take(str(rows), "")
        await pilot.pause(0.2)
        assert "Checking rows.jsonl" in shown_text(app) and "SCH212" not in shown_text(app)
        assert not screen.query_one("#detail", TextPane).plain


@pytest.mark.usefixtures("rows")
async def test_keys_that_come_faster_than_the_disk_answers_start_one_search_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import threading
    import time

    running, most, asked = [0], [0], []
    lock = threading.Lock()

    def slow(typed: str) -> list[Candidate]:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            asked.append(typed)
        time.sleep(0.1)
        with lock:
            running[0] -= 1
        return []

    monkeypatch.setattr("ftui.tui.screens.data.candidates", slow)
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "data")
        await pilot.press(*"parcels and more")
        for _ in range(100):
            await pilot.pause(0.05)
            if asked[-1:] == ["parcels and more"] and not running[0]:
                break
        assert asked[-1] == "parcels and more", "what was typed last is searched last"
        assert most[0] == 1
