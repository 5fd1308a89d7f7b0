"""The recovery policy: same effective batch after OOM, gentler after NaN, a limit on everything."""

from __future__ import annotations

import pytest

from ftui.core.plan import from_mapping, with_values
from ftui.core.recovery import Ending, decide_next

PLAN = from_mapping({"model": {"id": "m"}, "data": {"train": "d"}, "train": {"micro_batch": 4, "accumulation": 2}})


@pytest.mark.parametrize(
    ("reason", "status"),
    [("finished", "finished"), ("stop", "stopped"), ("pause", "paused"), ("preempted", "stopped"), ("data", "failed")],
)
def test_endings_that_end(reason: str, status: str) -> None:
    decision = decide_next(PLAN, Ending(reason), 0, PLAN)
    assert (decision.action, decision.status) == ("end", status)


def test_out_of_memory_keeps_the_effective_batch_until_nothing_is_left_to_shrink() -> None:
    current, seen = PLAN, []
    for _ in range(10):
        decision = decide_next(PLAN, Ending("oom", 3), 0, current)
        if decision.action == "end":
            break
        current = with_values(current, dict(decision.changes))
        seen.append((current.train.micro_batch, current.train.accumulation, current.train.gradient_checkpointing))
    assert seen == [(2, 4, False), (1, 8, False), (1, 8, True)]
    assert decision.status == "failed"
    assert "smaller model" in decision.reason


@pytest.mark.parametrize(("micro_batch", "smaller"), [(2, 1), (6, 3), (7, 1), (9, 3), (12, 6)])
def test_the_effective_batch_stays_the_same_to_the_row(micro_batch: int, smaller: int) -> None:
    current = with_values(PLAN, {"train.micro_batch": micro_batch, "train.accumulation": 3})
    changes = decide_next(PLAN, Ending("oom"), 0, current).changes
    assert changes["train.micro_batch"] == smaller
    assert changes["train.micro_batch"] * changes["train.accumulation"] == micro_batch * 3


def test_not_a_number_halves_the_learning_rate_and_gives_up_at_a_sixteenth() -> None:
    current, rates = PLAN, []
    while (decision := decide_next(PLAN, Ending("nan", 5), 0, current)).action == "restart":
        current = with_values(current, dict(decision.changes))
        rates.append(current.train.learning_rate / PLAN.train.learning_rate)
    assert rates == [1 / 2, 1 / 4, 1 / 8, 1 / 16]


def test_crashes_and_hangs_restart_a_limited_number_of_times() -> None:
    for reason in ("crash", "hang"):
        assert [decide_next(PLAN, Ending(reason), n, PLAN).action for n in range(4)] == ["restart"] * 3 + ["end"]


def test_a_plan_may_refuse_to_recover() -> None:
    strict = with_values(PLAN, {"recovery.on_oom": "stop", "recovery.on_nan": "stop", "recovery.max_restarts": 0})
    for reason in ("oom", "nan", "crash"):
        assert decide_next(strict, Ending(reason), 0, strict).status == "failed"


def test_a_full_disk_waits_and_does_not_count() -> None:
    decision = decide_next(PLAN, Ending("disk"), 99, PLAN)
    assert (decision.action, decision.counts) == ("restart", False)
    said = decide_next(PLAN, Ending("disk", words="the disk is full: /x needs 900 MiB"), 0, PLAN).event
    assert said is not None and said.message == "The disk is full: /x needs 900 MiB."


def test_every_restart_says_why() -> None:
    for reason in ("oom", "nan", "crash", "hang", "disk"):
        decision = decide_next(PLAN, Ending(reason, 7, "because"), 0, PLAN)
        assert decision.action == "restart" and decision.event is not None
        assert (decision.event.code, decision.event.step) == (reason, 7) and decision.event.message
