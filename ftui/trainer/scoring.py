"""When the base and the tuned model are scored: before the first step and after the last, on the same held-out rows."""

from __future__ import annotations

from typing import Any

import torch

from ftui.trainer.fitting import Outcome
from ftui.trainer.job import Job, read_rows
from ftui.trainer.loop import untouched_randomness


def score_base(job: Job, model: Any, tokenizer: Any) -> None:
    """Write eval/base.json, once: a resumed run has it already, and stages share the untouched model as base."""
    if not job.scores_base or (job.run_folder / "eval" / "base.json").is_file():
        return
    _score(job, model, tokenizer, "base")


def score_tuned(job: Job, outcome: Outcome) -> None:
    """Write eval/tuned.json and eval/verdict.json; for a reward model its accuracy against chance."""
    if job.plan.method.task == "reward":
        _score_reward(job, outcome)
    elif _score(job, outcome.model, outcome.tokenizer, "tuned", outcome.steps):
        from ftui.trainer.verdict import write_verdict

        write_verdict(job.run_folder, job.plan)


def _score(job: Job, model: Any, tokenizer: Any, label: str, step: int = 0) -> bool:
    rows = _rows(job, label)
    if not rows:
        return False
    from ftui.trainer import score

    job.phase(f"{label}_score", f"{len(rows)} held-out prompts")
    was_training = model.training
    model.eval()
    with untouched_randomness(), torch.no_grad():
        score.score_model(model, tokenizer, rows, job.plan, job.run_folder, label, job.emit, step=step)
    model.train(was_training)
    return True


def _score_reward(job: Job, outcome: Outcome) -> None:
    rows = _rows(job, "tuned")
    if rows:
        from ftui.trainer.score_reward import write_reward_verdict

        job.phase("tuned_score", f"{len(rows)} held-out pairs")
        with untouched_randomness(), torch.no_grad():
            write_reward_verdict(outcome.model, outcome.tokenizer, rows, job.plan, job.run_folder)


def _rows(job: Job, label: str) -> list[dict[str, Any]]:
    """The held-out rows to score on; [] where this process does not score."""
    if not (job.plan.eval.enabled and job.is_first_process):
        return []
    if job.is_sharded:
        words = f"The {label} score is left out: no process of this run holds the whole model."
        job.warn("not_scored", words, "Score it afterwards: ftui eval RUN")
        return []
    held_out = job.score_rows or job.folder / "data" / "eval.jsonl"
    if not held_out.is_file():
        return []
    rows = []
    for row in read_rows(held_out):
        rows.append(row)
        if len(rows) >= job.plan.eval.rows_max:
            break
    return rows
