"""Every action by keyboard: bindings that exist, tab orders without a trap, help and palette that are complete."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_runs import make_run
from screens_kit import answer_with, settle, watch_app, welcome_app
from textual import events
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

import ftui.tui.screens
from ftui.services.drafts import save_draft
from ftui.services.runs import Run
from ftui.tui.app import FtuiApp
from ftui.tui.screens.base import active_bindings
from ftui.tui.screens.chat import ChatScreen
from ftui.tui.screens.compare import CompareScreen
from ftui.tui.screens.confirm import AskDialog
from ftui.tui.screens.export import ExportScreen
from ftui.tui.screens.rate import RateScreen
from ftui.tui.screens.result import RunResultScreen
from ftui.tui.screens.review import ReviewScreen
from ftui.tui.screens.welcome import WelcomeScreen
from ftui.tui.state import WizardState
from ftui.tui.widgets.key_bar import MOST_KEYS, PALETTE_WORD, KeyBar

STAGES = ("decide", "data", "model", "plan", "result")
WORK: dict[str, Callable[[Path], Screen[Any]]] = {
    "review": lambda path: ReviewScreen(path.parents[2] / "rows.jsonl"),
    "outcome": lambda path: RunResultScreen(Run(path)),
    "compare": lambda path: CompareScreen([Run(path), Run(path)]),
    "rate": lambda path: RateScreen(Run(path)),
    "chat": lambda path: ChatScreen(Run(path)),
    "export": lambda path: ExportScreen(Run(path)),
}
"""Screens that are opened over another one: name -> made for a run."""
EATEN = {"ctrl+s", "ctrl+z", "ctrl+a", "ctrl+b", "ctrl+enter", "ctrl+c"}
"""Keys that terminals, tmux and screen keep for themselves."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    answer_with(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ftui.tui.chat_thread.ChatThread.start", lambda self: None)
    (tmp_path / "rows.jsonl").write_text('{"text": "a row"}\n' * 3)
    return make_run(tmp_path / "home" / "runs", status="finished", steps=300).path


@asynccontextmanager
async def opened(
    place: str, run: Path, *, size: tuple[int, int] = (120, 40), over_the_first_screen: bool = False
) -> AsyncIterator[tuple[FtuiApp, Any]]:
    """The program at one of its screens, and its pilot. over_the_first_screen: the dashboard, too, lies over it."""
    alone = place == "train" and not over_the_first_screen
    app = watch_app(run) if alone else welcome_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        if place in STAGES:
            app.wizard.state.data_file, app.wizard.state.model_id = str(run.parents[2] / "rows.jsonl"), "tiny"
            app.wizard.state.run_path = str(run)
            app.wizard.open(place)
        elif place in WORK:
            app.push_screen(WORK[place](run))
        elif place == "train" and not alone:
            app.open_run(run)
        await settle(pilot)
        yield app, pilot


PLACES = ("welcome", "train", *STAGES, *WORK)


@pytest.mark.parametrize("place", PLACES)
async def test_tab_goes_round_through_every_widget_that_can_be_reached(place: str, run: Path) -> None:
    async with opened(place, run) as (app, pilot):
        chain = list(app.screen.focus_chain)
        assert chain, "nothing can be focused"
        app.screen.set_focus(chain[0])
        await pilot.pause()
        seen: list[Widget] = []
        for _ in range(len(chain)):
            assert app.focused is not None
            seen.append(app.focused)
            await pilot.press("tab")
            await pilot.pause()
        assert app.focused is chain[0], "tab does not come back to where it began"
        assert {id(widget) for widget in seen} == {id(widget) for widget in chain}
        await pilot.press("shift+tab")
        assert app.focused is chain[-1]


@pytest.mark.parametrize("place", PLACES)
async def test_every_binding_has_an_action_a_name_and_a_key_that_arrives(place: str, run: Path) -> None:
    async with opened(place, run) as (app, _):
        for widget in [app, app.screen, *app.screen.walk_children(Widget)]:
            if not type(widget).__module__.startswith("ftui."):
                continue
            ids = set()
            for binding in type(widget).__dict__.get("BINDINGS", ()):
                assert isinstance(binding, Binding) and binding.description and binding.id, binding
                assert binding.id not in ids, f"{binding.id} twice"
                ids.add(binding.id)
                for key in binding.key.split(","):
                    assert key not in EATEN, f"{key} does not arrive in every terminal"
                name = re.split(r"[(]", binding.action)[0]
                owner: Any = app if name.startswith("app.") else widget
                assert hasattr(owner, f"action_{name.removeprefix('app.')}"), binding.action


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize("place", PLACES)
async def test_the_footer_has_few_keys_that_all_fit_and_work_now(place: str, size: tuple[int, int], run: Path) -> None:
    async with opened(place, run, size=size) as (app, _):
        bar = app.screen.query_one(KeyBar)
        assert 3 <= len(bar.keys) <= MOST_KEYS
        assert bar.plain.split()[-1] == bar.keys[-1][1].split()[-1]  # the last one is not cut off
        working = {key.description for key in active_bindings(app.screen) if key.enabled}
        assert {word for _, word in bar.keys} <= working


