"""What a supervisor hears of its trainer: steps, signs of life, alerts to pass on, and the last word."""

from __future__ import annotations

import time

from ftui.core.events import Alert, Done, Failed, Phase, Stamped, Step, parse_line
from ftui.core.plan import Plan
from ftui.services import alerts
from ftui.services.runs import Run, last_step
from ftui.services.tail import EventTail, last_lines

LONG_PHASES = frozenset(
    {"importing", "loading", "tokenizing", "base_score", "tuned_score", "saving", "checking", "evaluating"}
)
"""Phases without steps: loading 140 GB over a network, or hashing them, may well take longer than a step ever does."""
LONG_PHASE_FACTOR = 6
_KEPT_STEPS = 50
_CATCH_UP_BYTES = 4 << 20


class Ears:
    """Reads the events of the trainer's current attempt as they come."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run, self.plan = run, plan
        self._tail = EventTail(run.trainer_events)
        step = last_step(run)
        self.last_step = step.step if step else None
        self.last_sign = time.monotonic()
        """Monotonic time of the trainer's last event: a clock that jumps does not reach it."""
        self.done: Done | None = None
        self.failed: Failed | None = None
        self._phase = ""
        self._step_seconds: list[float] = []

    @property
    def offset(self) -> int:
        """Where the next event will be read, in bytes."""
        return self._tail.offset

    def listen_from(self, offset: int) -> None:
        """Begin a new attempt: what stands before `offset` is the word of earlier ones."""
        self._tail = EventTail(self.run.trainer_events, offset)
        self.last_sign = time.monotonic()
        self.done = self.failed = None
        self._phase = "importing"

    def catch_up(self, offset: int) -> None:
        """Go on where another supervisor stopped listening; alerts that it has passed on are not passed on again."""
        size = self.run.trainer_events.stat().st_size if self.run.trainer_events.exists() else 0
        self.listen_from(max(offset, size - _CATCH_UP_BYTES))
        heard_until = _last_time(self.run)
        while batch := self._tail.events():
            for stamped in batch:
                self._take(stamped, notify=heard_until is None or stamped.time > heard_until.time)

    def hear(self) -> None:
        """Take in the events that came."""
        for stamped in self._tail.events():
            self._take(stamped)

    def hear_all(self) -> None:
        """Take in everything to the end of the file: the trainer is gone."""
        while not self._tail.at_end():
            before = self.offset
            self.hear()
            if self.offset == before:
                return  # half a line, cut off with its writer

    def _take(self, stamped: Stamped, notify: bool = True) -> None:
        self.last_sign = time.monotonic()
        event = stamped.event
        # The last word is the last event: a trainer that goes on after one has not ended.
        self.done = event if isinstance(event, Done) else None
        self.failed = event if isinstance(event, Failed) else None
        if isinstance(event, Step):
            self.last_step = event.step
            seconds = event.metrics.get("step_seconds")
            if seconds is not None:
                self._step_seconds = [*self._step_seconds[1 - _KEPT_STEPS :], seconds]
        elif isinstance(event, Phase):
            self._phase = event.name
        elif isinstance(event, Alert) and event.level != "info" and notify:
            alerts.send(self.plan, self.run, event.code, event.message)

    def hang_seconds(self) -> float:
        """So long without a sign is a hang: the plan's limit or 20 median steps, more in phases that have no steps."""
        limit = self.plan.recovery.hang_minutes * 60
        if self._phase in LONG_PHASES:
            return limit * LONG_PHASE_FACTOR
        median = sorted(self._step_seconds)[len(self._step_seconds) // 2] if self._step_seconds else 0.0
        return max(limit, 20 * median)


def _last_time(run: Run) -> Stamped | None:
    """The last event of the supervisor before this one."""
    for line in reversed(last_lines(run.supervisor_events)):
        if (stamped := parse_line(line)) is not None:
            return stamped
    return None
