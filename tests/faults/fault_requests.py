"""Stopped, paused and preempted at random moments, by one or by several at once, and resumed as often."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

from fault_kit import Row, Stage, begin, judge, outcome_of, supervisor_pid, trainer_pid
from fault_moments import busy_with, wait_for_a_moment

from ftui.services.adoption import wait_for_end
from ftui.services.run_requests import request
from ftui.services.runs import Run

WAYS = ("stop", "pause", "stop and pause at once", "SIGTERM to the supervisor", "SIGTERM to both")
PATIENCE_SECONDS = 300.0


def requests(count: int, stage: Stage, seed: int, per_run: int, until: float) -> Row:
    """End runs by asking, `count` times in all; nothing may be trained twice and nothing may be forgotten."""
    noise, row = random.Random(seed), Row("stop, pause, preempt")
    while row.tried < count and time.monotonic() < until:
        run = begin(stage.model, stage.rows, f"asked-{row.runs}")
        for _ in range(min(per_run, count - row.tried)):
            if time.monotonic() > until or not wait_for_a_moment(run, noise, stage.calm_seconds):
                break
            way, busy = noise.choice(WAYS), busy_with(run)
            _ask(run, way)
            state = wait_for_end(run, PATIENCE_SECONDS)
            if state.status == "finished":
                break  # it was at its end when it was asked
            row.tried += 1
            row.count(way)
            row.count(f"while {busy}")
            if state.status not in ("stopped", "paused"):
                row.problems.append(f"{run.name}: {way} while {busy}: {state.status}: {state.reason}")
            _resume(run, times=noise.choice([1, 3]))
        judge(row, run, stage, wait_for_end(run, PATIENCE_SECONDS).status)
        if again := outcome_of(run).again:
            row.problems.append(f"{run.name}: {again} steps were made again although it was asked to end")
    return row


def _ask(run: Run, way: str) -> None:
    if way in ("stop", "pause"):
        request(run, way)
    elif way == "stop and pause at once":
        both = [threading.Thread(target=request, args=(run, what)) for what in ("stop", "pause")]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    else:
        pids = [supervisor_pid(run), trainer_pid(run) if way == "SIGTERM to both" else None]
        for pid in filter(None, pids):
            os.kill(pid, signal.SIGTERM)


def _resume(run: Run, times: int) -> None:
    """`ftui runs resume`, typed so many times at once; returns when it has begun, which it may have done once only."""
    command = [sys.executable, "-m", "ftui", "runs", "resume", run.name]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(times)
    ]
    for process in started:
        words = process.communicate(timeout=PATIENCE_SECONDS)[0]
        assert process.returncode == 0 or "is alive" in words or "has finished" in words, words
