"""Several commands ask for the same thing at the same moment: real processes, one supervisor, one outcome."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from supervisor_kit import attempts, make_run, steps, supervise, wait_until

from ftui.errors import FtuiError
from ftui.services import adoption, run_folders
from ftui.services.adoption import adopt_orphans
from ftui.services.launch import resume_run
from ftui.services.process import identify, is_alive, processes_with, short_id
from ftui.services.run_folders import remove_run
from ftui.services.run_requests import request
from ftui.services.runs import Run, State, read_state, recorded_state, write_state

SCRIPTED = Path(__file__).parent / "scripted" / "supervisor.py"


@pytest.fixture(autouse=True)
def scripted_trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervisors that ftui starts by itself start the scripted trainer too."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import runpy, sys\n"
        "if 'ftui.services.supervisor' in sys.orig_argv:\n"
        f"    runpy.run_path({str(SCRIPTED)!r}, run_name='scripted')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))


def at_once(count: int, *words: str) -> list[tuple[int, str]]:
    """The same ftui command so many times at once: exit codes, and what was said."""
    command = [sys.executable, "-m", "ftui", *words]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(count)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    return [(process.returncode, words) for process, words in zip(started, said, strict=True)]


def supervisors(run: Run) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(run.path) in words and "ftui.services.supervisor" in words:
            found.append(process.pid)
    return found


def kill_supervisor(run: Run) -> None:
    supervisor = recorded_state(run).supervisor()
    assert supervisor is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(supervisor))


def end(run: Run) -> None:
    request(run, "stop")
    wait_until(lambda: not read_state(run).live and not supervisors(run))


def test_several_adopters_at_once_give_one_supervisor() -> None:
    run = make_run([20])
    supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    kill_supervisor(run)
    assert [code for code, _ in at_once(4, "runs", "adopt")] == [0] * 4
    wait_until(lambda: len(supervisors(run)) == 1)
    assert supervisors(run) == [recorded_state(run).supervisor_pid]
    end(run)
    assert read_state(run).status == "stopped"
    assert [attempt.reason for attempt in attempts(run)] == ["start", "adopt"]
    assert steps(run) == list(range(1, len(steps(run)) + 1))


def test_resumed_twice_at_once_it_goes_on_once() -> None:
    run = make_run([20])
    first = supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    request(run, "stop")
    first.wait(60)
    done = len(steps(run))
    for code, words in at_once(3, "runs", "resume", run.name, "--force"):
        assert code == 0 or "The run is alive" in words, words
    wait_until(lambda: len(steps(run)) > done + 2)
    end(run)
    assert [attempt.reason for attempt in attempts(run)] == ["start", "resume"]
    assert steps(run) == list(range(1, len(steps(run)) + 1))


def test_a_queued_run_whose_supervisor_died_gets_one_from_several_viewers() -> None:
    busy, waiting = make_run([20], name="a"), make_run(["ok"], name="b")
    supervise(busy)
    wait_until(lambda: len(steps(busy)) > 0)
    supervise(waiting, "--queue")
    wait_until(lambda: recorded_state(waiting).supervisor_pid is not None)
    kill_supervisor(waiting)
    assert [code for code, _ in at_once(4, "runs", "list")] == [0] * 4
    wait_until(lambda: len(supervisors(waiting)) == 1)
    assert read_state(waiting).status == "queued"
    end(busy)
    wait_until(lambda: read_state(waiting).status == "finished")
    assert steps(waiting) == list(range(1, 11))
    assert len(attempts(waiting)) == 1


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_viewer_that_is_open_adopts_what_it_watches(is_plain: bool) -> None:
    run = make_run([20])
    supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    terminal, inside = pty.openpty()
    viewer = subprocess.Popen(
        [sys.executable, "-m", "ftui", "watch", str(run.path), *(["--plain"] if is_plain else [])],
        stdin=inside, stdout=inside, stderr=inside, start_new_session=True, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(inside)
    os.set_blocking(terminal, False)
    shown = b""

    def shows(what: bytes) -> bool:
        nonlocal shown
        with contextlib.suppress(OSError):
            shown += os.read(terminal, 1 << 20)
        return what in shown

    wait_until(lambda: shows(b"step"))
    for adopted in (1, 2):
        kill_supervisor(run)
        wait_until(lambda adopted=adopted: shows(b"") and len(attempts(run)) == 1 + adopted)  # type: ignore[misc]
    request(run, "stop")
    wait_until(lambda: shows(b"") and not read_state(run).live)
    assert read_state(run).status == "stopped"
    assert [attempt.reason for attempt in attempts(run)] == ["start", "adopt", "adopt"]
    viewer.kill()
    viewer.wait()
    os.close(terminal)


def test_ctrl_c_in_the_foreground_stops_with_a_checkpoint_and_says_nothing_twice() -> None:
    run = make_run(["mute", 20], max_restarts=0)
    supervise(run).wait(60)
    command = [sys.executable, "-u", "-m", "ftui", "train", "--resume", run.name, "--foreground", "--force"]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert watcher.stdout is not None
    lines = []
    for line in watcher.stdout:
        lines.append(line)
        if line.startswith("step 5/"):
            watcher.send_signal(signal.SIGINT)
    assert watcher.wait(60) == 130
    shown = [int(line.split()[1].split("/")[0]) for line in lines if line.startswith("step ")]
    assert shown == steps(run) == list(range(1, len(shown) + 1))
    assert lines[-1].startswith(f"{run.name}: stopped")


def test_a_run_that_is_removed_while_it_is_watched_is_a_sentence() -> None:
    run = make_run(["slow"])
    supervise(run).wait(60)
    me = identify(os.getpid())
    assert me is not None
    live = State("running", 1, supervisor_pid=me.pid, supervisor_start_ticks=me.start_ticks, boot_id=me.boot_id)
    write_state(run, live)
    command = [sys.executable, "-u", "-m", "ftui", "watch", run.name, "--plain"]
    viewer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert viewer.stdout is not None
    while not viewer.stdout.readline().startswith("trainer done"):
        pass
    shutil.rmtree(run.path)
    _, errors = viewer.communicate(timeout=60)
    assert viewer.returncode == 2
    assert "was removed while it was watched" in errors


def test_a_supervisor_that_comes_second_leaves_the_run_as_it_is() -> None:
    run = make_run(["ok"])
    seen = short_id(recorded_state(run).supervisor())
    assert supervise(run, "--after", seen).wait(60) == 0
    for flags in ([], ["--adopt"], ["--queue"]):
        assert supervise(run, *flags, "--after", seen).wait(60) == 2
    assert len(attempts(run)) == 1
    assert read_state(run).status == "finished"


@pytest.mark.parametrize("is_settled", [False, True])
def test_an_adopter_that_finds_the_trainer_at_its_end_starts_nothing(is_settled: bool) -> None:
    run = make_run([20], stop_grace_seconds=60.0)
    supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    trainer = recorded_state(run).trainer()
    assert trainer is not None
    os.kill(trainer.pid, signal.SIGSTOP)  # it ends only when it is told so below
    request(run, "stop")
    wait_until(lambda: recorded_state(run).status == "stopping")
    kill_supervisor(run)
    os.kill(trainer.pid, signal.SIGTERM)  # the supervisor may have been killed before it sent this
    os.kill(trainer.pid, signal.SIGCONT)
    wait_until(lambda: not is_alive(trainer))
    if is_settled:
        adopt_orphans()
    assert supervise(run, "--adopt").wait(60) == 0
    assert recorded_state(run).status == "stopped"
    assert len(attempts(run)) == 1


def test_a_request_that_nobody_took_does_not_end_the_run_when_it_is_resumed() -> None:
    run = make_run([20, "ok"])
    first = supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    request(run, "stop")
    first.wait(60)
    request(run, "stop")  # came a moment after the supervisor's last look
    supervise(run).wait(60)
    assert read_state(run).status == "finished"


def test_a_trainer_that_nobody_knows_of_gets_no_second_one_beside_it() -> None:
    run = make_run(["ok"])
    run.state_file.write_text("{")
    words = ["-c", "import time; time.sleep(600)", "ftui.trainer", str(run.path)]
    trainer = subprocess.Popen([sys.executable, *words])
    wait_until(lambda: bool(processes_with(*words)))
    with pytest.raises(FtuiError, match=f"process {trainer.pid} trains"):
        resume_run(run, force=True)
    trainer.kill()
    trainer.wait()
    resume_run(run, force=True)
    wait_until(lambda: read_state(run).status == "finished")


def test_a_run_that_is_being_resumed_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(["ok"])
    supervise(run).wait(60)
    monkeypatch.setattr(run_folders, "LOCK_PATIENCE_SECONDS", 0.2)
    with FileLock(run.path / "lock"), pytest.raises(FtuiError, match="a supervisor at work"):
        remove_run(run)
    monkeypatch.undo()
    assert (run.path / "plan.yaml").is_file()
    leaving = FileLock(run.path / "lock", thread_local=False)  # a supervisor that has said its last word
    leaving.acquire()
    threading.Timer(1.0, leaving.release).start()
    remove_run(run)
    assert not run.path.exists()
    assert supervise(run).wait(60) == 2
    assert not run.path.exists()


def test_a_run_that_loses_every_supervisor_is_cared_for_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run([20])
    supervisor = supervise(run)
    wait_until(lambda: len(steps(run)) > 2)
    tried: list[float] = []
    clock = 0.0
    monkeypatch.setattr(adoption, "adopt", lambda run: tried.append(clock))
    monkeypatch.setattr(adoption.time, "monotonic", lambda: clock)
    care = adoption.Care(run)
    assert not care.is_due(), "its supervisor lives"
    supervisor.kill()
    supervisor.wait()
    while clock < 1000:
        if care.is_due():
            care.adopt()
        clock += 1
    assert tried == [0, 2, 6, 14, 30, 62, 126, 254, 510, 810]
    monkeypatch.undo()
    os.kill(recorded_state(run).pid or 0, signal.SIGKILL)
