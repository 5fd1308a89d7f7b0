"""Watching: eight viewers at once, live again after a dropped terminal, two hundred runs in the list; and its price."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from fault_kills import open_viewer

from ftui.core.events import Step, to_line
from ftui.core.plan import from_mapping
from ftui.services.run_folders import create_run
from ftui.services.run_requests import request
from ftui.services.runs import Run, State, last_step, write_state

SCRIPTED = Path(__file__).resolve().parents[1] / "services" / "scripted" / "supervisor.py"


def scripted_run(steps_per_second: int = 10) -> tuple[Run, subprocess.Popen[bytes]]:
    """A live run of a trainer that only counts: viewers cannot tell, and the machine is free for them."""
    run = create_run(from_mapping({"model": {"id": "m"}, "data": {"train": "d"}, "run": {"name": "counting"}}))
    (run.path / "script.json").write_text(json.dumps([steps_per_second]))
    (run.path / "data" / "manifest.json").write_text('{"files": {}}')
    supervisor = subprocess.Popen([sys.executable, str(SCRIPTED), str(run.path)], start_new_session=True)
    while (step := last_step(run)) is None or step.step < 5:
        time.sleep(0.05)
    return run, supervisor


def end_scripted(run: Run, supervisor: subprocess.Popen[bytes]) -> None:
    request(run, "stop")
    supervisor.wait(60)


def seconds_to_live(run: Run, plain: bool) -> float:
    """From the start of `ftui watch` on a new terminal until it shows a step that was made after that start."""
    step = last_step(run)
    assert step is not None
    began = time.monotonic()
    viewer, master = open_viewer(run, plain)
    try:
        return _seconds_until_shown(master, step.step, began)
    finally:
        _close(viewer, master)


def _seconds_until_shown(master: int, step: int, began: float, patience: float = 60.0) -> float:
    os.set_blocking(master, False)
    got = ""
    while time.monotonic() - began < patience:
        with contextlib.suppress(OSError):
            got += os.read(master, 1 << 20).decode("utf-8", "replace")
        shown = [int(found.replace(",", "")) for found in re.findall(r"(?:step )([\d,]{1,9})", _without_escapes(got))]
        if any(step < number < step + 5000 for number in shown):
            return time.monotonic() - began
        time.sleep(0.01)
    raise AssertionError(f"no step after {step} was shown in {patience} s: {_without_escapes(got)[-500:]!r}")


def _without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[^\[]", "", text)


def _close(viewer: subprocess.Popen[bytes], master: int) -> None:
    os.close(master)
    try:
        viewer.wait(10)
    except subprocess.TimeoutExpired:
        viewer.kill()
        viewer.wait()


def back_after_a_drop(times: int, plain: bool) -> list[float]:
    """Seconds until live data is seen again, each time after the terminal of a viewer was closed."""
    run, supervisor = scripted_run()
    seconds = []
    try:
        for _ in range(times):
            viewer, master = open_viewer(run, plain)
            time.sleep(1.0)
            _close(viewer, master)
            seconds.append(seconds_to_live(run, plain))
    finally:
        end_scripted(run, supervisor)
    return seconds


@dataclass(frozen=True)
class Crowd:
    """Several viewers on one run. seconds: until each showed live data; share: of one core that each took then."""

    viewers: int
    seconds: list[float]
    core_share: float
    mib_each: float
    steps_per_second: float
    """Of the watched run meanwhile."""


def crowd(count: int, plain: bool) -> Crowd:
    """`count` viewers of one run at once."""
    run, supervisor = scripted_run()
    first = last_step(run)
    assert first is not None
    began = time.monotonic()
    opened = [open_viewer(run, plain) for _ in range(count)]
    try:
        seconds = [_seconds_until_shown(master, first.step, began) for _, master in opened]
        viewers = [psutil.Process(viewer.pid) for viewer, _ in opened]
        before, at, step = _cpu(viewers), time.monotonic(), last_step(run)
        until = at + 10
        while time.monotonic() < until:
            for _, master in opened:
                with contextlib.suppress(OSError):
                    os.read(master, 1 << 20)
            time.sleep(0.05)
        spent, later = time.monotonic() - at, last_step(run)
        assert step is not None and later is not None
        share = (_cpu(viewers) - before) / spent / count
        memory = max(process.memory_info().rss for process in viewers) / 2**20
        return Crowd(count, seconds, share, memory, (later.step - step.step) / spent)
    finally:
        for viewer, master in opened:
            _close(viewer, master)
        end_scripted(run, supervisor)


def _cpu(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(each.user + each.system for each in times))


def list_of(count: int, times: int = 9) -> tuple[float, float]:
    """Seconds of `ftui runs list` with so many runs, and of `python -c pass`, each the median of `times`."""
    plan = from_mapping({"model": {"id": "m"}, "data": {"train": "d"}, "run": {"name": "listed"}})
    runs = [create_run(plan) for _ in range(count)]
    for run in runs:
        write_state(run, State("finished", 1))
        lines = [
            to_line(Step(n, 500, 0.1, n, {"loss": 1.0, "learning_rate": 1e-4, "step_seconds": 0.1})) for n in range(500)
        ]
        run.trainer_events.write_text("".join(lines))
    try:
        ftui = Path(sys.executable).with_name("ftui")
        return _median([str(ftui), "runs", "list"], times), _median([sys.executable, "-c", "pass"], times)
    finally:
        import shutil

        for run in runs:
            shutil.rmtree(run.path)


def _median(command: list[str], times: int) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[times // 2]
