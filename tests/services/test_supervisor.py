"""The supervisor with real processes and real signals, and a trainer that fails on purpose."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ftui.core.events import Alert, Attempt, Step
from ftui.core.plan import from_mapping
from ftui.services import launch
from ftui.services.process import is_alive
from ftui.services.runs import Run, State, create_run, read_state, recorded_state, request
from ftui.services.tail import EventTail

SUPERVISOR = Path(__file__).parent / "scripted" / "supervisor.py"


def make_run(behaviours: list[str], **recovery: object) -> Run:
    plan = from_mapping(
        {"model": {"id": "m"}, "data": {"train": "d"}, "train": {"micro_batch": 4}, "recovery": recovery}
    )
    run = create_run(plan)
    (run.path / "script.json").write_text(json.dumps(behaviours))
    (run.path / "data" / "manifest.json").write_text('{"files": {}}')
    return run


def supervise(run: Run, *flags: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SUPERVISOR), str(run.path), *flags], start_new_session=True)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def steps(run: Run) -> list[int]:
    return [s.event.step for s in EventTail(run.trainer_events).events() if isinstance(s.event, Step)]


def attempts(run: Run) -> list[Attempt]:
    return [s.event for s in EventTail(run.supervisor_events).events() if isinstance(s.event, Attempt)]


def test_a_run_that_works() -> None:
    run = make_run(["ok"])
    assert supervise(run).wait(20) == 0
    state = read_state(run)
    assert state.status == "finished"
    assert state.attempt == 1
    assert steps(run) == list(range(1, 11))
    assert (run.state_file.stat().st_mode & 0o777) == 0o600
    assert (run.path.stat().st_mode & 0o777) == 0o700


@pytest.mark.parametrize("behaviour", ["crash", "sigkill-self"])
def test_a_crash_is_resumed_without_losing_steps(behaviour: str) -> None:
    run = make_run([behaviour, "ok"])
    supervise(run).wait(20)
    assert read_state(run).status == "finished"
    assert [a.reason for a in attempts(run)] == ["start", "crash"]
    assert sorted(set(steps(run))) == list(range(1, 11))


def test_crashes_without_end_are_given_up_with_the_reason() -> None:
    run = make_run(["crash"], max_restarts=2)
    assert supervise(run).wait(20) == 1
    state = read_state(run)
    assert state.status == "failed"
    assert state.attempt == 3
    assert "exit code 3" in state.reason


def test_out_of_memory_shrinks_the_micro_batch_and_says_so() -> None:
    run = make_run(["oom", "ok"])
    supervise(run).wait(20)
    assert read_state(run).status == "finished"
    assert attempts(run)[1].changes == {"train.micro_batch": 2, "train.accumulation": 16}
    assert json.loads((run.path / "overrides.json").read_text())["train.micro_batch"] == 2
    alerts = [s.event for s in EventTail(run.supervisor_events).events() if isinstance(s.event, Alert)]
    assert "micro-batch 2 x accumulation 16" in alerts[0].message


def test_a_hang_is_killed_and_resumed() -> None:
    run = make_run(["hang", "ok"], hang_minutes=0.1)
    supervise(run).wait(60)
    assert read_state(run).status == "finished"
    assert [a.reason for a in attempts(run)] == ["start", "hang"]


@pytest.mark.parametrize(("what", "status"), [("stop", "stopped"), ("pause", "paused")])
def test_requests_end_the_run_with_a_checkpoint_and_resume_goes_on(what: str, status: str) -> None:
    run = make_run(["slow", "ok"])
    first = supervise(run)
    wait_until(lambda: len(steps(run)) >= 2)
    request(run, what)
    first.wait(20)
    assert read_state(run).status == status
    supervise(run).wait(20)
    assert read_state(run).status == "finished"
    assert steps(run) == list(range(1, 11))


def test_sigterm_is_a_checkpoint_and_a_stop() -> None:
    run = make_run(["slow"])
    process = supervise(run)
    wait_until(lambda: len(steps(run)) >= 1)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    state = read_state(run)
    assert state.status == "stopped"
    assert not is_alive(state.trainer())


def test_a_second_supervisor_is_refused() -> None:
    run = make_run(["slow"])
    first = supervise(run)
    wait_until(lambda: recorded_state(run).status == "running")
    second = subprocess.run(
        [sys.executable, str(SUPERVISOR), str(run.path)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert "already has a supervisor" in second.stderr
    request(run, "stop")
    first.wait(20)


def test_a_killed_supervisor_leaves_the_trainer_which_is_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(["slow"])
    first = supervise(run)
    wait_until(lambda: len(steps(run)) >= 2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    state = read_state(run)
    assert state.status == "running"
    assert is_alive(state.trainer())
    second = supervise(run, "--adopt")
    second.wait(20)
    assert read_state(run).status == "finished"
    assert steps(run) == list(range(1, 11)), "the trainer was never disturbed"


def test_a_run_that_ended_while_nobody_watched_is_settled() -> None:
    run = make_run(["ok"])
    first = supervise(run)
    wait_until(lambda: len(steps(run)) >= 1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_until(lambda: not is_alive(recorded_state(run).trainer()))
    assert recorded_state(run).status == "running"
    assert read_state(run).status == "finished"
    launch.adopt_orphans()
    assert recorded_state(run).status == "finished"


def test_after_a_reboot_a_live_status_is_interrupted() -> None:
    run = make_run(["ok"])
    from ftui.services.runs import write_state

    write_state(run, State("running", 1, os.getpid(), 1, os.getpid(), 1, boot_id="another boot"))
    assert read_state(run).status == "interrupted"


def test_a_trainer_that_ignores_the_request_is_killed_after_the_grace_time() -> None:
    run = make_run(["hang"], stop_grace_seconds=1.0)
    process = supervise(run)
    wait_until(lambda: len(steps(run)) >= 4)
    time.sleep(0.3)
    request(run, "stop")
    process.wait(20)
    assert read_state(run).status == "stopped"


def test_the_launcher_leaves_no_zombie_and_no_child(tmp_path: Path) -> None:
    run = make_run(["slow"])
    subprocess.run(
        [sys.executable, str(SUPERVISOR), str(run.path), "--detach"], check=True, stdin=subprocess.DEVNULL, timeout=20
    )
    wait_until(lambda: recorded_state(run).status == "running")
    supervisor = recorded_state(run).supervisor()
    assert supervisor is not None
    status = Path(f"/proc/{supervisor.pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert int(status[1]) != os.getpid(), "it is nobody's child here"
    assert int(status[3]) == supervisor.pid or int(status[3]) != os.getsid(0), "it has a session of its own"
    request(run, "stop")
    wait_until(lambda: read_state(run).status == "stopped")
