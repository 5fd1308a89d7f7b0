"""The walk: welcome, data, plan, result; back and forth; the draft; what happens when a command says no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_answers import CHECK, MODELS, fake_ask
from fake_runs import make_run
from screens_kit import answer_with, last_notice, settle, shown_text, welcome_app
from textual.widgets import Input, OptionList

from ftui.errors import FtuiError
from ftui.services.drafts import load_draft, recent_files, remember_file, save_draft
from ftui.tui.app import FtuiApp
from ftui.tui.screens.data import DataScreen
from ftui.tui.screens.plan import PlanScreen
from ftui.tui.screens.result import ResultScreen
from ftui.tui.screens.train import TrainScreen
from ftui.tui.screens.welcome import WelcomeScreen
from ftui.tui.state import WizardState
from ftui.tui.widgets.key_bar import KeyBar


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data file in the current folder, and fixed answers from the commands."""
    answer_with(monkeypatch)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    file = folder / "tickets.jsonl"
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    file.write_text(json.dumps(row) + "\n")
    return file


async def opened(pilot: Any, stage: str, **state: Any) -> FtuiApp:
    """Open a stage with some choices made."""
    app: FtuiApp = pilot.app
    for name, value in state.items():
        setattr(app.wizard.state, name, value)
    app.wizard.open(stage)
    await settle(pilot)
    return app


# -- welcome


async def test_without_runs_the_first_screen_says_what_to_press() -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        assert "No runs yet. Press n" in shown_text(app)


async def test_runs_are_listed_and_opened(own_home: Path) -> None:
    make_run(own_home / "runs", status="finished", steps=300)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        text = shown_text(app)
        assert "20261122-040000-tickets" in text and "finished" in text and "300/300" in text and "SHIP" in text
        await pilot.press("end", "enter")
        await settle(pilot)
        assert isinstance(app.screen, TrainScreen)
        await pilot.press("q")
        await pilot.pause(0.2)
        assert isinstance(app.screen, WelcomeScreen)


async def test_every_row_of_the_list_opens_its_own_run(own_home: Path) -> None:
    for number in range(3):
        make_run(own_home / "runs", name=f"20261122-04000{number}-run{number}", status="finished", steps=10)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        choices = app.screen.query_one(OptionList)
        for index in range(choices.option_count):
            option = choices.get_option_at_index(index)
            if (option.id or "").startswith("run-"):
                choices.highlighted = index
                await pilot.press("enter")
                await settle(pilot)
                assert isinstance(app.screen, TrainScreen)
                assert app.screen.feed.run.name in str(option.prompt)
                await pilot.press("q")
                await pilot.pause(0.1)


async def test_a_draft_is_offered_and_reopens_at_its_field(tickets: Path) -> None:
    state = WizardState(data_file=str(tickets)).to_mapping()
    save_draft("data", "findings", state)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        assert "Go on where you were: Data" in shown_text(app)
        await pilot.press("g")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen)
        assert app.wizard.state.data_file == str(tickets)
        assert app.focused is not None and app.focused.id == "findings"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99, "state": {}}', '{"state": 3}'])
async def test_a_broken_draft_is_no_draft(own_home: Path, text: str) -> None:
    (own_home / "drafts").mkdir(parents=True)
    (own_home / "drafts" / "wizard.json").write_text(text)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        assert "Go on where" not in shown_text(app)


def test_a_draft_of_other_types_is_read_as_far_as_it_can_be() -> None:
    state = WizardState.from_mapping({"data_file": 7, "model_id": "tiny", "unknown": 1, "plan": []})
    assert state == WizardState(model_id="tiny")


# -- data


