"""The whole walk by keys, as a newcomer goes it: how many they are, and that a dropped connection loses none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_answers import MODELS, fake_ask
from fake_runs import make_run
from screens_kit import answer_with, settle, shown_text, welcome_app
from textual.widgets import Input, OptionList

from ftui.core.catalog.gpus import find_gpu
from ftui.services.drafts import load_draft
from ftui.services.fit_target import Target
from ftui.services.proposal import run_name
from ftui.tui.app import FtuiApp
from ftui.tui.model_words import suggested
from ftui.tui.plan_words import advised_task, rows_against_advice
from ftui.tui.screens.confirm import AskDialog
from ftui.tui.screens.data import DataScreen
from ftui.tui.screens.decide_stage import DecideStage
from ftui.tui.screens.fit import FitScreen
from ftui.tui.screens.model import ModelScreen
from ftui.tui.screens.plan import PlanScreen
from ftui.tui.screens.train import TrainScreen
from ftui.tui.screens.welcome import WelcomeScreen

ANSWERS = ("3", "enter", "1", "2", "3", "enter", *"420", "enter", "1", "2", "1")
"""A fixed format; prompt, examples and schema were tried; 420 reviewed rows; own machines; an evaluation set."""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A folder with a data file, fixed answers from the commands, and a list of what `ftui train` was called with."""
    calls: list[tuple[str, ...]] = []
    run = make_run(tmp_path / "home" / "runs")

    async def answers(*arguments: str, **options: Any) -> Any:
        if arguments[0] == "train":
            texts = [Path(a).read_text() if a.endswith((".yaml", ".json")) else a for a in arguments]
            calls.append(tuple(texts))
            return {"run": run.name, "path": str(run.path)}
        answer = await fake_ask(*arguments, **options)
        return {**answer, "groups": []} if options.get("module") == "ftui.services.data_check" else answer

    answer_with(monkeypatch, answers)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    (folder / "tickets.jsonl").write_text(json.dumps(row) + "\n")
    return calls


async def press(pilot: Any, *keys: str) -> int:
    """Press the keys, and let what the last of them began come to rest; how many there were."""
    await pilot.press(*keys)
    if isinstance(pilot.app.screen, AskDialog):  # what waits for its answer does not come to rest
        await pilot.pause(0.1)
    else:
        await settle(pilot)
    return len(keys)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_newcomer_reaches_a_running_plan_in_at_most_twelve_keys(
    size: tuple[int, int], started: list[tuple[str, ...]]
) -> None:
    app = welcome_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        keys = await press(pilot, "n")
        assert isinstance(app.screen, DecideStage)
        await press(pilot, *ANSWERS)
        assert "Fine-tune" in shown_text(app)
        keys += await press(pilot, "enter")
        assert isinstance(app.screen, DataScreen)
        await press(pilot, *"ticke")
        keys += await press(pilot, "enter", "ctrl+n")
        assert isinstance(app.screen, ModelScreen)
        keys += await press(pilot, "enter")
        assert isinstance(app.screen, PlanScreen)
        keys += await press(pilot, "s")
        assert isinstance(app.screen, TrainScreen)
        assert keys <= 12
    plan, option, answers = started[0][1:]
    assert "Qwen/Qwen3-0.6B" in plan and option == "--answers"
    assert json.loads(answers)["needs"] == ["output_format"] and json.loads(answers)["examples"] == 420


