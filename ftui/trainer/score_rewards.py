"""The reward functions of an online run as metrics: what the policy was trained for is what it is judged by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan
from ftui.trainer.emit import Emitter
from ftui.trainer.job import Job
from ftui.trainer.stopping import StopRequest

Reward = Callable[[str, Mapping[str, Any], int], float]


def rewards_of(plan: Plan, run_dir: Path) -> list[tuple[str, Reward]]:
    """The functions that method.rewards names; [] for every other run. Raises TrainerError for one that cannot work."""
    if plan.method.task not in ("grpo", "rloo") or not plan.method.rewards:
        return []
    from ftui.trainer.rewards import judges

    job = Job(run_dir, run_dir, plan, Emitter(None), StopRequest(), plan.model.path or plan.model.id)
    return [(name, judge) for name, judge in judges(job)]  # type: ignore[misc]


def rewarded(rewards: list[tuple[str, Reward]], answer: str, row: Mapping[str, Any], tokens: int) -> dict[str, float]:
    """`reward`, their sum, which is what was maximised, and each of several by its name."""
    values = {f"reward_{name}": float(reward(answer, row, tokens)) for name, reward in rewards}
    if not values or not all(math.isfinite(value) for value in values.values()):
        return {}
    return {"reward": math.fsum(values.values()), **(values if len(values) > 1 else {})}
