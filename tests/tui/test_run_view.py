"""Folding events into what a viewer shows."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from fake_runs import START, append, make_run, trainer_events
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.events import Alert, Attempt, Done, Failed, Memory, Phase, Stamped, Step, to_line
from ftui.core.metrics import ema
from ftui.tui.run_feed import RunFeed
from ftui.tui.run_view import RunView
from ftui.tui.series import Average, Series


def lines(*events: object) -> list[bytes]:
    return [to_line(event, START).encode() for event in events]  # type: ignore[arg-type]


def step(number: int, loss: float | None = 1.0, **metrics: float) -> Step:
    return Step(number, 100, number / 50, number * 10, {"loss": loss, **metrics})


def test_a_run_is_folded(tmp_path: Path) -> None:
    feed = RunFeed(make_run(tmp_path, steps=120, total=300))
    while feed.drain(1.0):
        pass
    feed.look(force=True)
    view = feed.view
    assert (view.step, view.steps_total, view.tokens) == (120, 300, 960_000)
    assert len(view.train["loss"]) == 120 and list(view.evals["eval_loss"].xs) == [30, 60, 90, 120]
    assert view.phase.name == "training" and len(view.samples) == 4 and view.best is not None
    assert view.gpus[0].total_bytes == 24 * 2**30 and view.host is not None
    assert feed.predicted_bytes("gpu") == 10 * 2**30
    assert feed.live and feed.plan is not None and feed.plan.run.name == "tickets"


def at(seconds: float, event: object) -> bytes:
    return to_line(event, START + timedelta(seconds=seconds)).encode()  # type: ignore[arg-type]


def test_what_the_other_file_said_earlier_does_not_undo_what_was_said_since() -> None:
    trainer = [at(20, Phase("training")), at(30, step(1)), at(60, Done(1, "finished", 41.0))]
    supervisor = [at(0, Phase("preparing", "reading the data")), at(10, Attempt(1, "start"))]
    for first, then in ((trainer, supervisor), (supervisor, trainer)):
        view = RunView()
        view.read(first)
        view.read(then)
        assert view.phase.name == "training" and isinstance(view.outcome, Done) and view.attempt.attempt == 1
    view = RunView()
    view.read([at(70, Failed("It crashed", "for good"))])
    view.read(trainer[:2])
    assert isinstance(view.outcome, Failed)
    view.read([at(90, step(2))])
    assert view.outcome is None, "it went on"


def test_steps_done_again_after_a_resume_replace_the_old_ones() -> None:
    view = RunView()
    view.read(lines(*(step(n, 1.0) for n in range(1, 31))))
    view.read(lines(Attempt(2, "crash", from_step=20), *(step(n, 2.0) for n in range(21, 25))))
    assert list(view.train["loss"].xs) == list(range(1, 25))
    assert view.train["loss"].last == 2.0
    assert view.step == 24


def test_lines_that_are_no_events_change_nothing() -> None:
    view = RunView()
    view.read([b"", b"{", b"null", b"[1]", b'"x"', b'{"kind":"step"}', b'{"kind":"step","step":true}', b"\xff\xfe"])
    view.read([b'{"schema_version":99,"time":"2026-11-22T04:00:00Z","kind":"step","step":1,"steps_total":2}'])
    assert view.event_count == 0 and not view.train


def test_a_step_among_broken_lines_is_still_read() -> None:
    view = RunView()
    view.read([b"{broken", *lines(step(1, 0.5)), b'{"a":NaN}'])
    assert view.train["loss"].last == 0.5


def test_a_loss_that_is_not_a_number_leaves_a_gap() -> None:
    view = RunView()
    view.read(lines(step(1, 1.0), step(2, None), step(3, math.nan), step(4, 2.0)))
    assert list(view.train["loss"].xs) == [1, 4]


def test_done_belongs_to_the_steps_before_it() -> None:
    view = RunView()
    view.read(lines(step(1), Done(1, "finished", 3.0)))
    assert isinstance(view.outcome, Done)
    view.read(lines(step(2)))
    assert view.outcome is None


def test_a_failure_becomes_an_alert_in_words() -> None:
    view = RunView()
    view.read(lines(Failed("Out of memory", "step 3 needed 25 GiB", "Halve the micro-batch.", "oom", 3)))
    assert view.alerts[-1].message == "Out of memory: step 3 needed 25 GiB" and view.alerts[-1].level == "error"


def test_odd_memory_events_do_not_break_the_view() -> None:
    view = RunView()
    view.apply(Stamped(START, Memory(gpus=({"index": "x", "used_bytes": None}, 7))))  # type: ignore[arg-type]
    assert view.gpus[0].used_bytes == 0


def test_alerts_samples_and_log_are_bounded(tmp_path: Path) -> None:
    view = RunView()
    view.read(lines(*(Alert("warning", "x", f"alert {n}") for n in range(1000))))
    assert len(view.alerts) == 200 and view.alerts[-1].message == "alert 999"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(8, 64))
def test_a_long_series_keeps_its_extremes_in_little_room(values: list[float], capacity: int) -> None:
    series = Series(capacity - capacity % 4)
    for start in range(0, len(values), 7):
        part = values[start : start + 7]
        series.extend(range(start, start + len(part)), part)
    assert max(series.ys) == max(values) and min(series.ys) == min(values)
    assert len(series) < capacity and list(series.xs) == sorted(series.xs)
    assert series.last == values[-1] or len(values) >= capacity // 2


def test_the_average_is_the_one_of_core_metrics() -> None:
    values = [3.0, 1.0, 2.0, 5.0]
    one = Average(0.1)
    assert one.add_all(values[:2]) + one.add_all(values[2:]) == pytest.approx(ema(values, 0.1))


def test_smoothing_anew_gives_what_smoothing_all_along_gave() -> None:
    view, other = RunView(), RunView()
    other.smooth(0.97)
    events = lines(*(step(n, 1 / n) for n in range(1, 50)))
    view.read(events)
    other.read(events)
    view.smooth(0.97)
    assert list(view.smoothed["loss"].ys) == pytest.approx(list(other.smoothed["loss"].ys))


def test_a_phase_is_timed_from_its_first_event() -> None:
    view = RunView()
    append_time = [to_line(Phase("loading"), START).encode(), to_line(Phase("loading", "shard 2"), START).encode()]
    view.read(append_time)
    assert view.phase.detail == "shard 2" and view.phase_since == START


def test_the_feed_follows_a_file_that_grows_and_one_that_is_replaced(tmp_path: Path) -> None:
    run = make_run(tmp_path, steps=10, total=40)
    feed = RunFeed(run)
    feed.drain(1.0)
    append(run.trainer_events, trainer_events(12, 40)[-2:])
    feed.drain(1.0)
    assert feed.view.step == 12
    run.trainer_events.write_text("".join(to_line(event, START) for _, event in trainer_events(3, 40)))
    feed.drain(1.0)
    assert feed.view.step == 3 and len(feed.view.train["loss"]) == 3


def test_a_run_that_disappears_is_said_to_be_gone(tmp_path: Path) -> None:
    import shutil

    run = make_run(tmp_path)
    feed = RunFeed(run)
    feed.look(force=True)
    shutil.rmtree(run.path)
    feed.drain(0.1)
    assert feed.look(force=True) and feed.gone and not feed.live and feed.log_lines() == []


def test_log_lines_are_safe_and_overwrites_leave_the_last(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.log.write_bytes(b"\x1b[31mred\x1b[0m\n 10%\r 20%\r 30%\nbell\x07 \xff\n")
    assert RunFeed(run).log_lines() == ["red", " 30%", "bell\\u{7} \ufffd"]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_at_its_very_beginning_is_shown(tmp_path: Path, steps: int) -> None:
    feed = RunFeed(make_run(tmp_path, steps=steps))
    feed.drain(1.0)
    assert feed.view.step == steps
