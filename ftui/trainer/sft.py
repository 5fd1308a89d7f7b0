"""Supervised fine-tuning: full, LoRA or QLoRA; on conversations, prompts with completions, or plain text.

Rows come in as tokens with their labels written out (rows.py), so that TRL neither renders nor masks anything: what
the preview shows is what is trained.
"""

from __future__ import annotations

from typing import Any

from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from ftui.trainer.dialect import load_tokenizer
from ftui.trainer.fitting import Outcome, fit
from ftui.trainer.job import Job
from ftui.trainer.loop import watched
from ftui.trainer.models import adapter_of, load_model, with_adapter
from ftui.trainer.packing import packed
from ftui.trainer.rows import tokenised, with_replay
from ftui.trainer.scoring import score_base
from ftui.trainer.settings import common_arguments


def train_sft(job: Job) -> Outcome:
    """Tune the job's model on its rows; method.task text is continued pretraining on whole texts."""
    job.phase("tokenizing", "training rows")
    tokenizer = load_tokenizer(job.base, job.plan)
    train, held_out = tokenised(job, tokenizer, "train"), tokenised(job, tokenizer, "eval")
    train = with_replay(job, tokenizer, train)
    if job.plan.data.packing:
        train = packed(train, job.plan.data.max_length_tokens, job.plan.train.seed)

    job.phase("loading", "the model")
    model = with_adapter(job, load_model(job))
    score_base(job, model, tokenizer)

    trainer: Any = watched(SFTTrainer)(
        model=model,
        args=sft_arguments(job, len(train), held_out is not None),
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        peft_config=adapter_of(job, model),
    )
    trainer.watch(job, better="eval_loss")
    return fit(job, trainer, tokenizer)


def sft_arguments(job: Job, rows: int, has_eval: bool) -> SFTConfig:
    """TRL's settings for the plan."""
    return SFTConfig(
        **common_arguments(job, rows, has_eval),
        max_length=job.plan.data.max_length_tokens,
        packing=job.plan.data.packing,
        # Held-out rows are never packed: their loss must not depend on their neighbours.
        eval_packing=False,
    )
