"""Rows become tokens once, in as many processes as there are cores, and the same ones however many those are."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from test_preference import judged, pairs
from trainer_kit import MakeRun, chat_rows

from ftui.core.events import Alert
from ftui.trainer import rows as rows_module
from ftui.trainer.failure import TrainerError
from ftui.trainer.parallel import in_order


class Heard:
    """Takes the place of the emitter."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self.phases: list[str] = []

    def emit(self, event: Any) -> None:
        if isinstance(event, Alert):
            self.alerts.append(event)

    def phase(self, name: str, detail: str = "", fraction: float | None = None) -> None:
        self.phases.append(detail)


def tokens(run: Path, processes: int, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Heard]:
    """All columns of the run's training rows, made in so many processes."""
    from ftui.trainer.dialect import load_tokenizer
    from ftui.trainer.job import Job, read_plan
    from ftui.trainer.stopping import StopRequest

    monkeypatch.setattr(rows_module, "cores", lambda: processes)
    monkeypatch.setattr(rows_module, "ROWS_PER_PROCESS", 1)
    monkeypatch.setattr(rows_module, "BLOCK_ROWS", 7)
    for old in (run / "data").glob("tokens-*"):
        old.unlink()
    plan, heard = read_plan(run), Heard()
    job = Job(run, run, plan, heard, StopRequest(), base=str(plan.model.path))  # type: ignore[arg-type]
    made = rows_module.tokenised(job, load_tokenizer(job.base, plan), "train")
    assert made is not None
    return dict(made[:]), heard


@pytest.mark.parametrize("task", ["sft", "dpo", "kto", "reward", "grpo"])
def test_two_processes_make_what_one_makes(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, task: str) -> None:
    data = {"sft": chat_rows, "grpo": chat_rows, "kto": judged}.get(task, pairs)(60, 1)
    broken = chat_rows(1, 2)[0]
    if task == "sft":
        broken["messages"] = broken["messages"][:1]  # a question without an answer
        data[30:30] = [broken]
    run = make_run(data, **{"method.task": task, "data.max_length_tokens": 64})
    one, heard_one = tokens(run, 1, monkeypatch)
    two, heard_two = tokens(run, 2, monkeypatch)
    assert one == two and heard_one.alerts == heard_two.alerts
    assert one["row"] == [number for number in range(len(data)) if task != "sft" or number != 30]
    assert (task == "sft") == any("row 30 have nothing to learn" in alert.message for alert in heard_two.alerts)


def test_a_broken_line_is_named_from_another_process(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(chat_rows(40, 1))
    with (run / "data" / "train.jsonl").open("a") as file:
        file.write("\n\n[1, 2]\n")
    with pytest.raises(TrainerError, match="line 43") as error:
        tokens(run, 2, monkeypatch)
    assert error.value.reason == "data"
    assert not list((run / "data").glob("tokens-train-*.json"))


def test_a_killed_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(piece: int) -> int:
        if piece == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return piece * piece

    assert list(in_order(lambda piece: piece * piece, range(5), 2)) == [0, 1, 4, 9, 16]
    with pytest.raises(TrainerError, match="killed") as error:
        list(in_order(work, range(40), 2))
    assert error.value.reason == "oom"
