"""Faults at random moments: `python tests/benchmarks/faults.py [--trainer 100] [--supervisor 50] [--viewer 50]`.

Kills trainers, supervisors and viewers of real runs on the CPU and prints a table: faults tried, runs that ended with
bit-for-bit the weights and losses of a run never disturbed, steps that were done again, events lost or doubled, and
processes left behind. Several kills hit one run, because starting a trainer costs seconds and killing it none.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "trainer"))

STEPS = 60
KILLS_PER_RUN = 3
PATIENCE_SECONDS = 600.0


@dataclass
class Tally:
    """What one kind of fault did."""

    tried: int = 0
    runs: int = 0
    survived: int = 0
    repeated_steps: list[int] = field(default_factory=list)
    lost: int = 0
    orphans: int = 0
    problems: list[str] = field(default_factory=list)


def make_run(model: Path, data: Path, name: str):  # type: ignore[no-untyped-def]
    """Start a run of STEPS steps with a checkpoint every 10, detached, as a user would."""
    from ftui.core.plan import from_mapping
    from ftui.services.launch import start_run

    plan = from_mapping(
        {
            "model": {"id": str(model)},
            "data": {"train": str(data), "max_length_tokens": 64, "eval_fraction": 0.0},
            "method": {"technique": "lora", "lora_rank": 4},
            "train": {
                "max_steps": STEPS, "micro_batch": 2, "accumulation": 1, "learning_rate": 1e-3, "precision": "fp32",
                "save_every_steps": 10,
            },
            "eval": {"enabled": False, "samples": 0},
            "recovery": {"max_restarts": 100},
            "run": {"name": name},
        }
    )  # fmt: skip
    return start_run(plan)


def result_of(run) -> tuple[str, dict[int, float], list[int]]:  # type: ignore[no-untyped-def]
    """SHA-256 of the final weights, the last word on every step's loss, and all step events in order."""
    from ftui.core.events import Step
    from ftui.services.tail import EventTail

    losses: dict[int, float] = {}
    order = []
    tail = EventTail(run.trainer_events)
    while not tail.at_end():
        for stamped in tail.events():
            if isinstance(stamped.event, Step):
                losses[stamped.event.step] = stamped.event.metrics["loss"]  # type: ignore[assignment]
                order.append(stamped.event.step)
    weights = run.path / "model" / "adapter_model.safetensors"
    return hashlib.sha256(weights.read_bytes()).hexdigest(), losses, order


def wait(run, seconds: float = PATIENCE_SECONDS) -> str:  # type: ignore[no-untyped-def]
    """The run's final status; a run without a supervisor is adopted on the way, as any ftui command would."""
    from ftui.services.launch import adopt_orphans
    from ftui.services.runs import LIVE, read_state

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if read_state(run).status not in LIVE:
            adopt_orphans()
            return read_state(run).status
        adopt_orphans()
        time.sleep(0.3)
    return "still " + read_state(run).status


def trainer_pid(run) -> int | None:  # type: ignore[no-untyped-def]
    """The pid of the trainer that lives now."""
    from ftui.services.process import is_alive
    from ftui.services.runs import recorded_state

    process = recorded_state(run).trainer()
    return process.pid if process and is_alive(process) else None


def supervisor_pid(run) -> int | None:  # type: ignore[no-untyped-def]
    """The pid of the supervisor that lives now."""
    from ftui.services.process import is_alive
    from ftui.services.runs import recorded_state

    process = recorded_state(run).supervisor()
    return process.pid if process and is_alive(process) else None


def disturb(kind: str, run, noise: random.Random, kills: int, span: float) -> int:  # type: ignore[no-untyped-def]
    """Kill `kills` processes of the kind at random moments within `span` seconds each; gives how many were hit."""
    from ftui.services.launch import adopt_orphans
    from ftui.services.runs import LIVE, read_state

    hit = 0
    viewers = []
    for _ in range(kills):
        time.sleep(noise.uniform(0.0, span))
        if read_state(run).status not in LIVE:
            break
        if kind == "viewer":
            viewers.append(kill_viewer(run, noise))
            hit += 1
            continue
        pid = trainer_pid(run) if kind == "trainer" else supervisor_pid(run)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                hit += 1
        if kind == "supervisor":
            time.sleep(noise.uniform(0.0, 1.0))
            adopt_orphans()
    return hit


