"""THE PROTOCOL between trainer, supervisor and viewers: frozen dataclasses, one JSON line each.

A line is `{"schema_version": 1, "time": "2026-11-22T04:05:06.789Z", "kind": ..., ...}`. Training kinds carry `step`,
`epoch`, `tokens` and their metrics by name, with the unit in the name (`learning_rate` and `grad_norm` have none,
losses are in nats per token). A metric that is not a number is written as null: JSON has no NaN.

A reader meets files that are being written, were cut off by a full disk or a power failure, or come from another
version: `parse_line` gives None for a line that is not a whole event of a known kind, and never raises.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Phase:
    """What the run is busy with, so that nothing ever looks frozen."""

    name: str
    """importing, checking, loading, tokenizing, base_score, training, evaluating, saving, tuned_score, idle."""
    detail: str = ""
    fraction: float | None = None
    """0 to 1 where the phase knows how far it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step. metrics: loss, learning_rate, grad_norm, tokens_per_second, step_seconds, rewards..."""

    step: int
    steps_total: int
    epoch: float
    tokens: int
    """Trained-on positions since the start of the run (padding not counted)."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Eval:
    """Held-out metrics at a step. metrics: eval_loss, eval_seconds, probe_loss (general ability), accuracies..."""

    step: int
    epoch: float
    tokens: int
    metrics: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory now, in bytes. The trainer reports allocated/reserved, the supervisor what device and host see."""

    step: int | None = None
    gpus: tuple[Mapping[str, float | None], ...] = ()
    """Per GPU: index, used_bytes, total_bytes, process_bytes, utilization_percent, temperature_c, power_w."""
    allocated_bytes: int | None = None
    allocated_peak_bytes: int | None = None
    reserved_bytes: int | None = None
    host_rss_bytes: int | None = None
    """Resident memory of the trainer and its children."""
    host_available_bytes: int | None = None
    host_total_bytes: int | None = None
    tensors_bytes: int | None = None
    """On CPU runs: bytes of the tensors actually held, to compare with the prediction."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A generation at an evaluation, beside the base model's."""

    step: int
    prompt: str
    output: str
    reference: str = ""
    base_output: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that the user should know, in words. level: info, warning, error."""

    level: str
    code: str
    """overfitting, diverging, forgetting, nan, slow_loader, truncation, hang, oom, disk, thermal, gpu_lost..."""
    message: str
    hint: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that is whole on the disk."""

    step: int
    path: str
    """Relative to the run directory."""
    size_bytes: int
    best: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """The supervisor starts the trainer (again)."""

    attempt: int
    reason: str
    """start, resume, adopt, oom, crash, nan, hang, disk, preempted."""
    pid: int | None = None
    from_step: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the plan: {"train.micro_batch": 2, ...}."""


@dataclass(frozen=True, slots=True)
class Done:
    """The trainer finished. status: finished, stopped, paused."""

    step: int
    status: str
    seconds: float
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The trainer gave up; the last word before its exit."""

    title: str
    message: str
    hint: str = ""
    reason: str = "error"
    """error, oom, nan, disk, data, gpu_lost, interrupted."""
    step: int | None = None
    need_bytes: int | None = None
    """Where the disk is full: how much must be free before it makes sense to go on."""


Event = Phase | Step | Eval | Memory | Sample | Alert | Checkpoint | Attempt | Done | Failed

KINDS: dict[str, type[Any]] = {
    "phase": Phase,
    "step": Step,
    "eval": Eval,
    "memory": Memory,
    "sample": Sample,
    "alert": Alert,
    "checkpoint": Checkpoint,
    "attempt": Attempt,
    "done": Done,
    "failed": Failed,
}
_KIND_OF = {cls: kind for kind, cls in KINDS.items()}
_FIELDS = {cls: tuple(f.name for f in fields(cls)) for cls in KINDS.values()}
_TEXTS = {cls: tuple(f.name for f in fields(cls) if f.type in ("str", "Mapping[str, Any]")) for cls in KINDS.values()}
"""Fields that can hold any text, or values with text in them."""
_ENVELOPE = ("schema_version", "time", "kind")


@dataclass(frozen=True, slots=True)
class Stamped:
    """An event and when it was written (UTC)."""

    time: datetime
    event: Event


def now() -> datetime:
    """The time that an event written now would carry."""
    return datetime.now(UTC)


def to_line(event: Event, time: datetime | None = None, secrets: Iterable[str] = ()) -> str:
    """Give the event as one line of JSON, newline included, with everything that looks like a secret masked.

    secrets: values to mask whatever they look like, such as `core.secrets.secrets_of(os.environ)`.
    """
    stamp = (time or now()).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "time": stamp, "kind": _KIND_OF[type(event)]}
    for name in _FIELDS[type(event)]:
        value = getattr(event, name)
        if name == "metrics":
            record.update((key, _finite(number)) for key, number in value.items())
        elif value is not None:
            record[name] = value
    plain = _plain(record)
    for name in _TEXTS[type(event)]:
        if plain.get(name):
            plain[name] = _masked(plain[name], secrets)
    return json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def parse_line(line: str | bytes) -> Stamped | None:
    """Give the event of one line, or None where the line is not a whole event of a known kind and version."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("schema_version"), int):
        return None
    cls = KINDS.get(record.get("kind", "")) if isinstance(record.get("kind"), str) else None
    if cls is None or record["schema_version"] > SCHEMA_VERSION:
        return None
    try:
        time = datetime.fromisoformat(record["time"])
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        return Stamped(time, _build(cls, record))
    except (KeyError, TypeError, ValueError):
        return None


def _build(cls: type[Any], record: dict[str, Any]) -> Event:
    names = _FIELDS[cls]
    known = {name: record[name] for name in names if name in record and name != "metrics"}
    if "metrics" in names:
        known["metrics"] = {
            key: value
            for key, value in record.items()
            if key not in names and key not in _ENVELOPE and (value is None or _is_number(value))
        }
    for name in ("step", "steps_total", "tokens", "attempt", "size_bytes", "need_bytes"):
        if known.get(name) is not None and name in known and not _is_number(known[name]):
            raise TypeError(name)
    for name in ("name", "detail", "message", "title", "hint", "code", "level", "prompt", "output", "reason"):
        if name in known and not isinstance(known[name], str):
            raise TypeError(name)
    if cls is Memory:
        known["gpus"] = tuple(known.get("gpus", ()))
    event: Event = cls(**known)
    return event


def _masked(value: Any, secrets: Iterable[str]) -> Any:
    if isinstance(value, str):
        from ftui.core.secrets import redact  # fifty patterns to compile: not for those who only read events

        return redact(value, known=secrets)
    if isinstance(value, dict):
        return {key: _masked(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, secrets) for item in value]
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(number: float | None) -> float | None:
    return number if number is None or math.isfinite(number) else None


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
