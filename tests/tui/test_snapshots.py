"""Pictures of every screen in its states, at 80x24 and 120x40. Look at them before accepting new ones:

pytest tests/tui/test_snapshots.py --snapshot-update
python tests/tui/to_png.py tests/tui/__snapshots__/test_snapshots/*.svg --out /tmp/pictures
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_runs import START, append, empty_run, make_run
from screens_kit import ASKING, answer_with, settle
from textual.pilot import Pilot

from ftui.core.events import Alert, Failed, Phase
from ftui.errors import FtuiError
from ftui.tui.app import FtuiApp
from ftui.tui.screens.train import TrainScreen
from ftui.tui.screens.welcome import WelcomeScreen
from ftui.tui.state import WizardState

BOTH = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine or this moment in the pictures."""
    answer_with(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ftui.services.data_files.sample_data", lambda: tmp_path / "none")
    monkeypatch.setattr("ftui.core.lint.catalogue.all_rules", dict)  # their wording is not this test's business
    for name in ("tickets.jsonl", "products.csv"):
        (tmp_path / name).write_text('{"messages": [{"role": "user", "content": "hi"}]}\n' * 40)
    (tmp_path / "old").mkdir()


def program(first: Callable[[], Any], **options: Any) -> FtuiApp:
    clock = START + timedelta(seconds=270)
    return FtuiApp(first, clock=lambda: clock, monotonic=lambda: 0.0, **options)


def watching(path: Path, **options: Any) -> FtuiApp:
    return program(lambda: TrainScreen(path), **options)


def pressing(*keys: str) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot, 0.3)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await settle(pilot, 0.2)

    return before


def at_stage(stage: str, *keys: str, waits: bool = True, **state: Any) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        app: FtuiApp = pilot.app  # type: ignore[assignment]
        await settle(pilot)
        chosen = {"data_file": "tickets.jsonl", "model_id": "Qwen/Qwen3-0.6B", **state}
        for name, value in chosen.items():
            setattr(app.wizard.state, name, value)
        app.wizard.open(stage)
        await pilot.pause(0.2)
        if waits:
            await settle(pilot, 0.3)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await pilot.pause(0.2)

    return before


# -- welcome


@pytest.mark.parametrize("size", BOTH)
def test_welcome_empty(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", BOTH)
def test_welcome_with_runs_and_a_draft(snap_compare: Compare, size: tuple[int, int], own_home: Path) -> None:
    make_run(own_home / "runs")
    make_run(own_home / "runs", name="20261121-190000-tickets", status="finished", steps=300)
    make_run(own_home / "runs", name="20261121-120000-support-tone", status="failed", steps=40)
    (own_home / "drafts").mkdir()
    draft = {"schema_version": 1, "saved": START.isoformat(), "stage": "data", "field": "path"}
    (own_home / "drafts" / "wizard.json").write_text(json.dumps({**draft, "state": WizardState().to_mapping()}))
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=pressing())


# -- the dashboard


