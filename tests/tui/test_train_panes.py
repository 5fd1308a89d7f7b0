"""What the panes draw: metrics by choice, rewards, other runs, memory over time."""

from __future__ import annotations

from pathlib import Path

from fake_runs import GIB, append, empty_run, make_run, trainer_events
from screens_kit import settle, shown_text, watch_app

from ftui.core.events import Eval, Memory, Phase, Step
from ftui.tui.screens.train_panes import MemoryPane, MetricChart
from ftui.tui.widgets.pane import SPEED, Panes


def margin_run(folder: Path) -> Path:
    """A preference run: rewards at each step, and at two evaluations."""
    run = empty_run(folder, status="running")
    append(run.trainer_events, [(0, Phase("training"))])
    for step in range(1, 41):
        metrics = {"loss": 0.7 - step / 100, "tokens_per_second": 900.0, "reward_margin": step / 20, "entropy": 1.5}
        append(run.trainer_events, [(step, Step(step, 40, step / 40, step * 100, metrics))])
    append(run.trainer_events, [(41, Eval(40, 1.0, 4000, {"eval_loss": 0.4, "reward_margin": 1.25}))])
    return run.path


async def test_a_preference_run_shows_its_margin_where_others_show_their_speed(tmp_path: Path) -> None:
    app = watch_app(margin_run(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = shown_text(app)
        assert "4 Reward margin" in text and "900 tok/s" in text
        chart = app.screen.query_one(Panes).pane(SPEED).query_one(MetricChart)
        assert [curve.name for curve in chart.curves] == ["", "eval", "smoothed"]


async def test_x_walks_through_every_metric_of_the_run(tmp_path: Path) -> None:
    app = watch_app(margin_run(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        seen = set()
        for _ in range(4):
            await pilot.press("x")
            await pilot.pause()
            seen.add(next(line for line in shown_text(app).splitlines() if "─3 " in line).split("─3 ")[1].split("─")[0])
        assert seen == {"Entropy", "Eval loss", "Reward margin", "Tokens per second"}
        await pilot.press("X")
        await settle(pilot)
        assert "3 Reward margin" in shown_text(app)


async def test_a_metric_with_a_hostile_name_is_shown_as_it_is(tmp_path: Path) -> None:
    run = empty_run(tmp_path, status="running")
    metrics = {"loss": 1.0, "[/] [@click=app.quit]x\x1b[2J": 2.0}
    append(run.trainer_events, [(step, Step(step, 9, 0.1, 10, metrics)) for step in (1, 2, 3)])
    app = watch_app(run.path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2", "x")
        await settle(pilot)
        text = shown_text(app)
        assert app.crash is None and "2 [/] [@click=app.quit]x" in text and "\x1b" not in text


async def test_metrics_of_another_run_are_laid_over_too(tmp_path: Path, own_home: Path) -> None:
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
        await pilot.pause(0.2)
        assert all("A older" in pane.query_one(MetricChart).plain for pane in app.screen.query_one(Panes)._panes[1:4])


async def test_memory_that_was_hidden_while_it_grew_is_drawn_whole(tmp_path: Path) -> None:
    run = empty_run(tmp_path, status="running")
    append(run.trainer_events, trainer_events(5, 300))
    append(run.supervisor_events, memory(range(1, 40)))
    app = watch_app(run.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for key in ("5", "f", "8"):
            await pilot.press(key)
            await settle(pilot)
        append(run.supervisor_events, memory(range(40, 60)))
        await pilot.pause(1.2)
        await pilot.press("5")
        await settle(pilot)
        chart = app.screen.query_one(MemoryPane).chart
        assert app.crash is None and len(chart.curves[0].xs) == len(chart.curves[0].ys) == 59


async def test_the_predicted_peak_stands_in_the_chart_of_memory_over_time(tmp_path: Path) -> None:
    app = watch_app(make_run(tmp_path).path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("5", "f")
        await settle(pilot)
        curves = app.screen.query_one(MemoryPane).chart.curves
        assert curves[-1].name == "predicted peak" and set(curves[-1].ys) == {10.0}


def memory(seconds: range) -> list[tuple[float, Memory]]:
    return [(second, Memory(host_rss_bytes=(1 + second // 20) * GIB, host_total_bytes=64 * GIB)) for second in seconds]
