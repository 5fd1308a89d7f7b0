"""One training or several, one after the other: SFT then DPO, or preferences, reward model and policy."""

from __future__ import annotations

from typing import Any

from ftui.trainer.job import Job


def train_stages(job: Job) -> dict[str, Any]:
    """Train the plan (or each of its stages) and score the result. Gives the summary of the Done event."""
    from ftui.trainer.run import trainer_for
    from ftui.trainer.scoring import score_tuned

    outcome = trainer_for(job.plan.method.task)(job)
    score_tuned(job, outcome)
    return {"step": outcome.steps, **outcome.summary, "model": "model"}
