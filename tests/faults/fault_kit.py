"""Small real runs on the CPU, a reference that was never disturbed, and what to compare with it.

Used by the tests here and by tests/benchmarks/faults.py, which prints the large table.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ftui.core.events import Alert, Step, parse_line
from ftui.core.plan import from_mapping
from ftui.services.adoption import adopt_orphans
from ftui.services.launch import resume_run, start_run
from ftui.services.process import ProcessId, is_alive
from ftui.services.runs import Run, read_state, recorded_state

STEPS = 100
SAVE_EVERY = 10
PATIENCE_SECONDS = 600.0


@dataclass
class Row:
    """One line of the table: what one kind of fault did."""

    fault: str
    tried: int = 0
    runs: int = 0
    same: int = 0
    """Runs that ended with the weights and losses of the undisturbed one, bit for bit."""
    repeated: int = 0
    """The most steps that one disturbance made the trainer do again."""
    lost: int = 0
    """Step events that are missing, or stand twice in one attempt."""
    left: int = 0
    """Processes that were still there after the end."""
    counts: dict[str, int] = field(default_factory=dict)
    """What else was seen, by its name."""
    problems: list[str] = field(default_factory=list)

    def count(self, what: str, number: int = 1) -> None:
        """Note that something was seen so many times."""
        self.counts[what] = self.counts.get(what, 0) + number

    def add(self, other: Row) -> None:
        """Take in what another slice of the same fault found."""
        self.tried += other.tried
        self.runs += other.runs
        self.same += other.same
        self.repeated = max(self.repeated, other.repeated)
        self.lost += other.lost
        self.left += other.left
        for what, number in other.counts.items():
            self.count(what, number)
        self.problems += other.problems

    @property
    def good(self) -> bool:
        return self.same == self.runs and not (self.lost or self.left or self.problems) and self.repeated <= SAVE_EVERY

    def line(self) -> str:
        """The table's line."""
        note = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        return (
            f"{self.fault:<24}{self.tried:>6}{self.runs:>6}{self.same:>6}{self.repeated:>7}{self.lost:>6}{self.left:>6}"
            f"  {'ok' if self.good else 'BAD'}  {note}"
        )


HEADER = f"{'fault':<24}{'tried':>6}{'runs':>6}{'same':>6}{'again':>7}{'lost':>6}{'left':>6}"


@dataclass(frozen=True)
class Outcome:
    """What a run came to. steps: of each attempt, in order; again: the most that one resume repeated."""

    weights: str
    losses: dict[int, float]
    steps: list[list[int]]
    again: int
    gaps: int


@dataclass(frozen=True)
class Stage:
    """The model, the rows and the result of a run that nothing disturbed."""

    model: Path
    rows: Path
    calm: Outcome
    calm_seconds: float


def set_stage(place: Path) -> Stage:
    """Make the tiny model and its rows, and run it once in peace. FTUI_HOME must be set."""
    kit = _trainer_kit()
    model = kit.build_tiny_model(place / "model")
    rows = place / "rows.jsonl"
    kit.write_rows(rows, kit.chat_rows(200, 1))
    began = time.monotonic()
    run = begin(model, rows, "calm")
    status = wait_for_end(run)
    assert status == "finished", (status, read_state(run).reason, tail_of(run.log))
    return Stage(model, rows, outcome_of(run), time.monotonic() - began)


