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
    """Write eval/tuned.json and eval/verdict.json."""
    if _score(job, outcome.model, outcome.tokenizer, "tuned"):
        from ftui.trainer import score

        score.write_verdict(job.run_folder, job.plan)


def _score(job: Job, model: Any, tokenizer: Any, label: str) -> bool:
    if not (job.plan.eval.enabled and job.is_first_process and job.plan.method.task != "reward"):
        return False
    if job.is_sharded:
        words = f"The {label} score is left out: no process of this run holds the whole model."
        job.warn("not_scored", words, "Score it afterwards: ftui eval RUN")
        return False
    held_out = job.score_rows or job.folder / "data" / "eval.jsonl"
    if not held_out.is_file():
        return False
    rows = []
    for row in read_rows(held_out):
        rows.append(row)
        if len(rows) >= job.plan.eval.rows_max:
            break
    if not rows:
        return False
    from ftui.trainer import score

    job.phase(f"{label}_score", f"{len(rows)} held-out prompts")
    was_training = model.training
    model.eval()
    with untouched_randomness(), torch.no_grad():
        score.score_model(model, tokenizer, rows, job.plan, job.run_folder, label, job.emit)
    model.train(was_training)
    return True