@pytest.mark.parametrize("size", BOTH)
def test_train_before_the_first_step(snap_compare: Compare, size: tuple[int, int]) -> None:
    run = empty_run(Path("runs"), status="running")
    append(run.trainer_events, [(0, Phase("importing"))])
    assert snap_compare(watching(run.path), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", BOTH)
def test_train_live(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(watching(make_run(Path("runs")).path), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", BOTH)
def test_train_finished_in_ascii(snap_compare: Compare, size: tuple[int, int]) -> None:
    run = make_run(Path("runs"), status="finished", steps=300)
    assert snap_compare(watching(run.path, ascii_only=True), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", BOTH)
def test_train_failed_with_alerts(snap_compare: Compare, size: tuple[int, int]) -> None:
    run = make_run(Path("runs"), status="failed", steps=64)
    append(
        run.trainer_events,
        [
            (
                150,
                Alert("error", "diverging", "The loss has doubled within 20 steps.", "Lower train.learning_rate.", 60),
            ),
            (151, Failed("Out of GPU memory", "step 64 needed 25.1 GiB", "Halve train.micro_batch.", "oom", 64)),
        ],
    )
    assert snap_compare(watching(run.path), terminal_size=size, run_before=pressing("7"))


@pytest.mark.parametrize(("name", "keys"), [
    ("loss", ("f", "left", "left", "y")), ("memory", ("5", "f")), ("samples", ("8", "f")),
])  # fmt: skip
def test_train_one_pane(snap_compare: Compare, name: str, keys: tuple[str, ...]) -> None:
    run = make_run(Path("runs"))
    assert snap_compare(watching(run.path), terminal_size=(80, 24), run_before=pressing(*keys))


@pytest.mark.parametrize("size", BOTH)
def test_train_leaving(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot, 0.3)
        await pilot.press("q")
        await pilot.pause(0.2)

    assert snap_compare(watching(make_run(Path("runs")).path), terminal_size=size, run_before=before)


def test_train_help(snap_compare: Compare) -> None:
    run = make_run(Path("runs"))
    assert snap_compare(watching(run.path), terminal_size=(80, 24), run_before=pressing("question_mark"))


def test_a_terminal_that_is_too_small(snap_compare: Compare) -> None:
    run = make_run(Path("runs"))
    assert snap_compare(watching(run.path), terminal_size=(50, 12), run_before=pressing())


# -- the wizard


async def never(*_: str, **__: Any) -> Any:
    await asyncio.Event().wait()


async def refuses(*arguments: str, **_: Any) -> Any:
    raise FtuiError("No such file", "/data/tickets.jsonl", "Is the path right? It is taken from the current folder.")


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize(("state", "keys", "chosen"), [
    ("choosing", (), ""), ("findings", (), "tickets.jsonl"), ("lengths", ("home",), "tickets.jsonl"),
    ("tokens", ("home", "down"), "tickets.jsonl"), ("tokens-in-full", ("home", "down", "f"), "tickets.jsonl"),
    ("applying", ("down", "y", "a"), "tickets.jsonl"),
])  # fmt: skip
def test_data(snap_compare: Compare, size: tuple[int, int], state: str, keys: tuple[str, ...], chosen: str) -> None:
    before = at_stage("data", *keys, data_file=chosen)
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize("stage", ["data", "model", "plan"])
@pytest.mark.parametrize("state", ["loading", "error"])
def test_stages_that_wait_or_fail(
    snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], stage: str, state: str
) -> None:
    answer_with(monkeypatch, never if state == "loading" else refuses)
    before = at_stage(stage, waits=state != "loading")
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", BOTH)
def test_model(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=at_stage("model", "down", "down"))


@pytest.mark.parametrize("size", BOTH)
def test_plan(snap_compare: Compare, size: tuple[int, int]) -> None:
    before = at_stage("plan", *["down"] * 8)
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=before)


def test_plan_with_a_wrong_value(snap_compare: Compare) -> None:
    before = at_stage("plan", *["down"] * 9, "enter", "x", "enter")
    assert snap_compare(program(WelcomeScreen), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", BOTH)
def test_result(snap_compare: Compare, size: tuple[int, int]) -> None:
    run = make_run(Path("runs"), status="finished", steps=300)
    sample = {"prompt": "My parcel 4417 has not come.", "base": "I am sorry!", "tuned": '{"topic": "delivery"}'}
    (run.path / "eval" / "samples.jsonl").write_text(json.dumps({**sample, "base_score": 0, "tuned_score": 1}) + "\n")
    before = at_stage("result", run_path=str(run.path))
    assert snap_compare(program(WelcomeScreen), terminal_size=size, run_before=before)


def test_result_of_a_failed_run(snap_compare: Compare) -> None:
    run = make_run(Path("runs"), status="failed", steps=30)
    before = at_stage("result", run_path=str(run.path))
    assert snap_compare(program(WelcomeScreen), terminal_size=(80, 24), run_before=before)


def test_the_kit_knows_every_screen_that_asks() -> None:
    screens = Path("ftui/tui/screens") if Path("ftui").is_dir() else Path(__file__).parents[2] / "ftui/tui/screens"
    asking = {path.stem for path in screens.glob("*.py") if "from ftui.tui.ask import ask" in path.read_text()}
    assert asking == set(ASKING)
