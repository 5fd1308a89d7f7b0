"""Keys that come before an answer does: over a slow line, from a slow disk. What they meant is done, or nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from fake_answers import CHECK, fake_ask
from screens_kit import answer_with, last_notice, settle, shown_text, welcome_app
from textual.widgets import Input, OptionList

from ftui.errors import FtuiError
from ftui.services.data_check import main as data_check
from ftui.tui.app import FtuiApp
from ftui.tui.data_words import progress_row
from ftui.tui.screens.data import DataScreen
from ftui.tui.screens.model import ModelScreen
from ftui.tui.screens.plan import PlanScreen

ROW = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two data files in the current folder; gives the one that is chosen first."""
    answer_with(monkeypatch)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("old.jsonl", "wanted.jsonl"):
        (folder / name).write_text(json.dumps(ROW) + "\n")
    return folder / "old.jsonl"


async def until(pilot: Any, holds: Callable[[], bool]) -> None:
    """Wait for a state, generously."""
    for _ in range(500):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"it never came to that:\n{shown_text(pilot.app)}")


async def opened(pilot: Any, stage: str, **state: Any) -> FtuiApp:
    """Open a stage with some choices made, without waiting for what it asks."""
    app: FtuiApp = pilot.app
    for name, value in state.items():
        setattr(app.wizard.state, name, value)
    app.wizard.open(stage)
    await pilot.pause(0.05)
    return app


# -- the plan


