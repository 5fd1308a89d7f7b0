"""The supervisor with real processes and real signals, and a trainer that fails on purpose."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from supervisor_kit import SUPERVISOR, alerts, attempts, failures, make_run, steps, supervise, wait_until

from ftui.services import adoption, launch
from ftui.services.process import is_alive
from ftui.services.run_requests import request
from ftui.services.runs import State, read_state, recorded_state, write_state


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
    assert "micro-batch 2 x accumulation 16" in alerts(run)[0].message


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


def test_who_pauses_and_then_stops_has_stopped() -> None:
    run = make_run([20], stop_grace_seconds=600.0)
    process = supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    trainer = recorded_state(run).trainer()
    assert trainer is not None
    os.kill(trainer.pid, signal.SIGSTOP)
    for what, status in (("pause", "pausing"), ("stop", "stopping"), ("pause", "stopping")):
        request(run, what)
        wait_until(lambda: not list(run.requests.glob("*.json")))
        wait_until(lambda status=status: recorded_state(run).status == status)  # type: ignore[misc]
    os.kill(trainer.pid, signal.SIGCONT)
    assert process.wait(60) == 0
    assert read_state(run).status == "stopped"


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
    run = make_run([20])
    first = supervise(run)
    wait_until(lambda: recorded_state(run).status == "running")
    second = subprocess.run(
        [sys.executable, str(SUPERVISOR), str(run.path)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert "already has a supervisor" in second.stderr
    request(run, "stop")
    first.wait(20)


def test_a_killed_supervisor_leaves_the_trainer_which_is_adopted() -> None:
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
    adoption.adopt_orphans()
    assert recorded_state(run).status == "finished"


def test_after_a_reboot_a_live_status_is_interrupted() -> None:
    run = make_run(["ok"])
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


def test_the_last_word_of_an_earlier_attempt_is_not_the_next_ones() -> None:
    run = make_run(["oom", "mute", "ok"])
    supervise(run).wait(30)
    assert read_state(run).status == "finished"
    assert [a.reason for a in attempts(run)] == ["start", "oom", "crash"]
    assert attempts(run)[2].changes == {}, "a trainer that was killed without a word was not out of memory"


def test_crashes_are_counted_over_the_life_of_supervisors() -> None:
    run = make_run(["crash", 20, "mute"], max_restarts=2)
    first = supervise(run)
    wait_until(lambda: recorded_state(run).attempt == 2 and len(steps(run)) > 8)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    trainer = recorded_state(run).trainer()
    assert trainer is not None
    second = supervise(run, "--adopt")
    wait_until(lambda: len(attempts(run)) == 3)
    os.kill(trainer.pid, signal.SIGKILL)
    assert second.wait(30) == 1
    assert read_state(run).attempt == 3
    assert [a.reason for a in attempts(run)] == ["start", "crash", "adopt", "crash"]
    assert "SIGKILL" in failures(run)[-1].message


def test_what_was_asked_of_a_killed_supervisor_is_not_forgotten() -> None:
    run = make_run(["hang"], stop_grace_seconds=2.0)
    first = supervise(run)
    wait_until(lambda: len(steps(run)) >= 4)
    time.sleep(0.2)
    request(run, "pause")
    wait_until(lambda: recorded_state(run).status == "pausing")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    supervise(run, "--adopt").wait(30)
    assert read_state(run).status == "paused"


def test_a_full_disk_pauses_says_how_much_is_needed_and_goes_on() -> None:
    run = make_run(["disk", "ok"], disk_reserve_mib=77)
    (run.path / "no-room").touch()
    process = supervise(run)
    wait_until(lambda: recorded_state(run).status == "paused")
    state = read_state(run)
    assert state.live and "77 MiB" in state.reason and str(run.path) in state.reason
    from ftui.errors import FtuiError
    from ftui.services.run_folders import remove_run

    with pytest.raises(FtuiError, match="alive"):
        remove_run(run)
    with pytest.raises(FtuiError, match="waits for room"):
        launch.resume_run(run)
    (run.path / "no-room").unlink()
    assert process.wait(30) == 0
    assert read_state(run).status == "finished"
    assert steps(run) == list(range(1, 11))
    assert [a.reason for a in attempts(run)] == ["start", "disk"]
    assert "77 MiB" in alerts(run)[0].message
    assert not (run.path / ".reserve").exists()


@pytest.mark.parametrize("how", ["request", "signal"])
def test_a_run_that_waits_for_room_can_be_stopped(how: str) -> None:
    run = make_run(["wordless-disk", "ok"])
    (run.path / "no-room").touch()
    process = supervise(run)
    wait_until(lambda: recorded_state(run).waiting == "disk")
    if how == "request":
        request(run, "stop")
    else:
        process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert read_state(run).status == "stopped"


def test_a_run_that_waits_for_room_and_loses_its_supervisor_is_interrupted() -> None:
    run = make_run(["disk", "ok"])
    (run.path / "no-room").touch()
    process = supervise(run)
    wait_until(lambda: recorded_state(run).waiting == "disk")
    process.kill()
    process.wait()
    assert read_state(run).status == "interrupted"
    (run.path / "no-room").unlink()
    supervise(run).wait(30)
    assert read_state(run).status == "finished"


def test_a_disk_with_room_is_not_waited_for_again_and_again() -> None:
    run = make_run(["disk"], max_restarts=1)
    assert supervise(run).wait(30) == 1
    assert [a.reason for a in attempts(run)] == ["start", "crash"]
    assert "disk" in read_state(run).reason


def test_a_lost_gpu_stops_with_what_was_said() -> None:
    run = make_run(["gpu_lost"])
    assert supervise(run).wait(30) == 1
    state = read_state(run)
    assert state.status == "failed" and state.attempt == 1 and "gpu_lost" in state.reason


def test_sigterm_before_the_trainer_starts_is_not_lost() -> None:
    run = make_run(["slow"])
    (run.path / "data" / "manifest.json").unlink()
    (run.path / "data" / ".preparing").touch()
    import fcntl

    with (run.path / "data" / ".preparing").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as if an orphaned preparation were still at work
        process = supervise(run)
        wait_until(lambda: recorded_state(run).status == "starting")
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert read_state(run).status == "stopped"
    assert attempts(run) == []


def test_a_trainer_never_begins_where_nobody_will_know_of_it(tmp_path: Path) -> None:
    from ftui.services.attempt import open_gate, refuse_gate, spawn_gated

    run = make_run(["ok"])
    sign = tmp_path / "began"
    refused = spawn_gated(run, ["touch", str(sign)], "attempt 1")
    refuse_gate(refused)
    assert refused.returncode != 0 and not sign.exists()
    let_in = spawn_gated(run, ["touch", str(sign)], "attempt 1")
    open_gate(let_in)
    assert let_in.wait(10) == 0 and sign.exists()