@pytest.mark.parametrize("place", PLACES)
async def test_the_palette_offers_every_action_that_help_lists(place: str, run: Path) -> None:
    async with opened(place, run) as (app, _):
        offered = {command.title for command in app.get_system_commands(app.screen)}
        listed = {key.description for key in active_bindings(app.screen) if key.enabled and key.ours} - {PALETTE_WORD}
        assert listed <= offered
        assert listed, "help would be empty"


@pytest.mark.parametrize("place", PLACES)
async def test_any_key_may_be_pressed_while_a_screen_still_loads(place: str, run: Path, tmp_path: Path) -> None:
    app = watch_app(run) if place == "train" else welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        if place in STAGES:
            app.wizard.state.data_file, app.wizard.state.run_path = str(tmp_path / "rows.jsonl"), str(run)
            app.wizard.open(place if place != "plan" else "model")
        for key in ("down", "up", "tab", "space", "1", "m", "left", "right", "end", "home", "y", "plus", "minus"):
            await pilot.press(key)
        await settle(pilot)
        assert app.is_running and app.crash is None


@pytest.mark.parametrize("place", [place for place in PLACES if place != "welcome"])
async def test_escape_leads_back_to_the_first_screen(place: str, run: Path) -> None:
    async with opened(place, run, size=(80, 24), over_the_first_screen=True) as (app, pilot):
        for _ in range(12):
            if type(app.screen).__name__ == "WelcomeScreen":
                break
            await pilot.press("escape")
            await settle(pilot)
        assert type(app.screen).__name__ == "WelcomeScreen"


def every_screen() -> list[type[Screen[Any]]]:
    """All screens and dialogs of the program, also those that nobody has opened here."""
    found: dict[str, type[Screen[Any]]] = {}
    for module in pkgutil.iter_modules(ftui.tui.screens.__path__, "ftui.tui.screens."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, type) and issubclass(thing, Screen) and thing.__module__ == module.name:
                found[thing.__name__] = thing
    return [
        screen
        for name, screen in sorted(found.items())
        if name not in ("ClosedOnce", "FtuiScreen", "Dialog", "StageScreen")
    ]


@pytest.mark.parametrize("screen", every_screen(), ids=lambda screen: screen.__name__)
def test_every_screen_there_is_can_be_left_and_names_its_keys(screen: type[Screen[Any]]) -> None:
    keys: set[str] = set()
    for base in screen.__mro__:
        if not base.__module__.startswith("ftui."):
            continue
        for binding in base.__dict__.get("BINDINGS", ()):
            assert isinstance(binding, Binding) and binding.description and binding.id, f"{screen.__name__}: {binding}"
            assert not EATEN & set(binding.key.split(",")), f"{binding.key} does not arrive in every terminal"
            action = re.split(r"[(]", binding.action)[0]
            owner = FtuiApp if action.startswith("app.") else screen
            assert hasattr(owner, f"action_{action.removeprefix('app.')}"), f"{screen.__name__}: {binding.action}"
            keys |= set(binding.key.split(","))
    assert keys & {"escape", "q"}, f"{screen.__name__} cannot be left"


@pytest.mark.parametrize(
    ("place", "keys"),
    [
        ("train", "question_mark"),
        ("train", "o"),
        ("live", "q"),
        ("live", "s"),
        ("welcome", "question_mark"),
        ("draft", "n"),
        ("welcome", "ctrl+p"),
        ("train", "ctrl+p"),
    ],
)
async def test_no_dialog_traps_the_focus_and_escape_closes_it(
    place: str, keys: str, run: Path, tmp_path: Path, own_home: Path
) -> None:
    if place == "draft":
        save_draft("data", "path", WizardState(data_file="rows.jsonl").to_mapping())
    live = make_run(tmp_path / "live").path if place == "live" else run
    app = watch_app(live) if place in ("train", "live") else welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        below = app.screen
        await pilot.press(keys)
        await pilot.pause(0.3)
        assert app.screen is not below, "nothing opened"
        dialog = app.screen
        for _ in range(2 * len(dialog.focus_chain) + 1):
            await pilot.press("tab")
        assert app.screen is dialog and (app.focused is None or app.focused in dialog.focus_chain)
        await pilot.press("escape")
        await pilot.pause(0.2)
        assert app.screen is below


def bunch(app: FtuiApp, *keys: str) -> None:
    """Keys that arrive together, before any of them is acted on."""
    target = app.focused or app.screen
    for key in keys:
        target.post_message(events.Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize("key", ["n", "g", "c", "escape", "enter"])
async def test_two_answers_to_a_dialog_close_the_dialog_alone(key: str, own_home: Path) -> None:
    save_draft("data", "path", WizardState(data_file="rows.jsonl").to_mapping())
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await pilot.pause(0.2)
        assert isinstance(app.screen, AskDialog)
        bunch(app, *[key] * 6)
        await settle(pilot, 0.3)
        assert app.is_running and app.crash is None
        assert isinstance(app.screen_stack[0], WelcomeScreen) and len(app.screen_stack) <= 2


@pytest.mark.parametrize("place", [place for place in PLACES if place != "welcome"])
async def test_escapes_in_a_bunch_never_close_the_program(place: str, run: Path) -> None:
    async with opened(place, run, size=(80, 24), over_the_first_screen=True) as (app, pilot):
        bunch(app, *["escape"] * 6)
        await settle(pilot, 0.3)
        assert app.is_running and app.crash is None and isinstance(app.screen_stack[0], WelcomeScreen)
