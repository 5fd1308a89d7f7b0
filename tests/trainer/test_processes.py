"""Several processes share one training (gloo on the CPU): the same losses, one voice, one reason when a rank dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Done, Failed, Phase, Step
from ftui.core.launcher import launch_arguments
from ftui.trainer.checkpoints import check
from ftui.trainer.job import read_plan

TWO = {"train.gpus": 2, "train.sharding": "ddp"}


def launch(run: Path) -> subprocess.Popen[bytes]:
    log = (run / "logs" / "trainer.log").open("ab")
    command = [sys.executable, "-P", *launch_arguments(read_plan(run)), "-m", "ftui.trainer", str(run)]
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=run, start_new_session=True)


def finish(run: Path, process: subprocess.Popen[bytes], seconds: float = 180) -> int:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError((run / "logs" / "trainer.log").read_text()[-4000:]) from None


def test_two_processes_are_one_with_twice_the_accumulation(make_run: MakeRun) -> None:
    settings = {"train.max_steps": 6, "train.micro_batch": 2, "eval.enabled": True, "eval.max_new_tokens": 4}
    one = make_run(chat_rows(60, 1), chat_rows(8, 2), name="one", **settings, **{"train.accumulation": 4})
    two = make_run(chat_rows(60, 1), chat_rows(8, 2), name="two", **settings, **{"train.accumulation": 2}, **TWO)
    process = launch(two)
    assert train(one) == 0
    assert finish(two, process) == 0, (two / "logs" / "trainer.log").read_text()[-3000:]
    alone, together = ([e.metrics for e in events_of(run, Step)] for run in (one, two))
    assert len(together) == 6
    assert [m["loss"] for m in together] == pytest.approx([m["loss"] for m in alone], rel=1e-4)
    assert [e.tokens for e in events_of(two, Step)] == [e.tokens for e in events_of(one, Step)]
    assert (two / "eval" / "verdict.json").is_file()
    # One voice, and the rows became tokens once.
    assert sum(isinstance(e, Done) for e in events_of(two)) == 1
    assert len([e for e in events_of(two, Phase) if e.name == "importing"]) == 1


@pytest.mark.slow
def test_a_stop_reaches_all_processes_after_the_same_step(make_run: MakeRun) -> None:
    run = make_run(chat_rows(60, 1), **TWO, **{"train.max_steps": 4000, "train.save_every_steps": 4000})
    process = launch(run)
    deadline = time.monotonic() + 90
    file = run / "events" / "trainer.jsonl"
    while not (file.exists() and len(events_of(run, Step)) >= 3):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    process.terminate()
    finish(run, process, 60)
    done = events_of(run)[-1]
    assert isinstance(done, Done) and done.status == "stopped"
    assert check(run / "checkpoints" / f"step-{done.step}").step == done.step


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_its_reason(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(chat_rows(60, 1), **TWO, **{"train.max_steps": 4000})
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if os.environ.get('RANK') == '1':\n"
        "    import threading, time\n"
        "    def spoil():\n"
        "        while 'ftui.trainer.guards' not in sys.modules: time.sleep(0.05)\n"
        "        from ftui.trainer import guards\n"
        "        inner = guards.refuse_bad_loss\n"
        "        def bad(loss, step, rows):\n"
        "            inner(loss * float('nan') if step == 5 else loss, step, rows)\n"
        "        guards.refuse_bad_loss = bad\n"
        "    threading.Thread(target=spoil, daemon=True).start()\n"
    )
    os.environ["PYTHONPATH"] = str(site)
    try:
        process = launch(run)
    finally:
        del os.environ["PYTHONPATH"]
    assert finish(run, process, 150) != 0
    failed = events_of(run, Failed)
    assert len(failed) == 1 and failed[0].reason == "nan" and "process 1" in failed[0].message
    assert isinstance(events_of(run)[-1], Failed)


@pytest.mark.slow
def test_two_nodes_meet_by_rendezvous_and_train_as_one(make_run: MakeRun) -> None:
    """What a multi-node job file starts on each node: torchrun's agents, here two on one machine."""
    import socket

    settings = {"train.max_steps": 4, "train.micro_batch": 2}
    one = make_run(chat_rows(60, 1), name="one", **settings, **{"train.accumulation": 4})
    two = make_run(chat_rows(60, 1), name="two", **settings, **{"train.accumulation": 2}, **TWO)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-P", "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--max-restarts=0",
        "--rdzv-id=7", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "-m", "ftui.trainer", str(two),
    ]  # fmt: skip
    with (two / "logs" / "trainer.log").open("ab") as log:
        agents = [subprocess.Popen(command, stdout=log, stderr=log, cwd=two, start_new_session=True) for _ in range(2)]
    assert train(one) == 0
    assert [finish(two, agent) for agent in agents] == [0, 0], (two / "logs" / "trainer.log").read_text()[-3000:]
    alone, together = ([event.metrics["loss"] for event in events_of(run, Step)] for run in (one, two))
    assert together == pytest.approx(alone, rel=1e-4)
    assert sum(isinstance(event, Done) for event in events_of(two)) == 1