async def test_without_answers_the_run_gets_none(started: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in (("n",), ("ctrl+n",), "ticke", ("enter",), ("ctrl+n",), ("enter",), ("s",)):
            await press(pilot, *keys)
        assert isinstance(app.screen, TrainScreen)
    assert len(started[0]) == 2


async def reopened(pilot: Any) -> FtuiApp:
    """Go on with the draft, as after a new start of the program."""
    await settle(pilot)
    await press(pilot, "g")
    app: FtuiApp = pilot.app
    return app


async def saved(pilot: Any, field: str) -> None:
    """Wait until the draft holds that field: it is written a moment after the last key."""
    for _ in range(100):
        if (draft := load_draft()) is not None and draft.field == field:
            await pilot.pause(0.5)
            return
        await pilot.pause(0.05)
    raise AssertionError(f"no draft at {field}: {load_draft()}")


async def test_a_dropped_connection_comes_back_to_the_same_question(started: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "n")
        await press(pilot, *ANSWERS[:10])
        await saved(pilot, "example_quality")
    again = welcome_app()
    async with again.run_test(size=(80, 24)) as pilot:
        await reopened(pilot)
        assert "Has a person looked at these examples?" in shown_text(again)
        assert again.wizard.state.answers["examples"] == 420


async def test_a_dropped_connection_loses_no_letter_of_a_path(started: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in (("n",), ("ctrl+n",), "tick"):
            await press(pilot, *keys)
        await saved(pilot, "path")
    again = welcome_app()
    async with again.run_test(size=(80, 24)) as pilot:
        await reopened(pilot)
        assert isinstance(again.screen, DataScreen)
        assert again.screen.query_one("#path", Input).value == "tick" and "tickets.jsonl" in shown_text(again)
        await press(pilot, *"et")
        assert again.screen.query_one("#path", Input).value == "ticket"


async def test_a_dropped_connection_comes_back_to_the_same_value_of_the_plan(started: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in (("n",), ("ctrl+n",), "ticke", ("enter",), ("ctrl+n",), ("enter",), ["down"] * 7):
            await press(pilot, *keys)
        option = app.screen.query_one("#fields", OptionList).highlighted_option
        assert option is not None and option.id is not None
        await saved(pilot, option.id)
    again = welcome_app()
    async with again.run_test(size=(80, 24)) as pilot:
        await reopened(pilot)
        assert isinstance(again.screen, PlanScreen)
        here = again.screen.query_one("#fields", OptionList).highlighted_option
        assert here is not None and here.id == option.id


async def leave(pilot: Any) -> None:
    """Back to the first screen, and until it knows of the draft."""
    for _ in range(8):
        if isinstance(pilot.app.screen, WelcomeScreen):
            break
        await press(pilot, "escape")
    await settle(pilot)
    assert isinstance(pilot.app.screen, WelcomeScreen) and "Go on where you were" in shown_text(pilot.app)


async def test_beginning_anew_asks_before_it_gives_a_draft_up(started: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for keys in (("n",), ("ctrl+n",), "tick"):
            await press(pilot, *keys)
        await saved(pilot, "path")
        await leave(pilot)
        await press(pilot, "n")
        assert isinstance(app.screen, AskDialog) and "gives it up" in shown_text(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, WelcomeScreen) and load_draft() is not None
        await press(pilot, "n")
        await press(pilot, "g")
        assert isinstance(app.screen, DecideStage | DataScreen)
        await leave(pilot)
        await press(pilot, "n")
        await press(pilot, "n")
        assert isinstance(app.screen, DecideStage) and not app.wizard.state.typed


def test_the_model_to_begin_with_is_here_converses_and_fits() -> None:
    models = MODELS["models"]
    assert suggested(models) == "Qwen/Qwen3-0.6B"
    assert suggested([m for m in models if m["where"] != "cached"]) == ""  # the rest ships, is gated, or does not fit
    free = {**models[2], "gated": False, "verdict": "fits", "parameters": 4e9}
    larger = {**free, "id": "large", "parameters": 8e9}
    assert suggested([models[0], larger, free]) == free["id"]
    assert suggested([models[0], larger]) == "large"
    on_cpu = [{**m, "reason": "1 GiB of 16 GiB host memory"} for m in (free, {**free, "id": "s", "parameters": 1e8})]
    assert suggested(on_cpu) == "s"


def test_a_run_gets_a_name_that_tells_it_from_others() -> None:
    assert run_name("/data/Support Tickets.jsonl", "Qwen/Qwen3-0.6B") == "support-tickets-qwen3-0-6b"
    assert run_name("/data/日本.jsonl", "?") == ""


def test_the_rows_say_what_can_be_trained_and_the_advice_only_where_they_leave_a_choice() -> None:
    assert advised_task("reward_rlhf", "preference") == "reward" and advised_task("dpo", "preference") == "dpo"
    assert advised_task("dpo", "chat") == "" and advised_task("sft", "preference") == ""
    assert "no preferences" in rows_against_advice("dpo", "sft")
    assert not rows_against_advice("dpo", "dpo") and not rows_against_advice("sft", "sft")


async def test_f_shows_whether_the_plan_fits_and_enter_takes_the_recipe(
    started: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = find_gpu("RTX 4090")
    assert gpu is not None
    monkeypatch.setattr("ftui.services.fit_target.machine_target", lambda: Target(gpu, 22 * 2**30, "machine"))
    app = welcome_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.wizard.state.data_file, app.wizard.state.model_id = "/data/tickets.jsonl", "tiny"
        app.wizard.open("plan")
        await settle(pilot)
        await pilot.press("f")
        for _ in range(100):
            await pilot.pause(0.05)
            if isinstance(app.screen, FitScreen):
                break
        await pilot.press("tab", "right", "down", "enter")  # the batch once up, and the method once down: QLoRA
        await settle(pilot)
        assert isinstance(app.screen, PlanScreen)
        plan, changed = app.wizard.state.plan, app.wizard.state.changed
        assert plan["train"]["micro_batch"] == 8 and plan["train"]["accumulation"] == 2
        assert plan["method"]["technique"] == "qlora"
        assert {"train.micro_batch", "train.accumulation", "method.technique"} <= set(changed)


async def test_what_comes_after_a_screen_was_left_is_dropped(started: list[tuple[str, ...]]) -> None:
    """A worker that still wants to show something on a screen that is being taken down is no crash."""
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.wizard.state.data_file = "/data/tickets.jsonl"
        app.wizard.open("data")
        await settle(pilot)
        left = app.screen

        async def late() -> None:
            left.query_one("#gone")

        worker = left.run_worker(late(), start=False)
        app.wizard.open("model")
        while not left._pruning:
            await pilot.pause(0.01)
        worker._start(app)
        await pilot.pause(0.3)
        assert app.crash is None and isinstance(app.screen, ModelScreen)
