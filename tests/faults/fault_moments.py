"""Random moments of a run, many of them where most can go wrong."""

from __future__ import annotations

import random
import time

from fault_kit import trainer_pid

from ftui.core.events import Phase, Step, parse_line
from ftui.services.runs import Run, read_state, recorded_state
from ftui.services.tail import last_lines


def wait_for_a_moment(run: Run, noise: random.Random, span: float) -> bool:
    """Sleep until the next fault; False where the run ends before it.

    A quarter comes early, where state changes hands, a quarter anywhere in the time that a run takes, half while it
    trains and saves: that takes less time than its start, and more can be lost.
    """
    draw = noise.random()
    if draw < 0.25:
        return sleep_while_live(run, noise.uniform(0.0, 1.5))
    if draw < 0.5:
        return sleep_while_live(run, noise.uniform(0.0, span / 2))
    while busy_with(run) not in ("training", "saving"):
        if not sleep_while_live(run, 0.02):
            return False
    return sleep_while_live(run, noise.uniform(0.0, 1.5))


def busy_with(run: Run) -> str:
    """What the trainer does right now, by its last event: importing, loading, training, saving..."""
    if trainer_pid(run) is None:
        return "no trainer is there"
    try:
        if run.trainer_events.stat().st_size <= recorded_state(run).events_from:
            return "starting"
    except OSError:
        return "starting"
    for line in reversed(last_lines(run.trainer_events)):
        stamped = parse_line(line)
        if stamped is not None and isinstance(stamped.event, Step):
            return "training"
        if stamped is not None and isinstance(stamped.event, Phase):
            return stamped.event.name
    return "starting"


def sleep_while_live(run: Run, seconds: float) -> bool:
    """Whether the run still lives after so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not read_state(run).live:
            return False
        time.sleep(0.02)
    return read_state(run).live
