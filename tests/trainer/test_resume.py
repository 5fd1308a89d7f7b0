"""Stopping and going on: a resumed run is the run that was never stopped, and broken checkpoints are passed over."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Alert, Checkpoint, Done, Step
from ftui.core.metrics import settled
from ftui.trainer.checkpoints import check, listed, newest_whole


def losses(run: Path) -> dict[int, float | None]:
    """Loss by step, the last word on each."""
    return {e.step: e.metrics["loss"] for e in settled(events_of(run)) if isinstance(e, Step)}


def weights(run: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    file = next(path for path in (run / "model").glob("*.safetensors"))
    return {name: tensor.tolist() for name, tensor in load_file(str(file)).items()}


@pytest.mark.parametrize(("technique", "packing"), [("full", False), ("lora", True), ("qlora", False)])
def test_a_resumed_run_is_the_uninterrupted_one(make_run: MakeRun, technique: str, packing: bool) -> None:
    settings = {
        "data.packing": packing,
        "method.technique": technique,
        "method.lora_dropout": 0.0 if technique == "full" else 0.1,
        "train.max_steps": 12,
        "train.save_every_steps": 5,
        "train.eval_every_steps": 4,
        "train.keep_checkpoints": 9,
    }
    whole = make_run(chat_rows(60, 1), chat_rows(8, 2), name="whole", **settings)
    assert train(whole) == 0
    cut = make_run(chat_rows(60, 1), chat_rows(8, 2), name="cut", **settings)
    assert train(cut) == 0
    # As if it had been killed after step 8: the newest checkpoint is that of step 8 (an evaluation that was the best).
    for path in listed(cut / "checkpoints"):
        if int(path.name[5:]) > 5:
            shutil.rmtree(path)
    assert train(cut) == 0
    assert [e.step for e in events_of(cut, Alert) if e.code == "resumed"] == [5]
    assert losses(cut) == losses(whole)
    assert weights(cut) == weights(whole)
    assert sorted(losses(cut)) == list(range(1, 13))


def test_steps_are_neither_doubled_nor_lost(make_run: MakeRun) -> None:
    run = make_run(chat_rows(40, 1), **{"train.max_steps": 8, "train.save_every_steps": 3, "train.keep_checkpoints": 9})
    assert train(run) == 0
    for step in (6, 8):
        shutil.rmtree(run / "checkpoints" / f"step-{step}")
    assert train(run) == 0
    told = [e.step for e in events_of(run, Step)]
    assert told == [1, 2, 3, 4, 5, 6, 7, 8, 4, 5, 6, 7, 8]
    assert [e.step for e in settled(events_of(run)) if isinstance(e, Step)] == [1, 2, 3, 4, 5, 6, 7, 8]
    tokens = [e.tokens for e in settled(events_of(run)) if isinstance(e, Step)]
    assert tokens == sorted(tokens) and len(set(tokens)) == 8


def test_a_damaged_checkpoint_is_passed_over_with_a_sentence(make_run: MakeRun) -> None:
    run = make_run(chat_rows(40, 1), **{"train.max_steps": 8, "train.save_every_steps": 3, "train.keep_checkpoints": 9})
    assert train(run) == 0
    newest, middle = run / "checkpoints" / "step-8", run / "checkpoints" / "step-6"
    damaged = newest / "optimizer.pt"
    block = bytearray(damaged.read_bytes())
    block[len(block) // 2] ^= 1
    damaged.write_bytes(block)
    (middle / "adapter_model.safetensors").unlink()
    assert train(run) == 0
    alerts = events_of(run, Alert)
    assert [e.step for e in alerts if e.code == "resumed"] == [3]
    sentences = [e.message for e in alerts if e.code == "checkpoint_damaged"]
    assert len(sentences) == 2 and "optimizer.pt" in sentences[0] and "missing" in sentences[1]


def test_checkpoints_are_kept_by_number_and_merit(make_run: MakeRun) -> None:
    run = make_run(
        chat_rows(60, 1),
        chat_rows(8, 2),
        **{
            "train.max_steps": 20,
            "train.eval_every_steps": 2,
            "train.keep_checkpoints": 2,
            "train.learning_rate": 5e-2,
        },
    )
    assert train(run) == 0
    best = [e.step for e in events_of(run, Checkpoint) if e.best][-1]
    kept = sorted(int(path.name[5:]) for path in listed(run / "checkpoints"))
    assert set(kept) == {18, 20, best}
    assert all(check(path).step == int(path.name[5:]) for path in listed(run / "checkpoints"))
    assert not list((run / "checkpoints").rglob("*.bin"))


def test_a_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    (tmp_path / ".saving-step-4").mkdir()
    (tmp_path / "step-3").mkdir()
    (tmp_path / "step-3" / "manifest.json").write_text("{")
    words: list[str] = []
    assert newest_whole(tmp_path, words.append) is None
    assert len(words) == 1 and "step-3" in words[0]
    assert not (tmp_path / ".saving-step-4").exists()


def start(run: Path) -> subprocess.Popen[bytes]:
    log = (run / "logs" / "trainer.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "ftui.trainer", str(run)], stdout=log, stderr=log, start_new_session=True
    )


def wait_for_step(run: Path, step: int, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    file = run / "events" / "trainer.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and any(e.step >= step for e in events_of(run, Step)):
            return
        time.sleep(0.05)
    raise AssertionError((run / "logs" / "trainer.log").read_text())


def test_sigterm_saves_a_checkpoint_and_ends(make_run: MakeRun) -> None:
    settings = {"train.max_steps": 4000, "train.save_every_steps": 4000, "train.eval_every_steps": 4000}
    run = make_run(chat_rows(40, 1), **settings)
    process = start(run)
    first = time.monotonic()
    while not (run / "events" / "trainer.jsonl").exists():
        assert time.monotonic() - first < 5
        time.sleep(0.005)
    wait_for_step(run, 3, process)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) == 75
    done = events_of(run)[-1]
    assert isinstance(done, Done) and done.status == "stopped"
    last = max(e.step for e in events_of(run, Step))
    assert done.step == last
    assert check(run / "checkpoints" / f"step-{last}").step == last
    assert json.loads((run / "effective.json").read_text())["effective"]["train.steps_total"] == 4000


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 0.05), (signal.SIGTERM, 1.0)])
def test_a_signal_while_importing_or_loading_ends_at_once(
    make_run: MakeRun, number: signal.Signals, seconds: float
) -> None:
    run = make_run(chat_rows(40, 1))
    process = start(run)
    while not (run / "events" / "trainer.jsonl").exists():
        time.sleep(0.005)
    time.sleep(seconds)
    os.kill(process.pid, number)
    assert process.wait(60) == 75
    done = events_of(run)[-1]
    assert isinstance(done, Done) and done.status == "stopped" and done.step == 0
    assert "Traceback" not in (run / "logs" / "trainer.log").read_text()


@pytest.mark.slow
def test_asking_many_times_is_asking_once(make_run: MakeRun) -> None:
    run = make_run(chat_rows(40, 1))
    process = start(run)
    while not (run / "events" / "trainer.jsonl").exists():
        time.sleep(0.005)
    time.sleep(0.5)
    while process.poll() is None:
        process.terminate()
        time.sleep(0.02)
    assert process.returncode == 75
    assert len(events_of(run, Done)) == 1


@pytest.mark.slow
def test_a_signal_while_importing_names_the_checkpoint_that_is_there(make_run: MakeRun) -> None:
    run = make_run(chat_rows(40, 1))
    (run / "checkpoints" / "step-30").mkdir()
    process = start(run)
    while not (run / "events" / "trainer.jsonl").exists():
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == 75
    assert events_of(run)[-1].step == 30
