"""Runs whose processes somebody else starts: the folder and its rows are there, and nothing runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftui.cli import main
from ftui.services.runs import Run, read_state, recorded_state

pytest.importorskip("trl")


def test_train_prepare_makes_the_rows_and_starts_nothing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = repository / "sample_data"
    plan = {
        "model": {"id": str(samples / "tiny-model")},
        "data": {
            "train": str(samples / "tickets" / "train.jsonl"),
            "replay": str(samples / "general" / "replay.jsonl"), "replay_fraction": 0.1,
        },
        "run": {"name": "cluster"},
    }  # fmt: skip
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan), encoding="utf-8")
    assert main(["train", str(file), "--prepare", "--json"]) == 0
    run = Run(Path(json.loads(capsys.readouterr().out)["path"]))
    rows = {path.name: len(path.read_text().splitlines()) for path in (run.path / "data").glob("*.jsonl")}
    assert rows["train.jsonl"] + rows["eval.jsonl"] == 420
    # General rows stay in a file of their own, where the trainer mixes them in and counts them.
    assert rows["replay.jsonl"] == round(rows["train.jsonl"] / 9) and rows["probe.jsonl"] == 40
    assert yaml.safe_load(run.plan_file.read_text())["model"]["path"] == str(samples / "tiny-model")
    assert not list((run.path / "events").iterdir()) and recorded_state(run).supervisor_pid is None
    assert (read_state(run).status, read_state(run).reason) == ("prepared", "nothing of it runs yet")


def test_what_its_processes_say_is_its_state(repository: Path, tmp_path: Path) -> None:
    from ftui.core.events import Done, Failed, Phase, to_line
    from ftui.core.plan import from_mapping, with_values
    from ftui.services.adoption import adopt_orphans
    from ftui.services.launch import prepared_run

    samples = repository / "sample_data"
    plan = with_values(
        from_mapping({}),
        {"model.id": str(samples / "tiny-model"), "data.train": str(samples / "text" / "manuals.jsonl")},
    )
    run = prepared_run(with_values(plan, {"method.task": "text"}))
    # Long after it was made, somebody lists the runs: it is not settled as lost.
    os.utime(run.state_file, (1, 1))
    state = json.loads(run.state_file.read_text())
    adopt_orphans()
    assert json.loads(run.state_file.read_text()) == state and read_state(run).status == "prepared"
    run.trainer_events.write_text(to_line(Phase("training")))
    assert read_state(run).status == "running" and "by others" in read_state(run).reason
    os.utime(run.trainer_events, (1, 1))
    assert read_state(run).status == "interrupted" and "last checkpoint" in read_state(run).reason
    for event, status in (
        (Done(3, "finished", 9.0), "finished"), (Done(3, "stopped", 9.0), "stopped"), (Failed("No", "room"), "failed"),
    ):  # fmt: skip
        run.trainer_events.write_text(to_line(event))
        assert read_state(run).status == status
    adopt_orphans()
    assert json.loads(run.state_file.read_text()) == state


def test_missing_gpus_and_packages_are_named_before_anything_is_made(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util
    from types import SimpleNamespace

    from ftui.core.plan import from_mapping, with_values
    from ftui.errors import FtuiError
    from ftui.services import hardware
    from ftui.services.launch import refuse_missing_devices

    def plan(gpus: int, sharding: str) -> Any:
        return with_values(from_mapping({}), {"train.gpus": gpus, "train.sharding": sharding})

    monkeypatch.setattr(hardware, "snapshot", lambda: SimpleNamespace(gpus=[object(), object()]))
    refuse_missing_devices(plan(2, "ddp"))
    with pytest.raises(FtuiError, match="this machine has 2"):
        refuse_missing_devices(plan(4, "fsdp"))
    if importlib.util.find_spec("deepspeed") is None:
        with pytest.raises(FtuiError, match="DeepSpeed is not installed"):
            refuse_missing_devices(plan(2, "zero3"))
    monkeypatch.setattr(hardware, "snapshot", lambda: SimpleNamespace(gpus=[]))
    refuse_missing_devices(plan(4, "ddp"))


def test_a_prepared_run_is_waited_for_by_nobody(repository: Path) -> None:
    from dataclasses import replace

    from ftui.core.events import Phase, to_line
    from ftui.core.plan import from_mapping, with_values
    from ftui.services.launch import prepared_run
    from ftui.services.queueing import queue_place
    from ftui.services.run_folders import create_run
    from ftui.services.runs import write_state

    samples = repository / "sample_data"
    rows = {"model.id": str(samples / "tiny-model"), "data.train": str(samples / "tickets" / "train.jsonl")}
    plan = with_values(from_mapping({}), rows)
    prepared, waiting = prepared_run(plan), create_run(with_values(plan, {"run.name": "z-later"}))
    assert queue_place(waiting).before == 0
    prepared.trainer_events.write_text(to_line(Phase("training")))
    assert read_state(prepared).live and queue_place(waiting).before == 0
    write_state(prepared, replace(recorded_state(prepared), status="queued"))
    assert queue_place(waiting).before == (1 if prepared.name < waiting.name else 0)
