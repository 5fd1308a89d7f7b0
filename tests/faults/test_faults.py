"""A small set of what tests/benchmarks/faults.py tries in numbers: `pytest -m faults`, under five minutes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import fault_watch
import pytest
from fault_clock import jumps
from fault_disk import NoMount, full_disks, read_only
from fault_files import damaged_checkpoints, damaged_events, huge_events
from fault_kills import kills
from fault_kit import Row, Stage, set_stage
from fault_requests import requests

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("faults")
    yield place


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One home for all of these tests: the undisturbed run is made once."""
    monkeypatch.setenv("FTUI_HOME", str(shared_home / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return shared_home


@pytest.fixture(scope="module")
def stage(shared_home: Path) -> Stage:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FTUI_HOME", str(shared_home / "home"))
        patch.setenv("OMP_NUM_THREADS", "1")
        return set_stage(shared_home)


def check(row: Row, at_least: int) -> None:
    assert row.good, "\n".join([row.line(), *row.problems])
    assert row.tried >= at_least, row.line()


@pytest.mark.parametrize(("kind", "count"), [("trainer", 2), ("supervisor", 3), ("viewer", 4)])
def test_random_kills_change_nothing(stage: Stage, kind: str, count: int) -> None:
    check(kills(kind, count, stage, seed=3, per_run=count, until=time.monotonic() + 200), at_least=count - 1)


def test_asked_to_end_and_resumed_nothing_is_made_twice(stage: Stage) -> None:
    check(requests(2, stage, seed=1, per_run=2, until=time.monotonic() + 200), at_least=1)


def test_a_full_disk_pauses_and_goes_on(stage: Stage, home: Path) -> None:
    try:
        row = full_disks(1, stage, home / "disk", seed=2, per_run=1, until=time.monotonic() + 200)
    except NoMount as error:
        pytest.skip(f"this user may not mount a tmpfs: {error}")
    check(row, at_least=1)


def test_a_run_folder_that_cannot_be_written_for_a_while(stage: Stage) -> None:
    try:
        check(read_only(1, stage, seed=1), at_least=1)
    except NoMount as error:
        pytest.skip(f"this user may not mount a tmpfs: {error}")


def test_a_clock_that_jumps(stage: Stage, home: Path) -> None:
    check(jumps(1, stage, home), at_least=1)


def test_damaged_event_files(stage: Stage) -> None:
    check(damaged_events(1, stage, seed=1, until=time.monotonic() + 200), at_least=2)


def test_a_damaged_checkpoint(stage: Stage) -> None:
    check(damaged_checkpoints(1, stage, seed=1, until=time.monotonic() + 200), at_least=1)


def test_a_large_event_file_is_listed_and_watched_in_little_memory() -> None:
    found = huge_events(0.1)
    assert found.list_seconds < 1 and found.from_step_mib < 100 and found.whole_mib < 100, found


@pytest.mark.parametrize("plain", [True, False])
def test_a_dropped_terminal(plain: bool) -> None:
    assert max(fault_watch.back_after_a_drop(2, plain)) < 20  # 2 s on a quiet machine; the benchmark measures it


def test_several_viewers_at_once() -> None:
    found = fault_watch.crowd(4, plain=False)
    assert found.steps_per_second > 1, found  # of 10 on a machine with nothing else to do
