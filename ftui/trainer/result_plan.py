"""What the final model of a run is: of several stages it is the last one that makes a policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ftui.core.plan import Plan, result_stage, stage_folder, stage_plan
from ftui.trainer.job import read_plan


@dataclass(frozen=True)
class ResultPlan:
    """plan: of the training that made the final model. data: the folder with its train.jsonl and eval.jsonl."""

    plan: Plan
    data: Path

    @property
    def held_out(self) -> Path:
        """The rows that base and tuned are compared on; the file may be missing."""
        return self.data / "eval.jsonl"


def result_plan(run_dir: Path) -> ResultPlan:
    """The plan and the rows of the run's final model. Raises FtuiError where the plan cannot be read."""
    plan = read_plan(run_dir)
    last = result_stage(plan)
    if last is None:
        return ResultPlan(plan, run_dir / "data")
    own = run_dir / "stages" / stage_folder(plan, last) / "data"
    return ResultPlan(stage_plan(plan, last), own if (own / "train.jsonl").is_file() else run_dir / "data")
