"""Preference tuning: DPO (sigmoid, IPO, with an SFT term), KTO and ORPO.

DPO and ORPO learn from pairs of a better and a worse answer; KTO from single answers that were liked or not. DPO and
KTO measure how far the model moves from a reference: the model as it was, which for LoRA is the same model with the
adapter switched off (or a frozen copy of the adapter that the stage before made).
"""

from __future__ import annotations

from typing import Any

from ftui.trainer.dialect import load_tokenizer
from ftui.trainer.fitting import Outcome, fit
from ftui.trainer.job import Job
from ftui.trainer.loop import watched
from ftui.trainer.models import adapter_of, load_model, with_adapter
from ftui.trainer.rows import tokenised
from ftui.trainer.scoring import score_base
from ftui.trainer.settings import common_arguments

DPO_LOSSES: dict[str, dict[str, Any]] = {
    "sigmoid": {"loss_type": ["sigmoid"]},
    "ipo": {"loss_type": ["ipo"]},
    # The SFT term keeps the likelihood of the better answer from falling along with the worse one's (RPO, alpha 1).
    "sigmoid+sft": {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 1.0]},
}


def train_dpo(job: Job) -> Outcome:
    """Direct preference optimisation on rows of prompt, chosen and rejected."""
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    tokenizer, train, held_out, model = _ready(job)
    arguments = DPOConfig(
        **common_arguments(job, len(train), held_out is not None),
        **DPO_LOSSES[job.plan.method.preference_loss],
        beta=job.plan.method.beta,
        max_length=job.plan.data.max_length_tokens,
    )
    trainer: Any = watched(DPOTrainer)(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        peft_config=adapter_of(job, model),
    )
    trainer.watch(job, better="eval_loss")
    return fit(job, trainer, tokenizer)


def train_kto(job: Job) -> Outcome:
    """Kahneman-Tversky optimisation on rows of prompt, completion and label."""
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    tokenizer, train, held_out, model = _ready(job)
    # KTO pairs each prompt with its neighbour's answer, so the order is fixed here, shuffled once.
    settings = common_arguments(job, len(train), held_out is not None) | {"train_sampling_strategy": "sequential"}
    train = _with_neighbours(train.shuffle(seed=job.plan.train.seed), settings["per_device_train_batch_size"])
    if held_out is not None:
        held_out = _with_neighbours(held_out, settings["per_device_eval_batch_size"])
    arguments = KTOConfig(
        **settings,
        **_kto_weights(job, train["label"]),
        beta=job.plan.method.beta,
        max_length=job.plan.data.max_length_tokens,
    )
    trainer: Any = watched(KTOTrainer)(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=held_out,
        processing_class=tokenizer,
        peft_config=adapter_of(job, model),
    )
    trainer.watch(job, better="eval_loss")
    return fit(job, trainer, tokenizer)


def train_orpo(job: Job) -> Outcome:
    """Odds-ratio preference optimisation: likelihood of the better answer and preference in one loss, no reference."""
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    class TokenisedORPO(ORPOTrainer):  # type: ignore[misc, no-any-unimported]
        def tokenize_row(self, feature: Any, model: Any = None) -> Any:
            return feature  # rows are tokens already

    tokenizer, train, held_out, model = _ready(job)
    job.effective["train.loss"] = "full"  # TRL computes the odds ratio from whole logits
    arguments = ORPOConfig(
        **common_arguments(job, len(train), held_out is not None),
        beta=job.plan.method.beta,
        max_length=job.plan.data.max_length_tokens,
    )
    trainer: Any = watched(TokenisedORPO)(
        model=model,
        args=arguments,
        train_dataset=train.map(_orpo_row, remove_columns=["prompt_ids", "chosen_ids", "rejected_ids"]),
        eval_dataset=held_out.map(_orpo_row, remove_columns=["prompt_ids", "chosen_ids", "rejected_ids"])
        if held_out is not None
        else None,
        processing_class=tokenizer,
        peft_config=adapter_of(job, model),
    )
    trainer.watch(job, better="eval_loss")
    return fit(job, trainer, tokenizer)


def _ready(job: Job) -> tuple[Any, Any, Any | None, Any]:
    """Tokenizer, training rows, held-out rows, and the model before its first step, scored as the base."""
    job.phase("tokenizing", "training rows")
    tokenizer = load_tokenizer(job.base, job.plan)
    train, held_out = tokenised(job, tokenizer, "train"), tokenised(job, tokenizer, "eval")
    job.phase("loading", "the model")
    model = with_adapter(job, load_model(job))
    score_base(job, model, tokenizer)
    return tokenizer, train, held_out, model


def _with_neighbours(rows: Any, batch: int) -> Any:
    """Each row with the answer of the row before it in its batch: mismatched pairs estimate how far the model moved."""

    def rotate(some: dict[str, list[Any]]) -> dict[str, list[Any]]:
        answers = some["completion_ids"]
        return {"KL_completion_ids": [answers[-1], *answers[:-1]]}

    return rows.map(rotate, batched=True, batch_size=batch)


def _kto_weights(job: Job, labels: list[bool]) -> dict[str, float]:
    """Weigh the rarer kind up until both count alike (KTO paper, eq. 8: between 1 and 4/3)."""
    liked = sum(labels)
    disliked = len(labels) - liked
    weights = {"desirable_weight": 1.0, "undesirable_weight": 1.0}
    if liked and disliked:
        rarer = "desirable_weight" if liked < disliked else "undesirable_weight"
        weights[rarer] = round(max(liked, disliked) / min(liked, disliked), 3)
    job.effective.update(weights)
    return weights


def _orpo_row(row: dict[str, Any]) -> dict[str, Any]:
    """A pair in the columns that TRL's ORPO collates."""
    prompt = row["prompt_ids"]
    made: dict[str, Any] = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
    for side in ("chosen", "rejected"):
        answer = row[f"{side}_ids"]
        made[f"{side}_input_ids"] = prompt + answer
        made[f"{side}_attention_mask"] = [1] * len(prompt + answer)
        made[f"{side}_labels"] = [-100] * len(prompt) + answer
    return made
