"""Faults at random moments: `python tests/benchmarks/faults.py [--only NAME ...] [--trainer 100] [--minutes 5]`.

    python tests/benchmarks/faults.py --only trainer --trainer 40 --add-up faults.jsonl     as often as time allows
    python tests/benchmarks/faults.py --only --add-up faults.jsonl                          the table of all of them

Prints a table: faults tried, runs that ended with bit for bit the weights and losses of a run never disturbed, the most
steps that one fault made the trainer do again (a checkpoint is saved every 10), step events lost or doubled, processes
left behind. Then what waiting and watching cost. Real trainers on the CPU, one thread; several faults hit one run,
because starting a trainer costs seconds. Mounting a small tmpfs needs root; without it those rows are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))

import fault_watch
from fault_clock import jumps
from fault_disk import NoMount, full_disks, read_only
from fault_files import damaged_checkpoints, damaged_events, huge_events
from fault_kills import kills
from fault_kit import HEADER, Row, Stage, set_stage
from fault_price import price_of_supervision
from fault_requests import requests

PER_RUN = 10
FAULTS = ("trainer", "supervisor", "viewer", "requests", "disk", "unwritable", "clock", "events", "checkpoints")
COSTS = ("huge", "list", "back", "crowd", "price")


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=[*FAULTS, *COSTS], default=[*FAULTS, *COSTS])
    counts = dict(zip(FAULTS, (100, 50, 50, 20, 20, 5, 2, 10, 6), strict=True))
    for name, count in counts.items():
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=f"how many; {count}")
    parser.add_argument("--gib", type=float, default=2.0, help="size of the huge event file; 2")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no new run after so long; 60")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--add-up", type=Path, metavar="FILE", help="add to the slices in FILE, each by another seed, and print the sum"
    )
    asked = parser.parse_args(arguments)
    place = Path(tempfile.mkdtemp(prefix="ftui-faults-"))
    os.environ["FTUI_HOME"] = str(place / "home")
    # One thread: sums in the same order every time, which is what "bit for bit" needs.
    os.environ["OMP_NUM_THREADS"] = "1"
    good = True
    slices = Slices(asked.add_up)
    if any(name in FAULTS or name == "price" for name in asked.only):
        until = time.monotonic() + asked.minutes * 60
        stage = set_stage(place)
        print(f"undisturbed: {len(stage.calm.losses)} steps, {stage.calm_seconds:.0f} s from start to end\n\n{HEADER}")
        for name in (name for name in FAULTS if name in asked.only):
            # Other moments in each slice.
            seed = 1000 * slices.count(name) + asked.seed
            try:
                row = disturb(name, getattr(asked, name), stage, place, seed, until)
            except NoMount as error:
                print(f"{name:<24} left out: {error}")
                continue
            show(row)
            slices.add(name, row)
            good &= row.good
        if "price" in asked.only:
            for one_core in (False, True):
                price = price_of_supervision(stage, pairs=40, slice_seconds=1.0, one_core=one_core)
                print(
                    f"\nsupervision{', on one core with the trainer' if one_core else ''}: {price.line()}", flush=True
                )
    show_costs(asked.only, asked.gib)
    if asked.add_up is not None:
        slices.show_sum()
    if good:
        shutil.rmtree(place, ignore_errors=True)
    else:
        print(f"\nthe runs are kept in {place}")
    return 0 if good else 1


class Slices:
    """What earlier calls found, kept in a file of one row of the table per line; nothing is kept without a file."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        lines = file.read_text().splitlines() if file is not None and file.exists() else []
        self.rows = [(record.pop("name"), Row(**record)) for record in map(json.loads, lines)]

    def count(self, name: str) -> int:
        """Slices of a fault so far."""
        return sum(each == name for each, _ in self.rows)

    def add(self, name: str, row: Row) -> None:
        """Keep one more slice."""
        self.rows.append((name, row))
        if self.file is not None:
            with self.file.open("a") as file:
                file.write(json.dumps({"name": name, **asdict(row)}) + "\n")

    def show_sum(self) -> None:
        """Print the table of all slices together."""
        print(f"\n{len(self.rows)} slices in all\n{HEADER}")
        for name in dict.fromkeys(each for each, _ in self.rows):
            whole = Row("")
            for row in (row for each, row in self.rows if each == name):
                whole.fault = row.fault
                whole.add(row)
            show(whole)


def disturb(name: str, count: int, stage: Stage, place: Path, seed: int, until: float) -> Row:
    """Do one kind of fault so often. Raises NoMount."""
    if name in ("trainer", "supervisor", "viewer"):
        return kills(name, count, stage, seed, PER_RUN, until)
    if name == "requests":
        return requests(count, stage, seed, PER_RUN, until)
    if name == "disk":
        return full_disks(count, stage, place / f"disk-{seed}", seed, PER_RUN // 2, until)
    if name == "unwritable":
        return read_only(count, stage, seed)
    if name == "clock":
        return jumps(count, stage, place)
    if name == "events":
        return damaged_events(count, stage, seed, until)
    return damaged_checkpoints(count, stage, seed, until)


def show(row: Row) -> None:
    """Print a line of the table and what went wrong."""
    print(row.line(), flush=True)
    for problem in row.problems:
        print(f"    {problem}")


def show_costs(only: list[str], gib: float) -> None:
    """Measure and print what watching costs."""
    if "huge" in only:
        huge = huge_events(gib)
        print(
            f"\n{huge.gib:g} GiB of events: listed in {huge.list_seconds * 1000:.0f} ms; its last 100 steps shown "
            f"in {huge.from_step_seconds:.1f} s, {huge.from_step_mib:.0f} MiB; read from the start in "
            f"{huge.whole_mib:.0f} MiB"
        )
    if "list" in only:
        listed, python = fault_watch.list_of(200)
        print(f"\n200 runs in `ftui runs list`: {listed * 1000:.0f} ms ({listed / python:.1f} x python -c pass)")
    if "back" in only:
        for plain in (True, False):
            seconds = fault_watch.back_after_a_drop(5, plain)
            what = "ftui watch --plain" if plain else "ftui watch"
            print(f"live again after a dropped terminal, {what}: {max(seconds):.2f} s at most of {len(seconds)}")
    if "crowd" in only:
        for plain in (True, False):
            found = fault_watch.crowd(8, plain)
            print(
                f"{found.viewers} viewers at once{' (--plain)' if plain else ''}: all live after "
                f"{max(found.seconds):.1f} s, then {found.core_share:.1%} of a core and {found.mib_each:.0f} MiB each; "
                f"the run made {found.steps_per_second:.1f} steps/s of 10"
            )


if __name__ == "__main__":
    sys.exit(main())
