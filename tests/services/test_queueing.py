"""The queue: one at a time, oldest first, with a place, an expected start, and no way to be forgotten."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

import pytest
from supervisor_kit import make_run, steps, supervise, wait_until

from ftui.commands import runs as command
from ftui.services import adoption, queueing
from ftui.services.process import identify
from ftui.services.run_requests import request
from ftui.services.runs import Run, State, read_state, recorded_state, write_state


def live_state(status: str) -> State:
    me = identify(os.getpid())
    assert me is not None
    return State(status, 1, supervisor_pid=me.pid, supervisor_start_ticks=me.start_ticks, boot_id=me.boot_id)


def pretend_live(run: Run, status: str) -> None:
    write_state(run, live_state(status))


def test_queued_runs_go_one_at_a_time_and_in_order() -> None:
    first, second, third = (make_run([8 if name == "a" else "ok"], name=name) for name in "abc")
    supervise(first)
    wait_until(lambda: len(steps(first)) > 0)
    last = supervise(third, "--queue")
    middle = supervise(second, "--queue")
    wait_until(
        lambda: recorded_state(second).supervisor_pid is not None and recorded_state(third).supervisor_pid is not None
    )
    assert [read_state(run).status for run in (second, third)] == ["queued", "queued"]
    assert [queueing.queue_place(run).before for run in (second, third)] == [1, 2]
    request(first, "stop")
    assert middle.wait(60) == 0 and last.wait(60) == 0
    ended = [steps_times(run) for run in (second, third)]
    assert ended[0][-1] <= ended[1][0], "the third began before the second was done"


def steps_times(run: Run) -> list[datetime]:
    from ftui.core.events import Step
    from ftui.services.tail import EventTail

    return [s.time for s in EventTail(run.trainer_events).events() if isinstance(s.event, Step)]


def test_a_queued_run_can_be_taken_out() -> None:
    busy, waiting = make_run([8], name="a"), make_run(["ok"], name="b")
    pretend_live(busy, "running")
    process = supervise(waiting, "--queue")
    wait_until(lambda: recorded_state(waiting).supervisor_pid is not None)
    request(waiting, "stop")
    assert process.wait(30) == 0
    state = read_state(waiting)
    assert (state.status, state.reason) == ("stopped", "taken out of the queue")


def test_a_queued_run_that_lost_its_supervisor_gets_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, waiting = make_run([8], name="a"), make_run(["ok"], name="b")
    pretend_live(busy, "running")
    process = supervise(waiting, "--queue")
    wait_until(lambda: recorded_state(waiting).supervisor_pid is not None)
    process.kill()
    process.wait()
    started: list[tuple[str, ...]] = []
    monkeypatch.setattr(adoption, "spawn_supervisor", lambda run, *flags, after: started.append((run.name, *flags)))
    assert [run.name for run in adoption.adopt_orphans()] == [waiting.name]
    assert started == [(waiting.name, "--queue")]


def test_the_list_says_place_and_expected_start(capsys: pytest.CaptureFixture[str]) -> None:
    from ftui.core.events import Step, to_line

    first, second, third = (make_run(["ok"], name=name) for name in "abc")
    pretend_live(first, "running")
    pretend_live(second, "queued")
    pretend_live(third, "queued")
    first.trainer_events.write_text(to_line(Step(100, 400, 0.5, 1, {"loss": 1.0, "step_seconds": 2.0})))
    place = queueing.queue_place(second)
    assert (place.before, place.wait_seconds, place.is_least) == (1, 600.0, False)
    assert queueing.queue_place(third) == queueing.Place(2, 600.0, is_least=True)
    import argparse

    command.run(argparse.Namespace(action="list", json=False))
    shown = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()}
    assert "1 before it, start about" in shown[second.name]
    assert "2 before it, start after" in shown[third.name]
    command.run(argparse.Namespace(action="list", json=True))
    listed = {entry["run"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed[third.name]["queue_before"] == 2 and listed[third.name]["expected_start_is_least"]
    assert datetime.fromisoformat(listed[second.name]["expected_start"]) > datetime.now().astimezone()
    assert "queue_before" not in listed[first.name]


@pytest.mark.parametrize(
    ("free", "prediction", "enough"),
    [
        ([30, 5], {"predicted_device_bytes": {"expected": 20}}, True),
        ([5, 30], {"predicted_device_bytes": {"expected": 20}}, False),
        (None, {"predicted_allocated_bytes": 20}, True),
        (None, {"predicted_allocated_bytes": 2**60}, False),
        ([1], {"unknown": "no such model"}, True),
    ],
)
def test_it_waits_for_the_memory_that_it_will_need(
    monkeypatch: pytest.MonkeyPatch, free: list[int] | None, prediction: dict[str, Any], enough: bool
) -> None:
    run = make_run(["ok"])
    (run.path / "fit.json").write_text(json.dumps(prediction))
    monkeypatch.setattr(queueing, "_free_gpu_bytes", lambda: free)
    assert queueing.has_memory(run, run.plan()) is enough
