"""Every event line is what ftui/schemas/event.json says, and the schema knows no field that events do not have."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import ftui.schemas
from ftui.core.events import (
    KINDS,
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
    Step,
    to_line,
)  # fmt: skip

SCHEMA = json.loads((Path(ftui.schemas.__file__).parent / "event.json").read_text())
CHECK = jsonschema.Draft202012Validator(SCHEMA)

EVENTS: list[Event] = [
    Phase("loading"),
    Phase("tokenizing", "rows", 0.5),
    Step(1, 10, 0.1, 64, {"loss": math.nan, "learning_rate": 1e-4}),
    Eval(5, 0.5, 320, {"eval_loss": 1.5}),
    Memory(3, ({"index": 0, "used_bytes": 1.0, "power_w": None},), 1, 2, 3, 4, 5, 6, 7),
    Memory(),
    Sample(5, "[INST]", "\u001b[31m", "x", "y"),
    Alert("warning", "disk", "full", "free some", 4),
    Checkpoint(10, "checkpoints/step-10", 1 << 20, best=True),
    Attempt(2, "oom", 812, 4, {"train.micro_batch": 2}),
    Done(10, "finished", 1.5, {"loss": 1.0}),
    Failed("No space", "at step 3", "", "disk", 3, 1 << 30),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_lines_are_what_the_schema_says(event: Event) -> None:
    CHECK.validate(json.loads(to_line(event)))


def test_the_schema_has_the_fields_of_the_events_and_no_others() -> None:
    assert set(SCHEMA["$defs"]) == {"Time", *(kind.__name__ for kind in KINDS.values())}
    for name, kind in KINDS.items():
        described: dict[str, Any] = SCHEMA["$defs"][kind.__name__]
        assert described["properties"]["kind"] == {"const": name}
        own = {field.name for field in fields(kind)} - {"metrics"}
        assert set(described["properties"]) == own | {"schema_version", "time", "kind"}


def test_what_is_no_event_is_refused() -> None:
    line = json.loads(to_line(Alert("warning", "disk", "full")))
    for spoiled in ({**line, "level": "loud"}, {**line, "kind": "step"}, {**line, "colour": "red"}, [], {}):
        assert not CHECK.is_valid(spoiled)
