"""What must not go on: losses that are no numbers, gradients that reach nothing, adapters that stay what they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from ftui.trainer.columns import ONLINE, named_rows
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job

if TYPE_CHECKING:
    from ftui.trainer.progress import Progress

ADAPTER_STEPS = 10
"""After this many steps an adapter must change what the model says."""
ZERO_LOSS_STEPS = 5
"""So many logged losses of exactly 0 in a row are no luck: nothing is trained."""


def refuse_bad_loss(loss: torch.Tensor, step: int, rows: list[int]) -> None:
    """Raise (reason nan) where the loss is not a finite number."""
    value = loss.item() if loss.ndim == 0 else float(loss.float().mean())
    if not math.isfinite(value):
        raise _not_a_number("loss", value, step, rows)


def refuse_bad_gradient(norm: Any, step: int, rows: list[int]) -> None:
    """Raise (reason nan) where the gradient's norm is not finite; the weights have not been touched by it yet."""
    value = float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)
    if not math.isfinite(value):
        raise _not_a_number("gradient norm", value, step, rows)


def refuse_no_gradient(model: Any, step: int, task: str, rows: list[int]) -> None:
    """Raise where the first backward pass reached no trainable parameter: the run would change nothing.

    Online training learns from differences of rewards: a first step in which all answers are worth the same has
    gradients of zero, and is no reason to stop.
    """
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not trainable:
        raise TrainerError("Nothing would be trained", "no parameter of the model is trainable", step=step)
    # Sharded optimizers keep gradients elsewhere; then there is nothing to see here.
    if any(hasattr(p, "ds_id") for _, p in trainable):
        return
    if not any(_has_gradient(p, allow_zero=task in ONLINE) for _, p in trainable):
        names = ", ".join(name for name, _ in trainable[:3])
        raise TrainerError(
            "No gradient arrives",
            f"after the first backward pass all {len(trainable)} trainable tensors ({names}, ...) have none "
            f"({named_rows(rows)})",
            "Is the loss mask empty, or the adapter on modules that the loss does not depend on?",
            step=step,
        )


def _has_gradient(parameter: Any, allow_zero: bool) -> bool:
    gradient = parameter.grad
    if gradient is None or allow_zero:
        return gradient is not None
    # Of a shared tensor each process looks at its own part: a question to all would need all to ask it.
    return bool((gradient.to_local() if hasattr(gradient, "to_local") else gradient).any())


def refuse_hopeless(progress: Progress, step: int, rows: list[int], job: Job) -> None:
    """Raise where the loss is stuck at 0, or has come apart for good."""
    last = [loss for _, loss in progress.losses[-ZERO_LOSS_STEPS:]]
    if len(last) == ZERO_LOSS_STEPS and job.plan.method.task in ("sft", "text") and not any(last):
        raise TrainerError(
            "The loss is stuck at 0",
            f"for {ZERO_LOSS_STEPS} logged steps nothing was learned ({named_rows(rows)})",
            "Look at data/preview.json: is any token trained? Fp16 can also underflow; bf16 or fp32 cannot.",
            reason="data",
            step=step,
        )
    alert = progress.divergence.alert() if job.plan.method.task in ("sft", "text") else None
    if alert is not None:
        words = f"{alert.message} The last batch: {named_rows(rows)}."
        raise TrainerError("The training is coming apart", words, alert.hint, reason="nan", step=step)


@torch.no_grad()
def refuse_dead_adapter(trainer: Any, step: int) -> None:
    """At step 10: raise where the adapter is what it was when it was made, so that the model still is the base."""
    if step != ADAPTER_STEPS or not hasattr(trainer.model, "disable_adapter"):
        return
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return
    updates = [p for name, p in trainer.model.named_parameters() if "lora_B" in name and ".ref." not in name]
    if not updates or any(p.any() for p in updates):
        return
    if trainer.job.plan.method.task in ONLINE:
        words = f"In {step} steps no answer was worth more than the others to its prompt, so nothing was learned."
        hint = "Is the reward too hard, or always the same? A higher method.temperature varies the answers."
        trainer.job.warn("same_rewards", words, hint, step)
    else:
        raise TrainerError(
            "The adapter does not change the model",
            f"after {step} steps every LoRA update is still zero, so the tuned model would be the base model",
            "Raise the learning rate or shorten the warm-up; with fp16, use bf16 or fp32.",
            step=step,
        )


def _not_a_number(what: str, value: float, step: int, rows: list[int]) -> TrainerError:
    return TrainerError(
        f"The {what} is not a number",
        f"at step {step} it is {value} ({named_rows(rows)})",
        "A lower learning rate, a longer warm-up, or bf16 instead of fp16 helps; so does looking at those rows.",
        reason="nan",
        step=step,
    )
