"""Lines of a run's event files as plain records: read many at a time, and never trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ftui.core.events import SCHEMA_VERSION, Alert, Attempt, Sample

_READABLE = tuple(range(1, SCHEMA_VERSION + 1))
_LONGEST_SAMPLE, _LONGEST_ALERT = 10_000, 1_000


def json_records(lines: list[bytes]) -> list[Any]:
    """The JSON values of the lines; None where a line holds none."""
    from orjson import JSONDecodeError, loads

    try:
        records = loads(b"[" + b",".join(lines) + b"]")
        if len(records) == len(lines):
            return list(records)
    except JSONDecodeError:
        pass
    return [_record(line) for line in lines]


def _record(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def is_step(record: dict[str, Any]) -> bool:
    """Whether a record is a step of a version that is known."""
    return (
        type(record.get("step")) is int
        and type(record.get("steps_total")) is int
        and record.get("schema_version") in _READABLE
    )


def time_of(record: dict[str, Any]) -> datetime | None:
    """The time of an event of a version that is known, or None."""
    stamp = record.get("time")
    if record.get("schema_version") not in _READABLE or not isinstance(stamp, str):
        return None
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def attempt_in_words(event: Attempt) -> Alert:
    """An attempt that is not the first, as an alert."""
    changed = ", ".join(f"{name} = {value}" for name, value in event.changes.items())
    where = f" from step {event.from_step}" if event.from_step else ""
    message = f"Attempt {event.attempt} started{where} ({event.reason}){': ' + changed if changed else ''}"
    return Alert("info", "attempt", message, step=event.from_step)


def short_alert(alert: Alert) -> Alert:
    """The alert with its texts cut to what is kept in memory."""
    if len(alert.message) <= _LONGEST_ALERT and len(alert.hint) <= _LONGEST_ALERT:
        return alert
    return replace(alert, message=alert.message[:_LONGEST_ALERT], hint=alert.hint[:_LONGEST_ALERT])


def shortened(sample: Sample) -> Sample:
    """The sample with its texts cut to what is kept in memory."""
    texts = (sample.prompt, sample.output, sample.reference, sample.base_output)
    if max(map(len, texts)) <= _LONGEST_SAMPLE:
        return sample
    prompt, output, reference, base_output = (text[:_LONGEST_SAMPLE] for text in texts)
    return Sample(sample.step, prompt, output, reference, base_output)


def is_mapping(value: object) -> bool:
    """Whether it is a JSON object."""
    return isinstance(value, Mapping)


def number_or(value: Any, otherwise: Any) -> Any:
    """The value where it is a number, else the other one."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def float_or_none(value: object) -> float | None:
    """The value as a float where it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
