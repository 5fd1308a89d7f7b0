"""Faults at random moments: `python tests/benchmarks/faults.py [--only NAME ...] [--trainer 100] [--minutes 5]`.

Prints a table: faults tried, runs that ended with bit for bit the weights and losses of a run never disturbed, the most
steps that one fault made the trainer do again (a checkpoint is saved every 10), step events lost or doubled, processes
left behind. Then what waiting and watching cost. Real trainers on the CPU, one thread; several faults hit one run,
because starting a trainer costs seconds. Mounting a small tmpfs needs root; without it those rows are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "faults"))

from fault_kills import kills
from fault_kit import HEADER, Row, set_stage

PER_RUN = 10


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("trainer", "supervisor", "viewer")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    for name in ("trainer", "supervisor", "viewer"):
        parser.add_argument(f"--{name}", type=int, default=100 if name == "trainer" else 50, metavar="N")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no new run after so long")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    os.environ["FTUI_HOME"] = tempfile.mkdtemp(prefix="ftui-faults-")
    # One thread: sums in the same order every time, which is what "bit for bit" needs.
    os.environ["OMP_NUM_THREADS"] = "1"
    until = time.monotonic() + asked.minutes * 60
    stage = set_stage(Path(os.environ["FTUI_HOME"]))
    print(f"undisturbed: {len(stage.calm.losses)} steps, {stage.calm_seconds:.0f} s from start to end\n\n{HEADER}")
    good = True
    for name in asked.only:
        good &= show(kills(name, getattr(asked, name), stage, asked.seed, PER_RUN, until))
    return 0 if good else 1


def show(row: Row) -> bool:
    print(row.line(), flush=True)
    for problem in row.problems:
        print(f"    {problem}")
    return row.good


if __name__ == "__main__":
    sys.exit(main())
