"""What a viewer knows of one run: events folded into curves and latest values, in bounded memory."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from ftui.core.events import (
    SCHEMA_VERSION,
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
    parse_line,
)
from ftui.tui.run_records import (
    attempt_in_words,
    float_or_none,
    is_mapping,
    is_step,
    json_records,
    number_or,
    short_alert,
    shortened,
    time_of,
)
from ftui.tui.series import Average, Series

SMOOTHINGS = (0.9, 0.97, 0.0, 0.6)
"""How much of the last average stays at each step, in the order that the key walks through them; 0 is no smoothing."""
_ENVELOPE = frozenset({"schema_version", "time", "kind", "step", "steps_total", "epoch", "tokens"})
_HOST_FIELDS = ("host_rss_bytes", "host_total_bytes")
_TRAINER_FIELDS = (
    "allocated_bytes", "allocated_peak_bytes", "reserved_bytes", "tensors_bytes", "host_available_bytes",
)  # fmt: skip
_NOISY = ("loss", "reward")
"""Metrics whose names begin like this are smoothed."""
_MOST_ALERTS, _MOST_SAMPLES = 200, 60


@dataclass
class Device:
    """The memory of one GPU, or of the host."""

    name: str
    total_bytes: float = 0.0
    used_bytes: float = 0.0
    peak_bytes: float = 0.0
    utilization_percent: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    over_time: Series = field(default_factory=lambda: Series(4096))
    coming: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    """Seconds and bytes that are not in `over_time` yet: many at once cost little."""

    def use(self, seconds: float, used: object, total: object) -> None:
        """Take in what is used now."""
        if (now := float_or_none(used)) is not None:
            self.used_bytes = now
            self.peak_bytes = max(self.peak_bytes, now)
            self.coming[0].append(seconds)
            self.coming[1].append(now)
        self.total_bytes = float_or_none(total) or self.total_bytes

    def settle(self) -> None:
        """Bring `over_time` up to date."""
        if self.coming[0]:
            self.over_time.extend(*self.coming)
            self.coming = ([], [])


class RunView:
    """The folded events of a run. `changed` holds the names of the areas that changed since it was last cleared."""

    def __init__(self) -> None:
        self.phase = Phase("waiting", "for the run's first sign of life")
        self.phase_since: datetime | None = None
        self.first_time: datetime | None = None
        self.last_time: datetime | None = None
        self.step = self.steps_total = self.tokens = 0
        self.epoch = 0.0
        self.latest: dict[str, float] = {}
        self.train: dict[str, Series] = {}
        self.evals: dict[str, Series] = {}
        self.smoothed: dict[str, Series] = {}
        """The running average of each metric that is too noisy to read without one (see `_NOISY`)."""
        self.smoothing = SMOOTHINGS[0]
        self._averages: dict[str, Average] = {}
        self.step_seconds: deque[float] = deque(maxlen=60)
        self.gpus: dict[int, Device] = {}
        self.host: Device | None = None
        self._first_memory: datetime | None = None
        self.trainer_bytes: dict[str, float] = {}
        self._alerts: list[tuple[datetime, Alert]] = []
        self.samples: deque[Sample] = deque(maxlen=_MOST_SAMPLES)
        self.checkpoints: deque[Checkpoint] = deque(maxlen=50)
        self.best: Checkpoint | None = None
        self.attempt = Attempt(0, "")
        self.outcome: Done | Failed | None = None
        self._said: dict[str, datetime] = {}
        """When the newest word on the phase and on the outcome was said: the two event files are read one after the
        other, so what is read later may be older."""
        self.event_count = 0
        self.changed: set[str] = set()

    # -- reading

    def read(self, lines: list[bytes]) -> None:
        """Fold in lines of an event file.

        Steps, which are nearly all of a long run, are taken column by column: a million of them in about two seconds.
        """
        steps: list[dict[str, Any]] = []
        for line, record in zip(lines, json_records(lines), strict=True):
            kind = record.get("kind") if type(record) is dict else None
            if kind == "step" and is_step(record):
                steps.append(record)
                continue
            if kind == "memory" and (time := time_of(record)) is not None:
                self._memory(record, time)
                continue
            if kind in ("done", "failed", "attempt"):
                self._steps(steps)  # what these say is about the steps before them
                steps = []
            if kind is not None and (stamped := parse_line(line)) is not None:
                self.apply(stamped)
        self._steps(steps)
        self._settle()

    def apply(self, stamped: Stamped) -> None:
        """Fold in one event."""
        self._at(stamped.time)
        if isinstance(stamped.event, Step):
            step = stamped.event
            record = {"step": step.step, "steps_total": step.steps_total, "epoch": step.epoch, "tokens": step.tokens}
            self._steps([{**record, **step.metrics}])
            return
        if isinstance(stamped.event, Memory):
            memory = stamped.event
            self._memory(
                {name: getattr(memory, name) for name in ("gpus", *_HOST_FIELDS, *_TRAINER_FIELDS)}, stamped.time
            )
            self._settle()
            return
        self.event_count += 1
        self._fold(stamped.event, stamped.time)

    def _steps(self, records: list[dict[str, Any]]) -> None:
        if not records:
            return
        newest = records[-1]
        self.event_count += len(records)
        self.step, self.steps_total = newest["step"], newest["steps_total"]
        self.tokens, self.epoch = (
            number_or(newest.get("tokens"), self.tokens),
            number_or(newest.get("epoch"), self.epoch),
        )
        xs = [record["step"] for record in records]
        for name in dict.fromkeys(name for record in (newest, records[0]) for name in record):
            if name not in _ENVELOPE:
                self._metric(name, xs, [record.get(name) for record in records])
        self.changed.add("step")
        self._seen(newest.get("time"))
        if (time := time_of(newest)) is None or self._is_news("outcome", time):
            self.outcome = None

    def _metric(self, name: str, xs: list[int], values: list[Any]) -> None:
        if not set(map(type, values)) <= {float, int}:
            pairs = [(x, y) for x, y in zip(xs, values, strict=True) if type(y) in (float, int)]
            xs, values = [x for x, _ in pairs], [y for _, y in pairs]
        if not values:
            return
        self.train.setdefault(name, Series()).extend(xs, values)
        self.latest[name] = values[-1]
        if name.startswith(_NOISY):
            self._smooth(name, xs, values)
        elif name == "step_seconds":
            self.step_seconds.extend(values[-60:])

    # -- folding

    def _fold(self, event: Event, time: datetime) -> None:
        match event:
            case Phase() if self._is_news("phase", time):
                if event.name != self.phase.name:
                    self.phase_since = self.last_time
                self.phase = event
                self.changed.add("phase")
            case Eval():
                for name, value in event.metrics.items():
                    if value is not None:
                        self.evals.setdefault(name, Series(4096)).append(event.step, value)
                        self.latest[name] = value
                self.changed.add("step")
            case Sample():
                self.samples.append(shortened(event))
                self.changed.add("samples")
            case Alert():
                self._alert(event, time)
                self.changed.add("alerts")
            case Checkpoint():
                self.checkpoints.append(event)
                self.best = event if event.best else self.best
                self.changed.add("phase")
            case Attempt():
                self.attempt = event
                if self._is_news("outcome", time):
                    self.outcome = None
                self.changed.add("phase")
                if event.attempt > 1 or event.reason not in ("start", ""):
                    self._alert(attempt_in_words(event), time)
                    self.changed.add("alerts")
            case Done() | Failed():
                if self._is_news("outcome", time):
                    self.outcome = event
                self.changed.add("phase")
                if isinstance(event, Failed):
                    said = Alert("error", event.reason, f"{event.title}: {event.message}", event.hint)
                    self._alert(said, time)
                    self.changed.add("alerts")

    def _memory(self, record: Mapping[str, Any], time: datetime) -> None:
        self.event_count += 1
        self._at(time)
        self._first_memory = self._first_memory or time
        seconds = (time - self._first_memory).total_seconds()
        gpus = record.get("gpus")
        for gpu in filter(is_mapping, gpus if isinstance(gpus, list | tuple) else ()):
            index = int(number_or(gpu.get("index"), len(self.gpus)))
            device = self.gpus.get(index) or self.gpus.setdefault(index, Device(f"GPU {index}"))
            device.utilization_percent = float_or_none(gpu.get("utilization_percent"))
            device.temperature_c, device.power_w = (
                float_or_none(gpu.get("temperature_c")),
                float_or_none(gpu.get("power_w")),
            )
            device.use(seconds, gpu.get("used_bytes"), gpu.get("total_bytes"))
        if record.get("host_rss_bytes") is not None:
            self.host = self.host or Device("Host")
            self.host.use(seconds, record["host_rss_bytes"], record.get("host_total_bytes"))
        for name in _TRAINER_FIELDS:
            if (value := float_or_none(record.get(name))) is not None:
                self.trainer_bytes[name] = value
        self.changed.add("memory")

    def _settle(self) -> None:
        for device in (*self.gpus.values(), *((self.host,) if self.host else ())):
            device.settle()

    # -- derived

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of trainer and supervisor, by time, the newest last."""
        return [alert for _, alert in self._alerts]

    def _alert(self, alert: Alert, time: datetime) -> None:
        insort(self._alerts, (time, short_alert(alert)), key=itemgetter(0))
        del self._alerts[:-_MOST_ALERTS]

    def smooth(self, share: float) -> None:
        """Draw the averages anew with another smoothing (see SMOOTHINGS)."""
        self.smoothing = share
        self.smoothed, self._averages = {}, {}
        for name, series in self.train.items():
            if name.startswith(_NOISY):
                self._smooth(name, series.xs, series.ys)
        self.changed.add("step")

    def _smooth(self, name: str, xs: Sequence[float], values: Sequence[float]) -> None:
        average = self._averages.setdefault(name, Average(1 - self.smoothing))
        self.smoothed.setdefault(name, Series()).extend(xs, average.add_all(values))

    def _is_news(self, about: str, time: datetime) -> bool:
        """Whether nothing newer was said about it; then this is the newest."""
        if time < self._said.get(about, time):
            return False
        self._said[about] = time
        return True

    def _seen(self, stamp: object) -> None:
        if (time := time_of({"schema_version": SCHEMA_VERSION, "time": stamp})) is not None:
            self._at(time)

    def _at(self, time: datetime) -> None:
        if self.first_time is None or time < self.first_time:
            self.first_time = time
        if self.last_time is None or time > self.last_time:
            self.last_time = time
