"""The dashboard: what it shows, what its keys do, how it is left."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import append, empty_run, make_run, trainer_events
from screens_kit import last_notice, settle, shown_text, watch_app
from textual.color import Color
from textual.widgets import Input

from ftui.core.events import Alert, Phase
from ftui.errors import FtuiError
from ftui.services.runs import State, recorded_state, write_state
from ftui.tui.screens.confirm import AskDialog
from ftui.tui.screens.help import HelpDialog
from ftui.tui.screens.train import TrainScreen
from ftui.tui.widgets.braille_chart import BrailleChart
from ftui.tui.widgets.key_bar import KeyBar
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.pane import LOSS, MEMORY, SAMPLES, Panes, arrange_panes


@pytest.mark.parametrize("slot", range(1, 10))
@pytest.mark.parametrize("size", [(60, 14), (80, 20), (100, 28), (120, 36), (200, 60), (99, 100)])
def test_panes_fill_the_room_without_overlap(size: tuple[int, int], slot: int) -> None:
    width, height = size
    places = arrange_panes(width, height, slot, None)
    assert sum(region.area for region in places.values()) == width * height
    cells = {(x, y) for r in places.values() for x in range(r.x, r.right) for y in range(r.y, r.bottom)}
    assert len(cells) == width * height
    assert LOSS in places and slot in places
    assert arrange_panes(width, height, slot, MEMORY)[MEMORY].size == (width, height)


async def test_a_live_run_is_shown_in_words_and_figures(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = shown_text(app)
        for words in ("20261122-040000-tickets", "live", "step 120 of 300", "left", "eval", "predicted peak 10.0 GiB"):
            assert words in text, words
        assert "step 120: a line" in text


async def test_before_the_first_step_what_it_does_has_a_row_of_its_own(tmp_path: Path) -> None:
    run = empty_run(tmp_path, status="running")
    append(run.trainer_events, [(0, Phase("base_score", "losses on the wanted answers of the rows held out"))])
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "scoring the base model, 4 min 30 s: losses on the wanted answers of the rows" in shown_text(app)


async def test_nothing_looks_frozen_before_the_first_step(tmp_path: Path) -> None:
    run = empty_run(tmp_path, status="running")
    append(run.trainer_events, [(0, Phase("importing"))])
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        text = shown_text(app)
        assert "loading libraries (about 10 s), 4 min 30 s" in text
        assert "No loss yet" in text
        append(run.trainer_events, trainer_events(3, 10))
        await pilot.pause(0.7)
        assert "step 3 of 10" in shown_text(app)


@pytest.mark.parametrize("size", [(60, 18), (60, 20), (80, 24), (120, 40)])
async def test_every_number_key_shows_its_pane_and_the_tabs_name_all_of_them(
    size: tuple[int, int], tmp_path: Path
) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        tabs = app.screen.query_one("#tabs", Lines)
        for number in range(1, 10):
            await pilot.press(str(number))
            await settle(pilot)
            assert number in app.screen.query_one(Panes).shown(), number
            assert re.findall(r"(?<!\S)(\d) [A-Z]", tabs.plain) == list("123456789")
            assert len(tabs.plain.rstrip()) <= size[0] - 2


async def test_number_keys_bring_panes_and_f_gives_them_the_whole_room(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        await settle(pilot)
        panes = app.screen.query_one(Panes)
        assert SAMPLES in panes.shown() and "Prompt" in shown_text(app)
        await pilot.press("f")
        await settle(pilot)
        assert panes.shown() == [SAMPLES]
        await pilot.press("5")
        await settle(pilot)
        assert panes.shown() == [MEMORY]
        await pilot.press("escape")
        await settle(pilot)
        assert len(panes.shown()) > 2


async def test_samples_turn_with_the_arrows(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        await settle(pilot)
        assert "4 of 4, step 120" in shown_text(app)
        await pilot.press("left")
        await settle(pilot)
        assert "3 of 4, step 90" in shown_text(app)


async def test_freezing_holds_the_picture_and_loses_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path, steps=10, total=40)
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("space")
        chart = app.screen.query(BrailleChart).first()
        before = chart.plain
        append(run.trainer_events, trainer_events(20, 40)[-12:])
        await pilot.pause(0.8)
        assert "FROZEN" in shown_text(app) and chart.plain == before
        await pilot.press("space")
        await settle(pilot)
        assert chart.plain != before and "step 20 of 40" in shown_text(app)


async def test_the_log_can_be_searched(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash")
        await settle(pilot)
        assert isinstance(app.focused, Input)
        await pilot.press(*"Step 11")
        await settle(pilot)
        assert "11 of 120 lines" in shown_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert "of 120 lines" not in shown_text(app) and isinstance(app.screen, TrainScreen)


async def test_leaving_a_live_run_detaches_and_says_how_to_come_back(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, AskDialog)
        assert "Detach" in str(app.focused.render())  # type: ignore[union-attr]
        await pilot.press("enter")
        await pilot.pause()
    assert app.farewell == ["The run goes on. Come back with: ftui watch 20261122-040000-tickets"]
    assert not list(run.requests.iterdir())


async def test_cancelling_stays_and_stopping_asks_the_supervisor(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("q", "escape")
        await pilot.pause()
        assert isinstance(app.screen, TrainScreen)
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("enter")  # the safe answer has the focus
        await pilot.pause()
        assert not list(run.requests.iterdir())
        await pilot.press("s")
        await pilot.pause()
        await pilot.press("s")
        await pilot.pause(0.2)
        assert [path.name for path in run.requests.iterdir()] == ["stop.json"]
        assert isinstance(app.screen, TrainScreen)  # the answer's key is not taken for the screen's own as well


async def test_ctrl_q_asks_as_well(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert isinstance(app.screen, AskDialog)


async def test_a_finished_run_is_left_at_once(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path, status="finished", steps=300).path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "finished" in shown_text(app) and "SHIP" in shown_text(app)
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value == 0 and app.farewell == []


async def test_a_demo_closes_by_itself(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    app = watch_app(run.path, exit_when_done=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        write_state(run, State(status="finished", attempt=1))
        for _ in range(50):
            await asyncio.sleep(0.1)
            if app.return_value is not None:
                break
    assert app.return_value == 0


async def test_states_are_told_apart_in_words(tmp_path: Path) -> None:
    for number, (status, words) in enumerate(
        [("failed", "failed"), ("stopped", "stopped"), ("paused", "paused"), ("queued", "queued")]
    ):
        run = make_run(tmp_path, name=f"20261122-04000{number}-x", status=status)
        app = watch_app(run.path)
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            assert words in shown_text(app).splitlines()[0]


async def test_a_prepared_run_can_be_started_and_not_stopped(tmp_path: Path) -> None:
    run = make_run(tmp_path, status="prepared")
    run.trainer_events.unlink()
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "prepared" in shown_text(app).splitlines()[0]
        screen = app.screen
        assert screen.check_action("resume", ()) and not screen.check_action("stop", ())


async def test_a_run_whose_processes_are_gone_is_called_interrupted(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    state = json.loads(run.state_file.read_text())
    state.update(pid_start_ticks=1, supervisor_start_ticks=1)
    run.state_file.write_text(json.dumps(state))
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "interrupted (no process left)" in shown_text(app)


async def test_a_run_directory_that_disappears_is_said_and_survived(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        shutil.rmtree(run.path)
        await pilot.pause(1.8)
        assert "its folder is gone; what was read stays" in shown_text(app)
        assert "step 120 of 300" in shown_text(app)


async def test_panes_are_exported_as_drawings_tables_and_text(tmp_path: Path, own_home: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in ("e", "7", "e", "9", "e"):
            await pilot.press(key)
            await settle(pilot)
    folder = own_home / "exports" / "20261122-040000-tickets"
    assert {path.name for path in folder.iterdir()} == {"loss.svg", "loss.csv", "alerts.txt", "log.txt"}
    assert len((folder / "loss.csv").read_text().splitlines()) > 240
    assert "keeps the GPU waiting" in (folder / "alerts.txt").read_text()


async def test_another_run_is_laid_over(tmp_path: Path, own_home: Path) -> None:
    runs = own_home / "runs"
    first = make_run(runs)
    make_run(runs, name="20261121-010000-older", status="finished", steps=300)
    app = watch_app(first.path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await pilot.pause(0.2)
        await pilot.press("enter")
        await settle(pilot)
        assert "A older" in shown_text(app)


async def test_help_lists_the_keys_of_the_focused_pane_too(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(100, 60)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await pilot.pause(0.2)
        assert isinstance(app.screen, HelpDialog)
        text = shown_text(app)
        for words in ("Log scale", "Freeze", "Hold the picture", "Lay another run over", "Zoom in"):
            assert words in text, words
        await pilot.press("escape")
        assert isinstance(app.screen, TrainScreen)


async def test_resizing_loses_nothing_and_a_small_terminal_gets_a_sentence(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for size in ((80, 24), (200, 60), (40, 10), (59, 30), (100, 17), (60, 18), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
            small = size[0] < 60 or size[1] < 18
            assert ("This needs a terminal" in shown_text(app)) == small, size
        await settle(pilot)
        assert "step 120 of 300" in shown_text(app)


async def test_a_resize_storm_is_survived(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(120, 40)) as pilot:
        for number in range(30):
            await pilot.resize_terminal(20 + number * 7 % 130, 5 + number * 11 % 50)
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        assert "step 120 of 300" in shown_text(app)


async def test_ascii_shows_no_other_character(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path, ascii_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in ("8", "7", "question_mark"):
            await pilot.press(key)
            await settle(pilot)
            rendered = app.screen._compositor.render_strips()
            filters = app.get_line_filters()
            for strip in rendered:
                segments = list(strip)
                for line_filter in filters:
                    segments = line_filter.apply(segments, Color(0, 0, 0))
                text = "".join(segment.text for segment in segments)
                assert text.isascii(), text


async def test_alerts_that_matter_are_counted_on_the_tab(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    alert = Alert("error", "diverging", "The loss has doubled within 20 steps.", "Lower train.learning_rate.", 100)
    append(run.trainer_events, [(200, alert)])
    app = watch_app(run.path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "7 Alerts 2" in shown_text(app)
        await pilot.press("7")
        await settle(pilot)
        assert "ERROR" in shown_text(app) and "Lower train.learning_rate." in shown_text(app)


async def test_a_run_that_is_over_offers_its_result_and_nothing_to_stop(tmp_path: Path) -> None:
    run = make_run(tmp_path, steps=300)
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        keys = dict(app.screen.query_one(KeyBar).keys)
        assert {"s", "space"} <= set(keys) and "i" not in keys
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(app.screen, TrainScreen), "a run that is alive has no result"
        write_state(run, State(status="finished", attempt=1))
        for _ in range(100):
            await pilot.pause(0.1)
            keys = dict(app.screen.query_one(KeyBar).keys)
            if "i" in keys:
                break
        assert "i" in keys and not {"s", "space"} & set(keys)
        await pilot.press("s", "p")
        await pilot.pause()
        assert isinstance(app.screen, TrainScreen) and not list(run.requests.glob("*"))


async def test_a_run_that_stands_still_is_resumed_with_the_key_that_paused_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path, status="paused")
    asked: list[tuple[str, ...]] = []

    async def ask(*arguments: str) -> dict[str, str]:
        asked.append(arguments)
        if len(asked) == 1:
            raise FtuiError("The run's inputs have changed", "rows.jsonl", "Start a new run.")
        write_state(run, replace(recorded_state(run), status="running", attempt=2))
        return {"run": run.name}

    monkeypatch.setattr("ftui.tui.screens.train.ask", ask)
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        assert ("p", "Resume") in app.screen.query_one(KeyBar).keys
        await pilot.press("p")
        await settle(pilot)
        assert "inputs have changed" in last_notice(app) and "Start a new run." in last_notice(app)
        await pilot.press("p")
        await settle(pilot)
        assert asked == [("runs", "resume", str(run.path))] * 2
        for _ in range(100):
            await pilot.pause(0.05)
            if "Resume" not in dict(app.screen.query_one(KeyBar).keys).values():
                break
        assert "Stop" in dict(app.screen.query_one(KeyBar).keys).values()
        await pilot.press("p")
        await settle(pilot)
        assert [file.stem for file in run.requests.iterdir()] == ["pause"]
