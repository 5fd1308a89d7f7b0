"""The bell of the dashboard: on request, for news only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import append, make_run
from screens_kit import settle
from textual.app import App

from ftui.core.events import Alert
from ftui.services.runs import recorded_state, write_state
from ftui.tui.app import FtuiApp
from ftui.tui.screens.train import TrainScreen


@pytest.mark.parametrize("asked", [True, False])
async def test_it_rings_at_alerts_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    rung: list[int] = []
    monkeypatch.setattr(App, "bell", lambda self: rung.append(1))
    run = make_run(tmp_path)
    app = FtuiApp(lambda: TrainScreen(run.path, bell=asked))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, TrainScreen)
        screen._tick()
        assert rung == [], "what was there before is no news"
        append(run.trainer_events, [(900, Alert("info", "resumed", "x"))])
        screen._tick()
        assert rung == []
        append(run.trainer_events, [(901, Alert("warning", "overfitting", "x"))])
        screen._tick()
        assert len(rung) == asked
        write_state(run, replace(recorded_state(run), status="finished"))
        screen.feed.look(force=True)
        screen._tick()
        assert len(rung) == 2 * asked
