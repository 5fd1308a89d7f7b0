"""What to do when a trainer has ended: the plan's recovery policy as a table that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ftui.core.events import Alert
from ftui.core.plan import Plan

LOWEST_LEARNING_RATE_SHARE = 1 / 16


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    reason: finished, stop, pause, preempted, oom, nan, crash, hang, disk, data, gpu_lost, error.
    """

    reason: str
    step: int | None = None
    words: str = ""
    hint: str = ""
    need_bytes: int | None = None
    """Where the disk is full: how much must be free to go on."""


@dataclass(frozen=True, slots=True)
class Decision:
    """action: end or restart. status: the run's status when it ends. changes: plan fields for the next attempt."""

    action: str
    status: str = ""
    reason: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    counts: bool = True
    """Whether the restart counts against recovery.max_restarts."""
    event: Alert | None = None


def decide_next(plan: Plan, ending: Ending, failures: int, current: Plan) -> Decision:
    """Give what follows an ending. `failures`: restarts so far; `current`: the plan with the changes made so far."""
    policy = plan.recovery
    match ending.reason:
        case "finished":
            return Decision("end", "finished")
        case "stop":
            return Decision("end", "stopped", "you stopped it")
        case "pause":
            return Decision("end", "paused", "you paused it")
        case "preempted":
            return Decision("end", "stopped", "the system asked it to end; its checkpoint is whole")
        case "disk":
            words = ending.words or "the disk is full; the run goes on by itself when there is room"
            return _restart("disk", {}, words[:1].upper() + words[1:] + ".", ending, counts=False)
        case "oom" if policy.on_oom == "shrink":
            return _smaller(current, ending)
        case "nan" if policy.on_nan == "rewind":
            return _gentler(plan, current, ending)
        case "crash" | "hang" if failures < policy.max_restarts:
            times = f"{failures + 1} of at most {policy.max_restarts}"
            return _restart(ending.reason, {}, f"Restarting from the last checkpoint ({times}): {ending.words}", ending)
    return Decision("end", "failed", ending.words or ending.reason)


def _restart(reason: str, changes: Mapping[str, Any], words: str, ending: Ending, *, counts: bool = True) -> Decision:
    return Decision("restart", "", reason, changes, counts, Alert("warning", reason, words, ending.hint, ending.step))


def _smaller(current: Plan, ending: Ending) -> Decision:
    """Out of memory: the same effective batch in smaller bites, then checkpointing, then the user is asked."""
    train = current.train
    if train.micro_batch > 1:
        # The largest part that divides it: the effective batch stays what it was, to the row, and so does the position
        # in the data that a checkpoint counts in effective batches. 6 -> 3, 9 -> 3, 7 -> 1.
        half = max(n for n in range(1, train.micro_batch // 2 + 1) if train.micro_batch % n == 0)
        rounds = train.micro_batch // half * train.accumulation
        changes: dict[str, Any] = {"train.micro_batch": half, "train.accumulation": rounds}
        return _restart(
            "oom",
            changes,
            f"Out of memory: micro-batch {half} x accumulation {rounds} from here.",
            ending,
            counts=False,
        )
    if not train.gradient_checkpointing:
        changes = {"train.gradient_checkpointing": True}
        return _restart("oom", changes, "Out of memory: gradient checkpointing on from here.", ending, counts=False)
    return Decision(
        "end",
        "failed",
        "out of memory with micro-batch 1 and checkpointing on; try a shorter length, QLoRA or a smaller model",
    )


def _gentler(plan: Plan, current: Plan, ending: Ending) -> Decision:
    """The loss is not a number: back to the last good checkpoint with half the learning rate, a few times."""
    rate = current.train.learning_rate / 2
    if rate < plan.train.learning_rate * LOWEST_LEARNING_RATE_SHARE:
        return Decision("end", "failed", f"the loss is not a number even at learning rate {rate * 2:g}: {ending.words}")
    words = f"The loss is not a number: back to the last good checkpoint with learning rate {rate:g}."
    return _restart("nan", {"train.learning_rate": rate}, words, ending, counts=False)
