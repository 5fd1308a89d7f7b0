"""A run's events as lines for a person: the plain twin of the dashboard."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ftui.core.events import (
    Alert,
    Attempt,
    Checkpoint,
    Done,
    Eval,
    Event,
    Failed,
    Memory,
    Phase,
    Sample,
    Stamped,
    Step,
)
from ftui.core.text import clip, duration, gib, safe
from ftui.services.adoption import Care
from ftui.services.runs import Run, read_state
from ftui.services.tail import EventTail

POLL_SECONDS = 0.25
MARGIN_BYTES = 1 << 20


def follow(run: Run, *, from_step: int = 0, live: bool = True) -> Iterator[Stamped]:
    """The run's events in order of time, first those that are there, then (while it is live) those that come.

    A run whose supervisor dies meanwhile gets a new one.
    """
    tails = [EventTail(run.trainer_events), EventTail(run.supervisor_events)]
    if from_step:
        tails[0].offset = _offset_of_step(run.trainer_events, from_step)
    care = Care(run)
    while True:
        if live and care.is_due():
            care.adopt()
        # The state is asked for before the files: what is written after its last word is then still read.
        over = not live or not read_state(run).live
        # Streams, not lists: an event file can be larger than the memory.
        for stamped in heapq.merge(*(_all_events(tail) for tail in tails), key=_time):
            step = getattr(stamped.event, "step", None)
            if step is None or step >= from_step:
                yield stamped
        if over:
            return
        time.sleep(POLL_SECONDS)


def _all_events(tail: EventTail) -> Iterator[Stamped]:
    while not tail.at_end():
        before = tail.offset
        yield from tail.events()
        if tail.offset == before:
            return


def _offset_of_step(path: Path, step: int) -> int:
    """Where to begin reading for events from `step` on: bisection, since steps rise with the file's length.

    A resumed run goes back a little; so a margin is read before that place, and too early is never wrong.
    """
    low, high = 0, path.stat().st_size if path.is_file() else 0
    while high - low > MARGIN_BYTES:
        middle = (low + high) // 2
        found = next((s for s in _steps_from(path, middle)), None)
        low, high = (middle, high) if found is not None and found < step else (low, middle)
    return max(0, low - MARGIN_BYTES)


def _steps_from(path: Path, offset: int) -> Iterator[int]:
    tail = EventTail(path, offset)
    for stamped in tail.events(MARGIN_BYTES // 4):
        if isinstance(stamped.event, Step):
            yield stamped.event.step


def _time(stamped: Stamped) -> datetime:
    return stamped.time


def rings(event: Event) -> bool:
    """Whether somebody who does something else should look: warnings, errors, and the end."""
    return isinstance(event, Done | Failed) or (isinstance(event, Alert) and event.level != "info")


def plain_line(event: Event) -> str | None:
    """One line for a person, safe for a terminal; None for what only the dashboard shows (memory samples)."""
    match event:
        case Phase(name, detail):
            return f"… {safe(name.replace('_', ' '))}{': ' + clip(detail, 100) if detail else ''}"
        case Step():
            return _step_line(event)
        case Eval():
            values = ", ".join(f"{safe(k)} {_number(v)}" for k, v in event.metrics.items() if not k.endswith("seconds"))
            return f"eval at step {event.step}: {values}"
        case Sample():
            return f"sample at step {event.step}: {clip(event.prompt, 40)} -> {clip(event.output, 60)}"
        case Alert():
            return f"{event.level.upper()} {_with_hint(clip(event.message, 300), event.hint)}"
        case Checkpoint():
            return f"checkpoint {safe(event.path)} ({gib(event.size_bytes)}{', best so far' if event.best else ''})"
        case Attempt():
            changes = ", ".join(f"{safe(k)}={v}" for k, v in event.changes.items())
            return f"attempt {event.attempt}: {safe(event.reason)}{' with ' + changes if changes else ''}"
        case Done():
            return f"trainer done at step {event.step}: {safe(event.status)} after {duration(event.seconds)}"
        case Failed():
            return f"FAILED {clip(event.title, 100)}: {_with_hint(clip(event.message, 300), event.hint)}"
        case Memory():
            return None


def _with_hint(message: str, hint: str) -> str:
    """What happened and what to do next, as sentences."""
    if not hint:
        return message
    return f"{message}{'' if message.endswith(('.', '!', '?', '…')) else '.'} {clip(hint, 300)}"


def _step_line(event: Step) -> str:
    metrics = event.metrics
    parts = [f"step {event.step}/{event.steps_total}", f"epoch {event.epoch:.2f}"]
    for name, label in (("loss", "loss"), ("reward", "reward"), ("learning_rate", "lr"), ("grad_norm", "grad")):
        if name in metrics:
            parts.append(f"{label} {_number(metrics[name])}")
    if metrics.get("tokens_per_second") is not None:
        parts.append(f"{metrics['tokens_per_second']:,.0f} tok/s")
    seconds = metrics.get("step_seconds")
    if seconds is not None and event.steps_total > event.step:
        parts.append(f"ETA {duration(seconds * (event.steps_total - event.step))}")
    return "  ".join(parts)


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.4g}"
