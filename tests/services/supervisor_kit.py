"""Runs whose trainer is a script: made, supervised, waited for, read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftui.core.events import Alert, Attempt, Failed, Step
from ftui.core.plan import from_mapping
from ftui.services.run_folders import create_run
from ftui.services.runs import Run
from ftui.services.tail import EventTail

SUPERVISOR = Path(__file__).parent / "scripted" / "supervisor.py"


def make_run(
    behaviours: list[str | int] | list[str], name: str = "run", alerts: dict[str, str] | None = None, **recovery: object
) -> Run:
    """A run whose attempts go as `behaviours` says."""
    plan = from_mapping(
        {
            "model": {"id": "m"},
            "data": {"train": "d"},
            "train": {"micro_batch": 4},
            "recovery": recovery,
            "run": {"name": name, **(alerts or {})},
        }
    )
    run = create_run(plan)
    (run.path / "script.json").write_text(json.dumps(behaviours))
    (run.path / "data" / "manifest.json").write_text('{"files": {}}')
    return run


def supervise(run: Run, *flags: str, **environment: str) -> subprocess.Popen[bytes]:
    """The real supervisor with the scripted trainer, as a child."""
    import os

    command = [sys.executable, str(SUPERVISOR), str(run.path), *flags]
    return subprocess.Popen(command, start_new_session=True, env={**os.environ, **environment})


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll for something that other processes do."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def steps(run: Run) -> list[int]:
    return [s.event.step for s in EventTail(run.trainer_events).events() if isinstance(s.event, Step)]


def said(run: Run, kind: type[Any]) -> list[Any]:
    """The supervisor's events of a kind."""
    return [s.event for s in EventTail(run.supervisor_events).events() if isinstance(s.event, kind)]


def attempts(run: Run) -> list[Attempt]:
    return said(run, Attempt)


def alerts(run: Run) -> list[Alert]:
    return said(run, Alert)


def failures(run: Run) -> list[Failed]:
    return said(run, Failed)
