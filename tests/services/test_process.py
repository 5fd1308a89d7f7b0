"""Processes by identity: a pid that was given to somebody else is nobody we know."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from supervisor_kit import make_run, wait_until

from ftui.services import adoption
from ftui.services.attempt import kill_leftovers
from ftui.services.process import ProcessId, boot_id, identify, is_alive, send, send_group
from ftui.services.runs import State, read_state, recorded_state, write_state


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody's process, the leader of a group."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def known(process: subprocess.Popen[bytes]) -> ProcessId:
    found = identify(process.pid)
    assert found is not None
    return found


def test_the_same_pid_at_another_time_is_another_process(sleeper: subprocess.Popen[bytes]) -> None:
    us = known(sleeper)
    assert is_alive(us) and us.boot_id == boot_id()
    for other in (replace(us, start_ticks=us.start_ticks - 1), replace(us, boot_id="another boot")):
        assert not is_alive(other)
        assert not send(other, signal.SIGKILL) and not send_group(other, signal.SIGKILL)
        kill_leftovers(other)
    assert sleeper.poll() is None


def test_a_run_whose_pid_was_given_away_is_interrupted_and_its_new_owner_left_alone(
    sleeper: subprocess.Popen[bytes],
) -> None:
    us = known(sleeper)
    run = make_run(["ok"])
    write_state(run, State("running", 1, us.pid, us.start_ticks - 1, us.pid, us.start_ticks - 1, us.boot_id))
    assert read_state(run).status == "interrupted"
    assert adoption.adopt_orphans() == []
    assert recorded_state(run).status == "interrupted"
    assert sleeper.poll() is None


def test_after_a_reboot_it_says_so(sleeper: subprocess.Popen[bytes]) -> None:
    us = known(sleeper)
    run = make_run(["ok"])
    write_state(run, State("running", 1, us.pid, us.start_ticks, us.pid, us.start_ticks, "the boot before"))
    state = read_state(run)
    assert state.status == "interrupted" and "restarted" in state.reason and "go on" in state.reason


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen(["true"])
    wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    assert identify(process.pid) is None
    process.wait()


def test_a_name_with_spaces_and_parentheses_is_read(tmp_path: Path) -> None:
    program = tmp_path / "a) b (c"
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(program), "60"])
    try:
        wait_until(lambda: "a) b (c" in Path(f"/proc/{process.pid}/stat").read_text())
        assert is_alive(known(process))
    finally:
        process.kill()
        process.wait()


def test_what_a_dead_trainer_leaves_in_its_group_is_ended() -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True)"
    leader = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    us = known(leader)
    assert leader.stdout is not None
    worker = int(leader.stdout.readline())
    leader.wait()
    assert identify(worker) is not None
    kill_leftovers(us)
    wait_until(lambda: identify(worker) is None)


def test_a_supervisor_never_ends_its_own_group() -> None:
    kill_leftovers(ProcessId(os.getpgid(0), 1, boot_id()))
