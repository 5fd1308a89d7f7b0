"""What is loaded before the first picture, and how the program refuses a terminal that cannot show one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ftui.errors import FtuiError
from ftui.tui.app import run_wizard
from ftui.tui.glyphs import wants_ascii

_SCRIPT = """
import asyncio, json, sys
from ftui.tui.app import FtuiApp
from ftui.tui.screens.welcome import WelcomeScreen
async def main():
    WelcomeScreen._list_runs = lambda self: None  # what comes after the first picture
    async with FtuiApp(WelcomeScreen).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        print(json.dumps(sorted(sys.modules)))
asyncio.run(main())
"""
LATE = {
    "yaml", "jsonschema", "psutil", "pynvml", "numpy", "orjson", "torch", "transformers", "markdown_it", "tree_sitter",
    "filelock", "ftui.core.plan", "ftui.services.runs", "ftui.tui.screens.train",
}  # fmt: skip


def test_nothing_but_textual_is_loaded_before_the_first_picture() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout))
    assert "textual.app" in modules
    assert not modules & LATE, sorted(modules & LATE)


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_without_screens_is_told_what_to_do_instead(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    with pytest.raises(FtuiError, match="cannot show screens"):
        run_wizard(ascii_only=False, mouse=False)


def test_ascii_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_ASCII", "1")
    assert wants_ascii()
    monkeypatch.setenv("FTUI_ASCII", "0")
    assert not wants_ascii()
    monkeypatch.delenv("FTUI_ASCII")
    monkeypatch.setenv("TERM", "linux")
    assert wants_ascii()


@pytest.mark.parametrize("colour", ["", "1"])
def test_no_color_sends_no_colour(colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import asyncio\nfrom ftui.tui.app import FtuiApp\nfrom ftui.tui.screens.welcome import WelcomeScreen\n"
        "async def main():\n"
        "    app = FtuiApp(WelcomeScreen)\n"
        "    async with app.run_test(size=(80, 24)) as pilot:\n"
        "        await pilot.pause(0.3)\n"
        "        print(app.theme, app.native_ansi_color, app.no_color)\n"
        "asyncio.run(main())\n"
    )
    monkeypatch.setenv("NO_COLOR", colour)
    if not colour:
        monkeypatch.delenv("NO_COLOR")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["ansi-dark", "True", "True"] if colour else ["ftui", "False", "False"])