def kill_viewer(run, noise: random.Random) -> str:  # type: ignore[no-untyped-def]
    """Open `ftui watch --plain` on a terminal of its own and take the terminal, or the process, away."""
    master, slave = pty.openpty()
    viewer = subprocess.Popen(
        [sys.executable, "-m", "ftui", "watch", run.name, "--plain"],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    time.sleep(noise.uniform(0.2, 1.5))
    how = noise.choice(["SIGKILL", "SIGHUP", "closed pty"])
    if how == "closed pty":
        os.close(master)
        time.sleep(0.2)
        viewer.kill()
    else:
        viewer.send_signal(signal.Signals[how])
        os.close(master)
    viewer.wait()
    return how


def trial(kind: str, count: int, model: Path, data: Path, reference, seed: int) -> Tally:  # type: ignore[no-untyped-def]
    """Faults of one kind until `count` hit."""
    noise = random.Random(seed)
    tally = Tally()
    weights, losses, _ = reference
    while tally.tried < count:
        run = make_run(model, data, f"{kind}-{tally.runs}")
        tally.runs += 1
        hit = disturb(kind, run, noise, min(KILLS_PER_RUN, count - tally.tried), reference_seconds(reference) / 2)
        tally.tried += hit
        status = wait(run)
        if status != "finished":
            tally.problems.append(f"{run.name}: {status}")
            continue
        got_weights, got_losses, order = result_of(run)
        tally.lost += len(set(losses) - set(got_losses))
        tally.repeated_steps.append(len(order) - len(set(order)))
        same = got_weights == weights and got_losses == losses
        tally.survived += same
        if not same:
            tally.problems.append(f"{run.name}: weights or losses differ")
        time.sleep(2.0)  # the supervisor says "finished" a moment before it leaves
        tally.orphans += sum(pid is not None for pid in (trainer_pid(run), supervisor_pid(run)))
    return tally


_SECONDS: dict[int, float] = {}


def reference_seconds(reference) -> float:  # type: ignore[no-untyped-def]
    """How long the undisturbed run took."""
    return _SECONDS[id(reference)]


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainer", type=int, default=100)
    parser.add_argument("--supervisor", type=int, default=50)
    parser.add_argument("--viewer", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    from conftest import build_tiny_model, chat_rows, write_rows

    os.environ["FTUI_HOME"] = tempfile.mkdtemp(prefix="ftui-faults-")
    # One thread: sums in the same order every time, which is what "bit for bit" needs.
    os.environ["OMP_NUM_THREADS"] = "1"
    place = Path(os.environ["FTUI_HOME"])
    model = build_tiny_model(place / "model")
    write_rows(place / "rows.jsonl", chat_rows(200, 1))
    started = time.monotonic()
    calm = make_run(model, place / "rows.jsonl", "calm")
    if (status := wait(calm)) != "finished":
        print(f"the undisturbed run ended as {status}")
        return 1
    reference = result_of(calm)
    _SECONDS[id(reference)] = time.monotonic() - started
    print(f"undisturbed: {STEPS} steps in {_SECONDS[id(reference)]:.0f} s\n")
    print(f"{'fault':<12}{'tried':>7}{'runs':>6}{'same result':>13}{'steps again (most)':>20}{'lost':>6}{'orphans':>9}")
    bad = 0
    for kind in ("trainer", "supervisor", "viewer"):
        count = getattr(asked, kind)
        if not count:
            continue
        tally = trial(kind, count, model, place / "rows.jsonl", reference, asked.seed)
        most = max(tally.repeated_steps, default=0)
        print(
            f"{kind:<12}{tally.tried:>7}{tally.runs:>6}{tally.survived:>13}{most:>20}{tally.lost:>6}{tally.orphans:>9}",
            flush=True,
        )
        for problem in tally.problems:
            print(f"    {problem}")
        bad += tally.runs - tally.survived + tally.lost + tally.orphans
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
