"""Disks that fill up, stay full for a while, or cannot be written to: on a small tmpfs of our own."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from fault_kit import Row, Stage, begin, judge, wait_for_end
from fault_moments import busy_with, wait_for_a_moment

from ftui.core.events import Alert, Attempt
from ftui.services.runs import Run, read_state, recorded_state
from ftui.services.tail import EventTail

SIZE_MIB = 48


class NoMount(Exception):
    """This user may not mount anything."""


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A tmpfs of SIZE_MIB at `place`. Raises NoMount."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "tmpfs", str(place)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NoMount(done.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, leave_bytes: int = 0) -> None:
    """Write a file until so much is left, to the last byte where that is 0."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with (disk / "filler").open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(1, free - leave_bytes))
    if not leave_bytes:
        with (disk / "filler-rest").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 512)


def empty(disk: Path) -> None:
    """Take the filler away again."""
    for name in ("filler", "filler-rest"):
        (disk / name).unlink(missing_ok=True)


def full_disks(count: int, stage: Stage, place: Path, seed: int, per_run: int, until: float) -> Row:
    """Fill the disk of a run at `count` moments, wait for the pause or a few seconds, and make room again.

    Half of the times nothing at all is left; otherwise too little for a checkpoint.
    """
    noise, row = random.Random(seed), Row("full disk")
    with small_disk(place) as disk:
        while row.tried < count and time.monotonic() < until:
            run = begin(stage.model, stage.rows, f"disk-{row.runs}", folder=disk / "runs")
            for _ in range(min(per_run, count - row.tried)):
                if time.monotonic() > until or not wait_for_a_moment(run, noise, stage.calm_seconds):
                    break
                row.count(f"while {busy_with(run)}")
                fill(disk, leave_bytes=noise.choice([0, 700_000]))
                row.tried += 1
                waited = wait_for_pause(run, stage.calm_seconds)
                if waited:
                    row.count("pauses that said how much is needed", "MiB" in recorded_state(run).reason)
                row.count("pauses" if waited else "that the run did not notice")
                empty(disk)
                if waited and not _wait_for_restart(run):
                    row.problems.append(f"{run.name}: did not go on within 30 s of having room")
            status = wait_for_end(run, resumes=0)
            judge(row, run, stage, status)
            restarts = [e for e in _said(run) if isinstance(e, Attempt) and e.reason == "disk"]
            alerts = [e for e in _said(run) if isinstance(e, Alert) and e.code == "disk"]
            if len(alerts) < len(restarts):
                row.problems.append(f"{run.name}: {len(restarts)} restarts, {len(alerts)} sentences")
    return row


def wait_for_pause(run: Run, seconds: float) -> bool:
    """Whether the run says that it waits for room, within `seconds`; what ends meanwhile does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and read_state(run).live:
        if recorded_state(run).waiting == "disk":
            return True
        time.sleep(0.1)
    return False


def _wait_for_restart(run: Run) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if recorded_state(run).waiting == "":
            return True
        time.sleep(0.1)
    return False


def read_only(count: int, stage: Stage, seed: int) -> Row:
    """Make a run's folder read-only for a few seconds, `count` times in one run. Raises NoMount."""
    noise, row = random.Random(seed), Row("unwritable run folder")
    run = begin(stage.model, stage.rows, "read-only")
    for _ in range(count):
        if not wait_for_a_moment(run, noise, stage.calm_seconds):
            break
        row.count(f"while {busy_with(run)}")
        with locked(run.path):
            row.tried += 1
            time.sleep(noise.uniform(1.0, 6.0))
    judge(row, run, stage, wait_for_end(run, resumes=3))
    return row


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A folder that nobody, root included, can open for writing. Raises NoMount."""
    for command in (["--bind", str(folder), str(folder)], ["-o", "remount,bind,ro", str(folder)]):
        done = subprocess.run(["mount", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoMount(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _said(run: Run) -> list[object]:
    return [stamped.event for stamped in EventTail(run.supervisor_events).events(64 << 20)]
