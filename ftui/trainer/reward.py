"""A reward model: the base model with a head that gives one number, trained so that the better answer gets more."""

from __future__ import annotations

from typing import Any

from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from ftui.trainer.dialect import load_tokenizer
from ftui.trainer.fitting import Outcome, fit
from ftui.trainer.job import Job
from ftui.trainer.loop import watched
from ftui.trainer.models import adapter_of, load_model
from ftui.trainer.rows import tokenised
from ftui.trainer.settings import common_arguments


def train_reward(job: Job) -> Outcome:
    """Train on rows of prompt, chosen and rejected; held-out accuracy is how often the better answer gets more."""
    job.phase("tokenizing", "training rows")
    tokenizer = load_tokenizer(job.base, job.plan)
    train, held_out = tokenised(job, tokenizer, "train"), tokenised(job, tokenizer, "eval")

    job.phase("loading", "the model, with a new head")
    model = load_model(job, kind="reward")
    job.effective["train.loss"] = "pairwise"

    trainer: Any = watched(RewardTrainer)(
        model=model,
        args=RewardConfig(
            **common_arguments(job, len(train), held_out is not None), max_length=job.plan.data.max_length_tokens
        ),
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        peft_config=adapter_of(job, model, kind="reward"),
    )
    trainer.writes_text = False
    trainer.watch(job, better="eval_loss")
    return fit(job, trainer, tokenizer)