async def test_a_file_is_found_by_a_part_of_its_name_checked_and_shown(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data")
        await pilot.press(*"ticke")
        await settle(pilot)
        assert "tickets.jsonl" in shown_text(app)
        await pilot.press("enter")
        await settle(pilot)
        text = shown_text(app)
        assert "chat, 400 rows" in text and "2 errors, 12 warnings, 4 notes" in text
        assert "SCH212" in text and "»null«" in text
        assert app.focused is not None and app.focused.id == "findings"
        assert recent_files() == [tickets]
        for _ in range(100):  # the draft is written by a worker, a moment after the focus has moved
            if (saved := load_draft()) is not None and saved.field == "findings":
                break
            await pilot.pause(0.05)
    draft = load_draft()
    assert draft is not None and draft.state["data_file"] == str(tickets) and draft.field == "findings"


async def test_lengths_and_trained_tokens_are_shown(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "data", data_file=str(tickets))
        await pilot.press("home")
        await settle(pilot)
        assert "2 rows are longer than 1,024 tokens and cut there" in shown_text(app)
        await pilot.press("down")
        await settle(pilot)
        assert "31 of 96 tokens are trained" in shown_text(app) and "⟦{" in shown_text(app)


async def test_what_lint_cannot_do_is_said_with_its_hint(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*arguments: str, **options: Any) -> Any:
        raise FtuiError("No such file", "/gone.jsonl", "Is the path right?")

    answer_with(monkeypatch, refuses)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data", data_file="/gone.jsonl")
        assert "No such file: /gone.jsonl" in shown_text(app) and "Is the path right?" in shown_text(app)


async def test_a_file_without_rows_cannot_be_gone_on_with(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def empty(*arguments: str, **options: Any) -> Any:
        if options.get("module") == "ftui.services.data_check":
            return {**CHECK, "rows": 0}
        return await fake_ask(*arguments, **options)

    answer_with(monkeypatch, empty)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data", data_file=str(tickets))
        await pilot.press("ctrl+n")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen) and "no readable row" in shown_text(app)


async def test_a_megabyte_pasted_into_the_path_is_cut_and_survived(tickets: Path) -> None:
    from textual.events import Paste

    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data")
        field = app.screen.query_one(Input)
        field.post_message(Paste("x" * 1_000_000))
        await settle(pilot)
        assert len(field.value) <= 10_000


# -- model


async def test_each_row_of_the_model_list_chooses_its_own_model(tickets: Path) -> None:
    for index, model in enumerate(MODELS["models"]):
        app = welcome_app()
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await opened(pilot, "model", data_file=str(tickets))
            await pilot.press("pageup", *["down"] * index, "enter")
            await settle(pilot)
            assert app.wizard.state.model_id == model["id"]
            assert isinstance(app.screen, PlanScreen)


async def test_models_are_found_by_parts_of_their_names_and_say_whether_they_fit(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened(pilot, "model", data_file=str(tickets))
        text = shown_text(app)
        assert "fits with LoRA" in text and "tight with QLoRA" in text and "does not fit" in text
        await pilot.press(*"llama 70")
        await settle(pilot)
        assert "Qwen3" not in shown_text(app) and "a base model" in shown_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert app.wizard.state.model_id == "meta-llama/Llama-3.1-70B"
        assert "does not fit this machine" in last_notice(app)


async def test_any_hub_id_or_folder_can_be_typed(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "model", data_file=str(tickets))
        await pilot.press(*"me/mine", "enter")
        await settle(pilot)
        assert app.wizard.state.model_id == "me/mine"


# -- plan


async def test_the_plan_is_proposed_with_reasons_and_changed_in_place(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        assert isinstance(app.screen, PlanScreen)
        text = shown_text(app)
        assert "train.learning_rate" in text and "the usual rate for LoRA" in text
        choices = app.screen.query_one("#fields", OptionList)
        choices.highlighted = choices.get_option_index("train-micro_batch")
        await pilot.press("enter")
        await settle(pilot)
        field = app.screen.query_one(Input)
        assert field.value == "4"
        field.value = "many"
        await pilot.press("enter")
        await settle(pilot)
        assert "train.micro_batch must be integer, not text" in shown_text(app)
        field.value = "2"
        await pilot.press("enter")
        await settle(pilot)
        assert app.wizard.state.plan["train"]["micro_batch"] == 2
        assert app.wizard.state.changed == ["train.micro_batch"] and "1 of them yours" in shown_text(app)
        await pilot.press("d")
        await settle(pilot)
        assert app.wizard.state.plan["train"]["micro_batch"] == 4 and app.wizard.state.changed == []


async def test_escape_leaves_a_field_as_it_was(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press(*"nonsense", "escape")
        await settle(pilot)
        assert isinstance(app.screen, PlanScreen) and not app.screen.editing
        assert app.wizard.state.changed == []


async def test_a_run_does_not_start_while_a_value_is_being_typed(
    tickets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(PlanScreen, "action_start", lambda self: started.append("run"))
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        await pilot.press("enter")
        await settle(pilot)
        bar = app.screen.query_one(KeyBar)
        assert ("enter", "Take it") in bar.keys and "Start" not in dict(bar.keys).values()
        await pilot.press("ctrl+n", "alt+1")
        await settle(pilot)
        assert isinstance(app.screen, PlanScreen) and app.screen.editing and not started
        await pilot.press("escape")
        await settle(pilot)
        assert "Start" in dict(bar.keys).values()
        await pilot.press("ctrl+n")
        assert started == ["run"]


async def test_changes_survive_another_model(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        screen = app.screen
        assert isinstance(screen, PlanScreen)
        choices = screen.query_one("#fields", OptionList)
        choices.highlighted = choices.get_option_index("train-epochs")
        await pilot.press("enter")
        await settle(pilot)
        screen.query_one(Input).value = "1"
        await pilot.press("enter")
        await settle(pilot)
        await opened(pilot, "plan", model_id="another")
        assert app.wizard.state.plan["train"]["epochs"] == 1.0
        assert "train.epochs" in app.wizard.state.changed


async def test_starting_opens_the_dashboard_and_then_the_result(
    tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "runs", status="finished", steps=300)

    async def starts(*arguments: str, **options: Any) -> Any:
        if arguments[0] == "train":
            assert "micro_batch: 4" in Path(arguments[1]).read_text()
            return {"run": run.name, "path": str(run.path)}
        return await fake_ask(*arguments, **options)

    answer_with(monkeypatch, starts)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        await pilot.press("s")
        await settle(pilot)
        assert isinstance(app.screen, TrainScreen)
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(app.screen, ResultScreen)
        text = shown_text(app)
        assert "SHIP IT" in text and "+0.86 to +0.98" in text and "talk to base and tuned" in text
        assert load_draft() is None
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(app.screen, WelcomeScreen)


async def test_a_start_that_fails_is_said_and_nothing_is_lost(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*arguments: str, **options: Any) -> Any:
        if arguments[0] == "train":
            raise FtuiError("Training needs more packages", "not installed: torch", "pip install 'ftui-wizard[train]'")
        return await fake_ask(*arguments, **options)

    answer_with(monkeypatch, refuses)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        await pilot.press("s")
        await settle(pilot)
        text = shown_text(app)
        assert "not installed: torch" in text and "ftui-wizard[train]" in text  # the bracket survives
        assert isinstance(app.screen, PlanScreen) and load_draft() is not None


async def test_the_editor_takes_the_whole_plan(tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "editor.sh"
    script.write_text("#!/bin/sh\nsed -i 's/epochs: 3.0/epochs: 5.0/' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.setattr(FtuiApp, "suspend", _no_suspend)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        await pilot.press("e")
        await settle(pilot)
        assert app.wizard.state.plan["train"]["epochs"] == 5.0 and app.wizard.state.changed == ["train.epochs"]


async def test_an_edit_that_breaks_the_plan_changes_nothing(
    tickets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.sh"
    script.write_text("#!/bin/sh\nsed -i 's/epochs: 3.0/epoch: 5.0/' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.setattr(FtuiApp, "suspend", _no_suspend)
    app = welcome_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        await pilot.press("e")
        await settle(pilot)
        assert "Nothing was changed" in shown_text(app) and app.wizard.state.changed == []


class _no_suspend:
    """Stands in for App.suspend, which needs a terminal."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


# -- back and forth


async def test_stages_that_need_more_say_so(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data")
        await pilot.press("alt+4")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen) and "Choose data and a model first" in shown_text(app)


async def test_back_loses_nothing(tickets: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "plan", data_file=str(tickets), model_id="tiny")
        before = app.wizard.state.to_mapping()
        await pilot.press("alt+2")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen)
        assert app.screen.query_one("#path", Input).value == str(tickets)
        await pilot.press("alt+4")
        await settle(pilot)
        after = app.wizard.state.to_mapping()
        assert {k: v for k, v in after.items() if k.startswith(("plan", "data_file", "model"))} == {
            k: v for k, v in before.items() if k.startswith(("plan", "data_file", "model"))
        }


def test_recent_files_are_the_newest_first_and_those_that_are_gone_are_left_out(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.jsonl" for number in range(3)]
    for file in files:
        file.write_text("{}")
        remember_file(file)
    remember_file(files[0])
    files[1].unlink()
    assert recent_files() == [files[0], files[2]]
