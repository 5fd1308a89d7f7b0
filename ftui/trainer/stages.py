"""One training or several, one after the other: SFT then DPO, or preferences, reward model and policy.

A stage lives in stages/N-name/ with its own data, checkpoints and model; done.json there says that it is finished, and
a run that is started again goes on after it. A stage tunes what the stage before it made: LoRA goes on with the same
adapter, so that the result is one adapter on the original model. A reward model is a branch of its own: the policy
after it starts where the last policy stage ended, and is led by it.
"""

from __future__ import annotations

import gc
import json
import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan, stage_plan, with_values
from ftui.trainer.job import Job, write_json
from ftui.trainer.recipes import recipe_for
from ftui.trainer.scoring import score_tuned
from ftui.trainer.settings import refuse_unavailable

ONLINE = ("grpo", "rloo")


@dataclass
class Lineage:
    """What the stages so far have made."""

    base: str
    adapter: Path | None = None
    reward: Path | None = None
    steps: int = 0


def train_stages(job: Job) -> dict[str, Any]:
    """Train the plan, or each of its stages, and score the result. Gives the summary of the Done event."""
    if not job.plan.stages:
        refuse_unavailable(job.plan, job.base)
        outcome = recipe_for(job.plan.method.task)(job)
        score_tuned(job, outcome)
        return {"step": outcome.steps, **outcome.summary, "model": "model"}

    made, summary = Lineage(job.base), dict[str, Any]()
    count = len(job.plan.stages)
    for index in range(count):
        refuse_unavailable(stage_plan(job.plan, index), job.base)
    # Base and tuned are compared on the held-out rows of the last stage that makes a policy.
    policies = [i for i in range(count) if stage_plan(job.plan, i).method.task != "reward"]
    for index in range(count):
        plan = stage_plan(job.plan, index)
        name = str(job.plan.stages[index].get("name") or plan.method.task)
        folder = job.run_folder / "stages" / f"{index + 1}-{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}"
        job.phase("loading", f"stage {index + 1} of {count}: {name}")
        stage = replace(
            job,
            folder=folder,
            plan=_led(plan, made),
            base=made.base if plan.method.task != "reward" else job.base,
            adapter=made.adapter,
            step_offset=made.steps,
            scores_base=bool(policies) and index == policies[0],
            score_rows=_score_rows(job, policies),
            effective={},
        )
        summary[name] = _train_stage(stage, made, is_result=bool(policies) and index == policies[-1])
    _publish(job)
    return {"step": made.steps, "stages": summary, "model": "model"}


def _train_stage(stage: Job, made: Lineage, is_result: bool) -> dict[str, Any]:
    """Train one stage, unless it is done, and note what it made. Only the last policy is scored."""
    record = stage.folder / "done.json"
    if record.is_file():
        done = json.loads(record.read_text(encoding="utf-8"))
    else:
        _take_run_data(stage)
        outcome = recipe_for(stage.plan.method.task)(stage)
        if is_result:
            score_tuned(stage, outcome)
        done = {"steps": outcome.steps, "summary": outcome.summary}
        if stage.is_first_process:
            write_json(record, done)
        del outcome
        _free_memory()
    model = stage.folder / "model"
    if stage.plan.method.task == "reward":
        made.reward = model
    elif stage.plan.method.technique == "full":
        made.base, made.adapter = str(model), None
    else:
        made.adapter = model
    made.steps += int(done["steps"])
    summary: dict[str, Any] = done["summary"]
    return summary


def _led(plan: Plan, made: Lineage) -> Plan:
    """An online stage that names no reward follows the reward model that an earlier stage trained."""
    method = plan.method
    if method.task in ONLINE and not method.rewards and not method.reward_model and made.reward:
        return with_values(plan, {"method.reward_model": str(made.reward)})
    return plan


def _take_run_data(stage: Job) -> None:
    """A stage without rows of its own trains on the run's. Returns when its rows are there, in every process."""
    data, ready = stage.folder / "data", stage.folder / "data" / ".ready"
    if not stage.is_first_process:
        while not ready.is_file():
            time.sleep(0.1)
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (data / "train.jsonl").is_file():
        for name in ("train.jsonl", "eval.jsonl", "replay.jsonl"):
            if (stage.run_folder / "data" / name).is_file():
                shutil.copyfile(stage.run_folder / "data" / name, data / name)
    ready.touch()


def _score_rows(job: Job, policies: list[int]) -> Path:
    if policies:
        for folder in (job.run_folder / "stages").glob(f"{policies[-1] + 1}-*"):
            if (folder / "data" / "eval.jsonl").is_file():
                return folder / "data" / "eval.jsonl"
    return job.run_folder / "data" / "eval.jsonl"


def _publish(job: Job) -> None:
    """Put the last policy's model (or a lone reward model) where the model of a run is looked for: model/."""
    if not job.is_first_process:
        return
    stages = sorted((job.run_folder / "stages").iterdir(), key=lambda path: int(path.name.partition("-")[0]))
    tasks = [stage_plan(job.plan, i).method.task for i in range(len(stages))]
    last = max((i for i, task in enumerate(tasks) if task != "reward"), default=len(stages) - 1)
    temporary, final = job.run_folder / ".model", job.run_folder / "model"
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(stages[last] / "model", temporary)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    shutil.copyfile(stages[last] / "effective.json", job.run_folder / "effective.json")


def _free_memory() -> None:
    """Give the memory of a finished stage back before the next one loads its model."""
    import torch

    gc.collect()  # a trainer and its callbacks hold each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
