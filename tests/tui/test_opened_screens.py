"""The screens for runs and data from elsewhere: the list of runs, the palette, and the commands on a terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from fake_runs import empty_run, make_run
from screens_kit import settle, shown_text, watch_app, welcome_app
from textual.widgets import OptionList

from ftui.commands import chat, data, rate
from ftui.tui import open as opening
from ftui.tui.screens.chat import ChatScreen
from ftui.tui.screens.compare import CompareScreen
from ftui.tui.screens.export import ExportScreen
from ftui.tui.screens.pick_run import PickRunDialog
from ftui.tui.screens.rate import RateScreen
from ftui.tui.screens.result import RunResultScreen
from ftui.tui.screens.review import ReviewScreen
from ftui.tui.screens.welcome import WelcomeScreen


async def test_every_listed_run_leads_to_all_its_screens(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftui.tui.chat_thread.ChatThread.start", lambda self: None)
    make_run(own_home / "runs", status="finished", steps=30)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("t")  # nothing is chosen yet that could be talked to
        assert isinstance(app.screen, WelcomeScreen)
        await pilot.press("end")
        await settle(pilot)
        assert "i result, t chat, r rate, x export, v compare" in shown_text(app)
        commands = [command.title for command in app.get_system_commands(app.screen)]
        assert {"Result", "Chat", "Rate", "Export", "Compare"} <= set(commands)
        for key, screen in (("i", RunResultScreen), ("t", ChatScreen), ("r", RateScreen), ("x", ExportScreen),
                            ("v", CompareScreen)):  # fmt: skip
            await pilot.press(key)
            await settle(pilot, 0.1)
            if isinstance(app.screen, PickRunDialog):
                await pilot.press("escape")
                await settle(pilot)
            assert isinstance(app.screen, screen)
            await pilot.press("escape")
            await settle(pilot, 0.1)
            assert isinstance(app.screen, WelcomeScreen)
            app.screen.query_one(OptionList).action_last()


async def test_the_dashboard_leads_to_the_result(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path, status="finished", steps=30).path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("i")
        await settle(pilot)
        assert isinstance(app.screen, RunResultScreen)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """There is a terminal; the screens that are opened on it are noted."""
    screens: list[Any] = []
    monkeypatch.setattr(opening, "can_show", lambda: True)
    monkeypatch.setattr("ftui.tui.app.run_screen", lambda first, **_: screens.append(first()) or 0)
    return screens


def parsed(module: Any, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.configure(parser)
    return parser.parse_args(arguments)


def test_commands_open_their_screens_on_a_terminal(own_home: Path, tmp_path: Path, opened: list[Any]) -> None:
    run = empty_run(own_home / "runs", status="finished")
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a"}\n')
    assert chat.run(parsed(chat, run.name, "--system", "Be brief.")) == 0
    assert rate.run(parsed(rate, run.name, "--rater", "anna")) == 0
    assert data.run(parsed(data, "review", str(file))) == 0
    assert [type(screen) for screen in opened] == [ChatScreen, RateScreen, ReviewScreen]


@pytest.mark.parametrize("term", ["", "dumb", "unknown", "xterm-256color"])
def test_without_a_terminal_there_is_no_screen(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    assert not opening.can_show()  # the tests' input and output are no terminal
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert opening.can_show() == (term == "xterm-256color")