def _trainer_kit() -> Any:
    path = Path(__file__).resolve().parents[1] / "trainer" / "trainer_kit.py"
    spec = importlib.util.spec_from_file_location("trainer_kit", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def begin(
    model: Path,
    rows: Path,
    name: str,
    folder: Path | None = None,
    steps: int = STEPS,
    save_every: int = SAVE_EVERY,
    **recovery: Any,
) -> Run:
    """Start a detached run of `steps` steps, as a user would."""
    plan = from_mapping(
        {
            "model": {"id": str(model)},
            "data": {"train": str(rows), "max_length_tokens": 64, "eval_fraction": 0.0},
            "method": {"technique": "lora", "lora_rank": 4},
            "train": {
                "max_steps": steps, "micro_batch": 2, "accumulation": 1, "learning_rate": 1e-3, "precision": "fp32",
                "save_every_steps": save_every,
            },
            "eval": {"enabled": False, "samples": 0},
            "recovery": {"max_restarts": 100, "disk_reserve_mib": 1, **recovery},
            "run": {"name": name},
        }
    )  # fmt: skip
    return start_run(plan, folder=folder)


def outcome_of(run: Run) -> Outcome:
    """Read what the run left."""
    losses: dict[int, float] = {}
    attempts: list[list[int]] = [[]]
    gaps = again = 0
    for event in trainer_events(run):
        if isinstance(event, Alert) and event.code == "resumed":
            done = max((step for steps in attempts for step in steps), default=0)
            again = max(again, done - (event.step or 0))
            attempts.append([])
        elif isinstance(event, Step):
            steps = attempts[-1]
            if steps and event.step != steps[-1] + 1:
                if event.step == 1:  # an attempt that found no checkpoint
                    again = max(again, max(step for some in attempts for step in some))
                    attempts.append([])
                else:
                    gaps += 1
            losses[event.step] = float(event.metrics["loss"] or 0.0)
            attempts[-1].append(event.step)
    gaps += len(set(range(1, STEPS + 1)) - set(losses))
    weights = run.path / "model" / "adapter_model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else "no weights"
    return Outcome(digest, losses, attempts, again, gaps)


def trainer_events(run: Run) -> Iterator[Any]:
    """The events of the trainer, in order."""
    with run.trainer_events.open("rb") as file:
        for line in file:
            stamped = parse_line(line)
            if stamped is not None:
                yield stamped.event


def judge(row: Row, run: Run, stage: Stage, status: str) -> None:
    """Compare a finished run with the undisturbed one, and count what it left behind."""
    row.runs += 1
    if status != "finished":
        row.problems.append(f"{run.name}: {status}: {read_state(run).reason}\n{tail_of(run.log)}")
        return
    got = outcome_of(run)
    same = got.weights == stage.calm.weights and got.losses == stage.calm.losses
    row.same += same
    row.lost += got.gaps
    row.repeated = max(row.repeated, got.again)
    if not same:
        row.problems.append(f"{run.name}: weights or losses differ")
    left = processes_of(run)
    row.left += len(left)
    row.problems += [f"{run.name}: left behind: {' '.join(process.cmdline())[:200]}" for process in left]


def wait_for_end(run: Run, seconds: float = PATIENCE_SECONDS, resumes: int = 0) -> str:
    """The run's last status. Orphans are adopted on the way, as any ftui command would; an interrupted run is resumed
    by hand at most `resumes` times."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        adopt_orphans(run.path.parent)
        state = read_state(run)
        if not state.live:
            if state.status == "interrupted" and resumes:
                resumes -= 1
                resume_run(run)
                continue
            return state.status
        time.sleep(0.3)
    return f"still {read_state(run).status}"


def live_pid(process: ProcessId | None) -> int | None:
    """The pid, where that very process lives."""
    return process.pid if process is not None and is_alive(process) else None


def trainer_pid(run: Run) -> int | None:
    return live_pid(recorded_state(run).trainer())


def supervisor_pid(run: Run) -> int | None:
    return live_pid(recorded_state(run).supervisor())


def processes_of(run: Run, patience_seconds: float = 20.0) -> list[psutil.Process]:
    """Processes that work in or on the run's folder and do not go away, zombies among our children included."""
    until = time.monotonic() + patience_seconds
    while (found := _processes(run)) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def _processes(run: Run) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and any(str(run.path) in word for word in process.cmdline()):
                found.append(process)
    return found


def tail_of(path: Path, lines: int = 8) -> str:
    """The end of a log, for the words of a failure."""
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""
