"""Room: estimated before the start, looked for while waiting, and a little kept for saying that there is none."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from supervisor_kit import make_run, said

from ftui.core.events import Alert
from ftui.core.plan import from_mapping
from ftui.errors import FtuiError
from ftui.services import space
from ftui.services.runs import State, recorded_state
from ftui.services.supervisor_voice import Voice

PREDICTION = {"components": {"weights": 8 << 30, "adapters": 100 << 20, "optimizer": 200 << 20, "logits": 1 << 30}}


def plan_of(technique: str, keep: int = 2) -> Any:
    return from_mapping(
        {
            "model": {"id": "m"}, "data": {"train": "d"}, "method": {"technique": technique},
            "train": {"keep_checkpoints": keep}, "recovery": {"disk_reserve_mib": 0},
        }
    )  # fmt: skip


def test_a_checkpoint_holds_what_is_trained_and_the_optimizers_state() -> None:
    assert space.predicted_checkpoint_bytes(PREDICTION, plan_of("lora")) == 300 << 20
    assert space.predicted_checkpoint_bytes(PREDICTION, plan_of("full")) == (8 << 30) + (200 << 20)
    assert space.predicted_checkpoint_bytes({"unknown": "?"}, plan_of("full")) == 0


def test_a_disk_that_cannot_hold_the_checkpoints_is_refused_before_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def free_bytes(path: Path) -> int:
        asked.append(path)
        return 1499 << 20  # one MiB less than two to keep, the best, one in the making and the result

    monkeypatch.setattr(space, "free_bytes", free_bytes)
    with pytest.raises(FtuiError, match="too small") as caught:
        space.refuse_small_disk(tmp_path / "not" / "yet" / "runs", plan_of("lora"), PREDICTION)
    assert asked == [tmp_path], "the volume of the runs, whose folder is not there yet"
    assert "keep_checkpoints" in caught.value.hint and str(tmp_path) in caught.value.message
    space.refuse_small_disk(tmp_path, plan_of("lora", keep=1), PREDICTION)


def test_the_largest_checkpoint_there_is_counts_more_than_the_prediction() -> None:
    run = make_run(["ok"])
    (run.path / "fit.json").write_text(json.dumps(PREDICTION))
    assert space.checkpoint_bytes(run.path, run.plan()) == 300 << 20
    for step, size in ((5, 1000), (10, 3000)):
        (run.path / "checkpoints" / f"step-{step}").mkdir()
        (run.path / "checkpoints" / f"step-{step}" / "optimizer.pt").write_bytes(b"x" * size)
    assert space.checkpoint_bytes(run.path, run.plan()) == 3000


def test_room_is_what_can_really_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space.has_room(tmp_path, 1000)
    assert not space.has_room(tmp_path, 1 << 60)
    assert list(tmp_path.iterdir()) == []

    def over_quota(handle: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", over_quota)
    assert not space.has_room(tmp_path, 1000)
    assert list(tmp_path.iterdir()) == []


def test_the_reserve_is_held_once_and_given_back_once(tmp_path: Path) -> None:
    space.hold_reserve(tmp_path)
    space.hold_reserve(tmp_path)
    assert (tmp_path / ".reserve").stat().st_size == space.RESERVE_BYTES
    assert space.release_reserve(tmp_path) and not space.release_reserve(tmp_path)


class FullDisk:
    """os.write on a disk where only the reserve's bytes are left, once it is given back."""

    def __init__(self, reserve: Path) -> None:
        self.reserve, self.is_full, self.real = reserve, True, os.write

    def write(self, handle: int, block: bytes) -> int:
        if self.is_full and self.reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.real(handle, block)


def test_a_supervisor_on_a_full_disk_says_so_with_the_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(["ok"])
    space.hold_reserve(run.path)
    voice = Voice(run, State("running"))
    disk = FullDisk(run.path / ".reserve")
    monkeypatch.setattr(os, "write", disk.write)
    voice.emit(Alert("warning", "disk", "full"))
    assert [alert.message for alert in said(run, Alert)] == ["full"]
    assert not disk.reserve.exists()


def test_what_cannot_be_said_now_is_said_later_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(["ok"])
    voice = Voice(run, State("running"))
    with monkeypatch.context() as full:

        def refuse(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(os, "write", refuse)
        full.setattr(os, "fsync", refuse)
        for word in ("one", "two"):
            voice.emit(Alert("info", "x", word))
        voice.set(status="paused", reason="the disk is full")
        assert recorded_state(run).status == "queued"
    voice.retry()
    voice.retry()
    assert [alert.message for alert in said(run, Alert)] == ["one", "two"]
    assert (recorded_state(run).status, recorded_state(run).reason) == ("paused", "the disk is full")


def test_half_a_line_of_a_killed_supervisor_swallows_no_event() -> None:
    run = make_run(["ok"])
    run.supervisor_events.write_bytes(b'{"schema_version":1,"ki')
    Voice(run, State("running")).emit(Alert("info", "x", "whole"))
    assert [alert.message for alert in said(run, Alert)] == ["whole"]
