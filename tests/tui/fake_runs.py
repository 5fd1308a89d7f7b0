"""Run directories made of event files alone, for the viewers' tests: no trainer, no supervisor, no clock."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ftui.core.events import (
    Alert,
    Attempt,
    Checkpoint,
    Done,
    Eval,
    Event,
    Memory,
    Phase,
    Sample,
    Step,
    to_line,
)  # fmt: skip
from ftui.core.plan import Plan, with_values
from ftui.services.plans import save_plan
from ftui.services.process import boot_id, identify
from ftui.services.runs import Run, State, write_state

START = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
GIB = 2**30


def make_run(
    folder: Path, *, name: str = "20261122-040000-tickets", status: str = "running", steps: int = 120, total: int = 300
) -> Run:
    """A run of `steps` of `total` steps with everything a viewer shows. A live one is held alive by this process."""
    run = empty_run(folder, name=name, status=status)
    append(run.trainer_events, trainer_events(steps, total, done=status == "finished"))
    append(run.supervisor_events, supervisor_events(steps))
    run.log.write_text("".join(log_lines(steps)))
    (run.path / "fit.json").write_text(
        json.dumps(
            {
                "predicted_allocated_bytes": 9 * GIB,
                "predicted_device_bytes": {"low": 9 * GIB, "expected": 10 * GIB, "high": 12 * GIB},
            }
        )
    )
    if status == "finished":
        (run.path / "eval" / "verdict.json").write_text(json.dumps(verdict()))
    return run


def empty_run(folder: Path, *, name: str = "20261122-040000-tickets", status: str = "starting") -> Run:
    """A run's directory before its first event."""
    run = Run(folder / name)
    for part in ("events", "logs", "data", "checkpoints", "eval", "export", "requests"):
        (run.path / part).mkdir(parents=True)
    plan = with_values(
        Plan(), {"model.id": "Qwen/Qwen3-0.6B", "data.train": "/data/tickets.jsonl", "run.name": "tickets"}
    )
    save_plan(plan, run.plan_file)
    me = identify(__import__("os").getpid())
    assert me is not None
    state = State(
        status=status,
        attempt=1,
        pid=me.pid,
        pid_start_ticks=me.start_ticks,
        supervisor_pid=me.pid,
        supervisor_start_ticks=me.start_ticks,
        boot_id=boot_id(),
        created=START.isoformat(),
        started=START.isoformat(),
    )
    write_state(run, state)
    return run


def append(path: Path, events: list[tuple[float, Event]]) -> None:
    """Write (seconds since the start, event) pairs at the end of an event file."""
    with path.open("a") as file:
        for seconds, event in events:
            file.write(to_line(event, START + timedelta(seconds=seconds)))


def trainer_events(steps: int, total: int, *, done: bool = False) -> list[tuple[float, Event]]:
    """Phases, steps with an evaluation every 30, samples, checkpoints."""
    noise = random.Random(7)
    events: list[tuple[float, Event]] = [
        (0, Phase("importing")),
        (9, Phase("loading", "Qwen/Qwen3-0.6B")),
        (12, Phase("tokenizing", "1,200 rows", 1.0)),
        (14, Phase("base_score", "64 prompts", 1.0)),
        (30, Phase("training")),
    ]
    for step in range(1, steps + 1):
        seconds = 30 + step * 1.9
        loss = 2.4 * math.exp(-step / (total / 5)) + 0.55 + noise.gauss(0, 0.07)
        metrics = {
            "loss": loss,
            "learning_rate": 2e-4 * 0.5 * (1 + math.cos(math.pi * step / total)) * min(1, step / 10),
            "grad_norm": abs(noise.gauss(0.9, 0.2)),
            "tokens_per_second": noise.gauss(4200, 120),
            "step_seconds": noise.gauss(1.9, 0.05),
        }
        events.append((seconds, Step(step, total, step / total * 3, step * 8000, metrics)))
        if step % 30 == 0:
            eval_loss = 2.4 * math.exp(-step / (total / 5)) + 0.66
            events.append(
                (seconds, Eval(step, step / total * 3, step * 8000, {"eval_loss": eval_loss, "probe_loss": 2.1}))
            )
            events.append((seconds, sample(step)))
            events.append((seconds, Checkpoint(step, f"checkpoints/step-{step}", 90 * 2**20, best=True)))
    if done:
        events.append((30 + steps * 1.9 + 20, Done(steps, "finished", 30 + steps * 1.9, {})))
    return events


def sample(step: int) -> Sample:
    prompt = "Hello, my parcel 4417 has not come yet and I am leaving on Friday."
    return Sample(
        step,
        prompt,
        '{"topic": "delivery", "order": "4417", "urgent": true}',
        '{"topic": "delivery", "order": "4417", "urgent": true}',
        "I am sorry to hear that your parcel has not come yet! Could you tell me more?",
    )


def supervisor_events(steps: int) -> list[tuple[float, Event]]:
    """One attempt, memory once in a while, two alerts."""
    events: list[tuple[float, Event]] = [(0, Attempt(1, "start", pid=1))]
    for second in range(1, 30 + int(steps * 1.9), 4):
        used = min(9.2, 1 + second / 8) * GIB
        gpu = {
            "index": 0,
            "used_bytes": used,
            "total_bytes": 24 * GIB,
            "utilization_percent": 97.0,
            "temperature_c": 71.0,
            "power_w": 310.0,
        }
        memory = Memory(
            gpus=(gpu,), host_rss_bytes=int(3.2 * GIB), host_available_bytes=40 * GIB, host_total_bytes=64 * GIB
        )
        events.append((second, memory))
    slow = Alert("warning", "slow_loader", "The data loader keeps the GPU waiting.", "Set data.workers to 2.", 60)
    events.append((100, slow))
    events.append((130, Alert("info", "checkpoint", "Best held-out loss so far.", step=90)))
    return events


def log_lines(steps: int) -> list[str]:
    return [f"step {step}: a line of the trainer's log\n" for step in range(1, steps + 1)]


def verdict() -> dict[str, object]:
    """A verdict as services.verdict writes it."""
    metric = {"base": 0.0, "tuned": 0.94, "delta": 0.94, "ci_low": 0.86, "ci_high": 0.98, "n": 64}
    return {
        "schema_version": 1,
        "verdict": "SHIP",
        "reasons": ["JSON schema validity rose from 0 % to 94 % on 64 held-out prompts."],
        "metrics": {"schema_valid": metric},
    }
