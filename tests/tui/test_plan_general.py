"""General rows against forgetting in the plan stage: those at hand are proposed, others can be named with a key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_answers import fake_ask
from screens_kit import answer_with, settle, shown_text, welcome_app
from textual.widgets import Input

from ftui.core.plan import from_mapping, to_mapping, with_values
from ftui.tui.app import FtuiApp
from ftui.tui.screens.plan import PlanScreen

ROW = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
SUGGESTION = "g mixes in general rows"


@pytest.fixture
def proposed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What `plan new` was asked; it answers as it would, with the general rows that were named."""
    asked: list[tuple[str, ...]] = []

    async def ask(*arguments: str, **options: Any) -> Any:
        answer = await fake_ask(*arguments, **options)
        if arguments[:2] != ("plan", "new"):
            return answer
        asked.append(arguments)
        if "--replay" not in arguments:
            return answer
        general = {"data.replay": arguments[arguments.index("--replay") + 1], "data.replay_fraction": 0.2}
        reasons = {"data.replay": "general rows against forgetting", "data.replay_fraction": "one in five"}
        return to_mapping(with_values(from_mapping(answer), general, reasons))

    answer_with(monkeypatch, ask)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    return asked


async def opened(pilot: Any, tmp_path: Path) -> FtuiApp:
    app: FtuiApp = pilot.app
    app.wizard.state.data_file, app.wizard.state.model_id = str(tmp_path / "rows.jsonl"), "tiny"
    app.wizard.open("plan")
    await settle(pilot)
    assert isinstance(app.screen, PlanScreen)
    return app


async def named(pilot: Any, path: str) -> None:
    await pilot.press("g")
    await settle(pilot)
    pilot.app.screen.query_one("#general Input", Input).value = path
    await pilot.press("enter")
    await settle(pilot)


async def test_general_rows_that_lie_beside_the_rows_are_proposed(
    proposed: list[tuple[str, ...]], tmp_path: Path
) -> None:
    (tmp_path / "general.jsonl").write_text(json.dumps(ROW) + "\n")
    async with welcome_app().run_test(size=(120, 40)) as pilot:
        app = await opened(pilot, tmp_path)
        assert proposed[0][proposed[0].index("--replay") + 1] == str(tmp_path / "general.jsonl")
        text = shown_text(app)
        assert "data.replay_fraction" in text and "one in five" in text and SUGGESTION not in text
        await named(pilot, "")  # none, and it stays so
        assert "--replay" not in proposed[-1] and SUGGESTION in shown_text(app)
        app.wizard.open("data")
        await settle(pilot)
        await opened(pilot, tmp_path)
        assert "--replay" not in proposed[-1] and SUGGESTION in shown_text(app)


async def test_without_any_the_plan_says_so_and_a_key_names_some(
    proposed: list[tuple[str, ...]], tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "facts.jsonl"
    other.parent.mkdir()
    other.write_text(json.dumps(ROW) + "\n")
    async with welcome_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot, tmp_path)
        assert "--replay" not in proposed[0] and SUGGESTION in shown_text(app)
        await named(pilot, str(tmp_path / "missing.jsonl"))
        assert "There is no file" in shown_text(app) and len(proposed) == 1
        (tmp_path / "empty.jsonl").write_text("")
        app.screen.query_one("#general Input", Input).value = str(tmp_path / "empty.jsonl")
        await pilot.press("enter")
        await settle(pilot)
        assert len(proposed) == 1
        app.screen.query_one("#general Input", Input).value = str(other)
        await pilot.press("enter")
        await settle(pilot)
        assert proposed[-1][proposed[-1].index("--replay") + 1] == str(other)
        assert SUGGESTION not in shown_text(app) and app.wizard.state.plan["data"]["replay_fraction"] == 0.2
        assert app.wizard.state.changed == []  # a proposal with reasons, not a value that somebody typed