@pytest.fixture
def slow_plan(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Proposals wait for an event, or fail with an error; what is started is noted."""
    known: dict[str, Any] = {"go": asyncio.Event(), "started": [], "error": None}

    async def ask(*arguments: str, **options: Any) -> Any:
        if arguments[:2] == ("plan", "new"):
            await known["go"].wait()
            if known["error"] is not None:
                raise known["error"]
            answer = await fake_ask(*arguments, **options)
            answer["data"]["train"] = arguments[arguments.index("--data") + 1]
            return answer
        if arguments[0] == "train":
            known["started"].append(Path(arguments[1]).read_text())
        return await fake_ask(*arguments, **options)

    answer_with(monkeypatch, ask)
    return known


async def test_a_plan_for_other_rows_is_neither_shown_nor_started(rows: Path, slow_plan: dict[str, Any]) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        slow_plan["go"].set()
        await opened(pilot, "plan", data_file=str(rows), model_id="tiny")
        await until(pilot, lambda: "old.jsonl" in shown_text(app))
        slow_plan["go"].clear()
        await opened(pilot, "data")
        wanted = str(rows.with_name("wanted.jsonl"))
        await opened(pilot, "plan", data_file=wanted)
        await pilot.press("s")
        await pilot.press("ctrl+n")
        await pilot.pause(0.1)
        assert slow_plan["started"] == [] and isinstance(app.screen, PlanScreen)
        assert "still being chosen" in last_notice(app) and "old.jsonl" not in shown_text(app)
        slow_plan["go"].set()
        await until(pilot, lambda: "wanted.jsonl" in shown_text(app))
        await pilot.press("s")
        await until(pilot, lambda: bool(slow_plan["started"]))
        assert wanted in slow_plan["started"][0] and "old.jsonl" not in slow_plan["started"][0]


async def test_a_plan_that_is_being_proposed_anew_is_not_started_as_it_was(
    rows: Path, slow_plan: dict[str, Any]
) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        slow_plan["go"].set()
        await opened(pilot, "plan", data_file=str(rows), model_id="tiny")
        await until(pilot, lambda: "old.jsonl" in shown_text(app))
        slow_plan["go"].clear()
        await pilot.press("r", "s")
        await pilot.pause(0.1)
        assert slow_plan["started"] == [] and "still being chosen" in last_notice(app)
        slow_plan["go"].set()
        await settle(pilot)
        await pilot.press("s")
        await until(pilot, lambda: bool(slow_plan["started"]))


async def test_after_a_proposal_that_failed_the_earlier_plan_is_not_started(
    rows: Path, slow_plan: dict[str, Any]
) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        slow_plan["go"].set()
        await opened(pilot, "plan", data_file=str(rows), model_id="tiny")
        await until(pilot, lambda: "old.jsonl" in shown_text(app))
        slow_plan["error"] = FtuiError("No usable rows", "wanted.jsonl holds none")
        await opened(pilot, "data")
        await opened(pilot, "plan", data_file=str(rows.with_name("wanted.jsonl")))
        await until(pilot, lambda: "No usable rows" in shown_text(app))
        await pilot.press("s")
        await pilot.pause(0.1)
        assert slow_plan["started"] == [] and "r proposes one anew" in last_notice(app)


async def test_a_file_that_was_named_in_the_plan_gives_way_to_one_that_is_chosen_later(rows: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "plan", data_file=str(rows), model_id="tiny")
        await settle(pilot)
        choices = app.screen.query_one("#fields", OptionList)
        choices.highlighted = choices.get_option_index("data-train")
        await pilot.press("enter")
        await settle(pilot)
        app.screen.query_one("#editor Input", Input).value = "/elsewhere/mine.jsonl"
        await pilot.press("enter")
        await settle(pilot)
        assert app.wizard.state.changed == ["data.train"]
        await opened(pilot, "data")
        await settle(pilot)
        await opened(pilot, "plan", data_file=str(rows.with_name("wanted.jsonl")))
        await settle(pilot)
        assert app.wizard.state.changed == [] and "mine.jsonl" not in json.dumps(app.wizard.state.plan)


# -- the file picker


async def test_enter_waits_for_the_list_of_what_was_typed(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ftui.tui.screens import data

    slow, offers = threading.Event(), data._offers

    def find(typed: str) -> Any:
        if typed:
            slow.wait(10)
        return offers(typed)

    monkeypatch.setattr(data, "_offers", find)
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "data")
        await until(pilot, lambda: "old.jsonl" in shown_text(app))
        await pilot.press(*"want", "enter")
        await pilot.pause(0.1)
        assert app.wizard.state.data_file == "" and "Looking ..." in shown_text(app)
        slow.set()
        await until(pilot, lambda: bool(app.wizard.state.data_file))
        assert app.wizard.state.data_file == str(rows.with_name("wanted.jsonl"))


async def test_a_path_that_was_typed_in_full_is_chosen_as_it_stands(rows: Path) -> None:
    odd = rows.with_name("rows.txt")
    odd.write_text(rows.read_text())
    (rows.parent / "bare").mkdir()
    app = welcome_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "data")
        path = app.screen.query_one("#path", Input)
        path.value = f"{rows.parent}/bare/"
        await until(pilot, lambda: "No data in this folder" in shown_text(app))
        path.value = str(odd)
        await until(pilot, lambda: "Enter checks it all the same" in shown_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "12 warnings" in shown_text(app))
        await until(pilot, lambda: app.focused is app.screen.query_one("#findings"))
        assert app.wizard.state.data_file == str(odd)


# -- the check of a file


@pytest.fixture
def slow_check(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The check says what is put into its queue; a report ends it."""
    known: dict[str, Any] = {"records": asyncio.Queue()}

    async def listen(*arguments: str, module: str = "ftui") -> AsyncIterator[dict[str, Any]]:
        while True:
            record = await known["records"].get()
            yield record
            if "report" in record:
                return

    monkeypatch.setattr("ftui.tui.screens.data.listen", listen)
    return known


def counted(**more: Any) -> dict[str, Any]:
    return {"progress": {"done_bytes": 40, "total_bytes": 100, "rows": 160, **more}}


CLEAN = {"report": {**CHECK, "groups": []}}


async def test_each_phase_of_the_check_is_said(rows: Path, slow_check: dict[str, Any]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "data", data_file=str(rows))
        for record, words in (
            (counted(phase="reading", share=None), "Checking old.jsonl ... 40%  160 rows"),
            (counted(phase="comparing", share=0.25), "Comparing rows that look alike in old.jsonl ... 25%  160 rows"),
            (counted(phase="showing", share=None), "Looking up examples in old.jsonl ..."),
            (CLEAN, "nothing to object to"),
        ):
            slow_check["records"].put_nowait(record)
            await until(pilot, lambda words=words: words in shown_text(app))


def test_how_long_it_takes_is_said_once_that_can_be_known() -> None:
    early, later = (progress_row("a.jsonl", counted()["progress"], seconds) for seconds in (1.0, 20.0))
    assert "left" not in str(early) and "30 s left to read" in str(later)


def test_the_check_itself_says_when_it_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(f"word{number}" for number in range(60))
    made = [{"messages": [*ROW["messages"][:1], {"role": "assistant", "content": f"{text} {n}."}]} for n in range(40)]
    file = tmp_path / "alike.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in made))
    assert data_check([str(file)]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    phases = list(dict.fromkeys(record["progress"]["phase"] for record in records if "progress" in record))
    assert phases == ["reading", "comparing", "showing"] and "report" in records[-1]


async def test_a_check_that_ends_does_not_take_the_keys_from_who_types_another_name(
    rows: Path, slow_check: dict[str, Any]
) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "data", data_file=str(rows))
        await pilot.press("ctrl+f")
        path = app.screen.query_one("#path", Input)
        path.value = ""
        await pilot.press(*"wa")
        slow_check["records"].put_nowait({"report": CHECK})
        await until(pilot, lambda: "12 warnings" in shown_text(app))
        await pilot.press(*"n")  # a letter of the name, not "leave this finding as it is"
        assert path.value == "wan" and app.wizard.state.data_choices == {}
        await pilot.press("enter")
        await until(pilot, lambda: app.wizard.state.data_file.endswith("wanted.jsonl"))
        slow_check["records"].put_nowait({"report": CHECK})
        await until(pilot, lambda: app.focused is app.screen.query_one("#findings"))


async def test_going_on_waits_for_the_check_unless_it_is_said_twice(rows: Path, slow_check: dict[str, Any]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data", data_file=str(rows))
        await pilot.press("ctrl+n")
        await pilot.pause(0.1)
        assert isinstance(app.screen, DataScreen) and "still being checked" in last_notice(app)
        slow_check["records"].put_nowait(CLEAN)
        await until(pilot, lambda: isinstance(app.screen, ModelScreen))
        await settle(pilot)
        await opened(pilot, "data")
        await until(pilot, lambda: "Checking old.jsonl" in shown_text(app))
        await pilot.press("ctrl+n", "ctrl+n")
        await until(pilot, lambda: isinstance(app.screen, ModelScreen))


async def test_a_file_that_changes_while_it_is_read_is_said_to_have(rows: Path, slow_check: dict[str, Any]) -> None:
    words = "it was written to while it was read; ^r checks it again"
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, "data", data_file=str(rows))
        await until(pilot, lambda: "Checking old.jsonl" in shown_text(app))
        await pilot.pause(0.1)
        rows.write_text(rows.read_text() * 2)
        slow_check["records"].put_nowait(CLEAN)
        await until(pilot, lambda: "nothing to object to" in shown_text(app))
        assert words in shown_text(app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "Checking old.jsonl" in shown_text(app))
        slow_check["records"].put_nowait(CLEAN)
        await until(pilot, lambda: "nothing to object to" in shown_text(app))
        assert words not in shown_text(app)


async def test_writing_the_fixes_says_so_as_long_as_it_takes(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = asyncio.Event()

    async def ask(*arguments: str, **options: Any) -> Any:
        if arguments[0] != "lint":
            return await fake_ask(*arguments, **options)
        await go.wait()
        raise FtuiError("No room", "the disk is full")

    answer_with(monkeypatch, ask)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, "data", data_file=str(rows))
        await until(pilot, lambda: "12 warnings" in shown_text(app))
        await settle(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "kinds of fixes?" in shown_text(app))
        await pilot.press("y")
        await until(pilot, lambda: "Writing old.fixed.jsonl ..." in shown_text(app))
        await until(pilot, lambda: "old.fixed.jsonl ... 1." in shown_text(app))
        go.set()
        await until(pilot, lambda: "the disk is full" in last_notice(app))
        assert "12 warnings" in shown_text(app) and "Writing" not in shown_text(app)
