"""Terminals that can do little, lie, or change: TERM=dumb, no UTF-8, no colour, storms of sizes, megabytes of paste."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_runs import make_run
from screens_kit import answer_with, settle, shown_text, watch_app, welcome_app
from textual.events import Paste
from textual.widgets import Input

from ftui.errors import FtuiError
from ftui.services.settings import save_theme
from ftui.tui.app import FtuiApp, run_wizard
from ftui.tui.glyphs import wants_ascii
from ftui.tui.widgets.field import MOST_CHARACTERS

COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_without_screens_is_told_what_to_do_instead(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    with pytest.raises(FtuiError) as caught:
        run_wizard(ascii_only=False, mouse=True)
    assert "cannot show screens" in str(caught.value) and caught.value.hint.startswith("ftui")


@pytest.mark.parametrize(
    ("locale", "ascii_only"),
    [
        ({}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LC_CTYPE": "UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # what Python makes of LANG=C
        ({"LC_ALL": "C"}, True),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "en_GB.utf8"}, False),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, True),
        ({"LC_ALL": "C", "FTUI_ASCII": "0"}, False),
        ({"LANG": "en_US.UTF-8", "FTUI_ASCII": "1"}, True),
    ],
)
def test_without_utf8_only_ascii_is_drawn(
    locale: dict[str, str], ascii_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LC_ALL", "LC_CTYPE", "FTUI_ASCII"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "__stdout__", type("Utf8", (), {"encoding": "utf-8"}))
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    assert wants_ascii() is ascii_only


def painted(tmp_path: Path, *, cells: tuple[int, int] = (80, 24), **environment: str) -> bytes:
    """What a real start writes to a pseudo-terminal until its first screen stands there, and a moment longer."""
    import fcntl
    import pty
    import select
    import struct
    import termios
    import time

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", cells[1], cells[0], 0, 0))
    settings = {**os.environ, "FTUI_HOME": str(tmp_path), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    settings = {k: v for k, v in settings.items() if k not in ("FTUI_ASCII", "NO_COLOR", "LC_ALL")} | environment
    child = subprocess.Popen([sys.executable, "-m", "ftui"], stdin=slave, stdout=slave, stderr=slave, env=settings)
    os.close(slave)
    data, until = b"", time.monotonic() + 60
    while b"No runs yet" not in data and time.monotonic() < until:
        if select.select([master], [], [], 0.2)[0]:
            data += os.read(master, 1 << 16)
    while select.select([master], [], [], 0.5)[0] and len(data) < 200_000:
        data += os.read(master, 1 << 16)
    child.kill()
    child.wait()
    os.close(master)
    assert b"No runs yet" in data
    return data


def test_no_color_sends_no_colour(tmp_path: Path) -> None:
    assert COLOUR.search(painted(tmp_path, LANG="en_US.UTF-8"))
    assert not COLOUR.search(painted(tmp_path, LANG="en_US.UTF-8", NO_COLOR="1"))


def test_a_locale_without_utf8_gets_no_other_byte(tmp_path: Path) -> None:
    assert painted(tmp_path, LC_ALL="C").isascii()


def test_a_terminal_without_a_size_is_taken_as_80_by_24_and_comes_to_rest(tmp_path: Path) -> None:
    assert len(painted(tmp_path, cells=(0, 0), LANG="en_US.UTF-8")) < 60_000


async def test_a_chosen_theme_is_there_at_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.theme == "ftui"
        app.theme = "ansi-light"
        await pilot.pause()
    assert welcome_app().theme == "ansi-light"
    save_theme("no such theme")
    assert welcome_app().theme == "ftui"
    save_theme("nord")
    monkeypatch.setenv("NO_COLOR", "1")
    assert welcome_app().theme == "ansi-dark"


async def at_field(pilot: Any, place: str) -> Input:
    """Bring the program to one of its inputs."""
    app: FtuiApp = pilot.app
    await settle(pilot)
    if place == "log":
        await pilot.press("slash")
    else:
        app.wizard.state.data_file, app.wizard.state.model_id = "/data/tickets.jsonl", "tiny"
        app.wizard.open(place)
        await settle(pilot)
        await pilot.press(*{"plan": ["enter"], "data": ["ctrl+f"]}.get(place, []))
    await settle(pilot)
    assert isinstance(app.focused, Input)
    return app.focused


@pytest.mark.parametrize("place", ["data", "model", "plan", "log"])
async def test_a_megabyte_of_paste_is_cut_and_survived(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch)
    app = watch_app(make_run(tmp_path).path) if place == "log" else welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        field = await at_field(pilot, place)
        field.post_message(Paste("\x1b[31m[INST] \u202e" * 100_000))
        await settle(pilot)
        assert app.crash is None and len(field.value) <= MOST_CHARACTERS
        assert "\x1b" not in field.value and "\u202e" not in field.value


@pytest.mark.parametrize("place", ["decide", "data", "model", "plan"])
async def test_a_storm_of_sizes_leaves_the_wizard_whole(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch)
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.wizard.state.data_file, app.wizard.state.model_id = "/data/tickets.jsonl", "tiny"
        app.wizard.open(place)
        await settle(pilot)
        before = shown_text(app)
        for number in range(20):
            await pilot.resize_terminal(1 + number * 13 % 150, 1 + number * 7 % 50)
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        assert app.crash is None and shown_text(app).splitlines()[:2] == before.splitlines()[:2]
