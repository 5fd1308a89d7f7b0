"""Opens the program at one of its screens, with fixed answers and a fixed clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_answers import PREDICTION, fake_ask
from fake_runs import START
from textual.pilot import Pilot
from textual.screen import ModalScreen

from ftui.tui.app import FtuiApp
from ftui.tui.screens.train import TrainScreen
from ftui.tui.screens.welcome import WelcomeScreen

ASKING = ("data", "data_fix", "export", "plan_ask", "model", "train")
"""Modules of ftui.tui.screens that ask plain commands."""


def welcome_app(**options: Any) -> FtuiApp:
    """The program as `ftui` opens it."""
    return FtuiApp(WelcomeScreen, clock=lambda: START + timedelta(hours=2), **options)


def watch_app(run: Path, **options: Any) -> FtuiApp:
    """The program as `ftui watch` opens it."""
    exit_when_done = options.pop("exit_when_done", False)
    return FtuiApp(
        lambda: TrainScreen(run, exit_when_done=exit_when_done),
        clock=lambda: START + timedelta(seconds=270),
        **options,
    )


def answer_with(monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any] = fake_ask) -> None:
    """Let the screens ask this instead of child processes."""
    from importlib import import_module

    for name in ASKING:
        module = import_module(f"ftui.tui.screens.{name}")
        monkeypatch.setattr(module, "ask", ask)
        if hasattr(module, "listen"):
            monkeypatch.setattr(module, "listen", listening(ask))
    monkeypatch.setattr("ftui.services.prediction.predict", lambda plan, folder: PREDICTION)


def listening(ask: Callable[..., Any]) -> Callable[..., Any]:
    """What `ftui.tui.ask.listen` would give: some progress, then the answer."""

    async def listen(*arguments: str, module: str = "ftui") -> AsyncIterator[dict[str, Any]]:
        yield {"progress": {"done_bytes": 40, "total_bytes": 100, "rows": 160}}
        yield {"report": await ask(*arguments, module=module)}

    return listen


async def settle(pilot: Pilot[Any], seconds: float = 0.02) -> None:
    """Let workers and repaints come to rest."""
    await pilot.pause(seconds)
    for _ in range(250):
        # A dialog that waits for an answer is a worker that does not end.
        if isinstance(pilot.app.screen, ModalScreen) or all(worker.is_finished for worker in pilot.app.workers):
            break
        await asyncio.sleep(0.02)
    await pilot.pause()


def shown_text(app: FtuiApp) -> str:
    """What stands on the screen now, as text."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines[:height]) + "\n" * (width < 0)


def last_notice(app: FtuiApp) -> str:
    """The newest notice, as text."""
    return next((notice.message for notice in reversed(list(app._notifications))), "")
