"""The protocol: what is written is what is read, and nothing that lies in a file can hurt a reader."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core import events
from ftui.core.events import Alert, Attempt, Checkpoint, Done, Eval, Failed, Memory, Phase, Sample, Step

EXAMPLES = [
    Phase("loading", "weights", 0.5),
    Step(3, 30, 0.1, 512, {"loss": 2.5, "learning_rate": 1e-4, "tokens_per_second": 812.0}),
    Eval(10, 1.0, 900, {"eval_loss": 1.5}),
    Memory(step=3, gpus=({"index": 0, "used_bytes": 5},), allocated_bytes=7),
    Sample(10, "prompt [INST]", "output\n\x1b[31m", "reference"),
    Alert("warning", "overfitting", "held-out loss rises", step=10),
    Checkpoint(10, "checkpoints/step-10", 1234, best=True),
    Attempt(2, "oom", pid=4, changes={"train.micro_batch": 2}),
    Done(30, "finished", 12.5, {"best_step": 20}),
    Failed("Out of memory", "at step 3", "a smaller micro-batch", "oom", 3),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: type(e).__name__)
def test_round_trip(event: events.Event) -> None:
    line = events.to_line(event)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert line.isascii()
    stamped = events.parse_line(line)
    assert stamped is not None
    assert stamped.event == event
    assert stamped.time.tzinfo is not None


def test_every_line_has_the_envelope_and_training_kinds_are_flat() -> None:
    for event in EXAMPLES:
        record = json.loads(events.to_line(event))
        assert record["schema_version"] == 1
        assert record["time"].endswith("Z")
        assert record["kind"] in events.KINDS
    step = json.loads(events.to_line(EXAMPLES[1]))
    assert step["step"] == 3
    assert step["loss"] == 2.5
    assert step["tokens_per_second"] == 812.0


def test_a_number_that_is_none_becomes_null() -> None:
    line = events.to_line(Step(1, 2, 0.0, 0, {"loss": math.nan, "grad_norm": math.inf}))
    assert json.loads(line)["loss"] is None
    parsed = events.parse_line(line)
    assert parsed is not None
    assert parsed.event.metrics == {"loss": None, "grad_norm": None}  # type: ignore[union-attr]


@given(st.binary(max_size=300))
def test_garbage_is_no_event_and_no_error(garbage: bytes) -> None:
    events.parse_line(garbage)


@given(
    st.dictionaries(
        st.sampled_from(["schema_version", "time", "kind", "step", "loss", "metrics", "gpus", "message", "epoch"]),
        st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers()), st.just("step"), st.just(1)),
    )
)
def test_wrong_shapes_are_no_error(record: dict[str, object]) -> None:
    events.parse_line(json.dumps({"schema_version": 1, "time": "2026-01-01T00:00:00Z", "kind": "step", **record}))


def test_half_lines_and_newer_versions_are_left_out() -> None:
    line = events.to_line(EXAMPLES[1])
    for cut in range(len(line) - 1):
        assert events.parse_line(line[:cut]) is None
    assert events.parse_line(line.replace('"schema_version":1', '"schema_version":99')) is None
