"""What must not go on: losses that are no numbers, gradients that reach nothing, masks that train nothing."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch

from ftui.core.detectors import diverging
from ftui.core.render import render_row
from ftui.trainer.columns import IGNORED, labels_of
from ftui.trainer.dialect import dialect_of
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job, read_rows
from ftui.trainer.rows import options_of

if TYPE_CHECKING:
    from ftui.trainer.progress import Progress

ADAPTER_STEPS = 10
"""After this many steps an adapter must change what the model says."""
ZERO_LOSS_STEPS = 5
"""So many logged losses of exactly 0 in a row are no luck: nothing is trained."""
SHOWN_ROWS = 8
CHECKED_BATCHES = 4


def refuse_bad_loss(loss: torch.Tensor, step: int, rows: list[int]) -> None:
    """Raise (reason nan) where the loss is not a finite number."""
    if not torch.isfinite(loss).all():
        raise _not_a_number("loss", float(loss.float().mean()), step, rows)


def refuse_bad_gradient(norm: Any, step: int, rows: list[int]) -> None:
    """Raise (reason nan) where the gradient's norm is not finite; the weights have not been touched by it yet."""
    value = float(norm)
    if not math.isfinite(value):
        raise _not_a_number("gradient norm", value, step, rows)


def refuse_no_gradient(model: Any, step: int) -> None:
    """Raise where the first backward pass reached no trainable parameter: the run would change nothing."""
    trainable = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    if not trainable:
        raise TrainerError("Nothing would be trained", "no parameter of the model is trainable", step=step)
    # Sharded optimizers keep gradients elsewhere; then there is nothing to see here.
    if any(hasattr(p, "ds_id") for _, p in trainable):
        return
    if all(p.grad is None or not p.grad.any() for _, p in trainable):
        names = ", ".join(name for name, _ in trainable[:3])
        raise TrainerError(
            "No gradient arrives",
            f"after the first backward pass all {len(trainable)} trainable tensors ({names}, ...) have none",
            "Is the loss mask empty, or the adapter on modules that the loss does not depend on?",
            step=step,
        )


def refuse_hopeless(progress: Progress, step: int, rows: list[int], job: Job) -> None:
    """Raise where the loss is stuck at 0, or has come apart for good."""
    last = [loss for _, loss in progress.losses[-ZERO_LOSS_STEPS:]]
    if len(last) == ZERO_LOSS_STEPS and job.plan.method.task in ("sft", "text") and not any(last):
        raise TrainerError(
            "The loss is stuck at 0",
            f"for {ZERO_LOSS_STEPS} logged steps nothing was learned ({_rows(rows)})",
            "Look at data/preview.json: is any token trained? Fp16 can also underflow; bf16 or fp32 cannot.",
            reason="data",
            step=step,
        )
    alert = diverging(progress.losses) if job.plan.method.task in ("sft", "text") else None
    if alert is not None:
        raise TrainerError("The training is coming apart", alert.message, alert.hint, reason="nan", step=step)


@torch.no_grad()
def refuse_dead_adapter(trainer: Any, step: int) -> None:
    """At step 10: raise where the adapter is what it was when it was made, so that the model still is the base."""
    if step != ADAPTER_STEPS or not hasattr(trainer.model, "disable_adapter"):
        return
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return
    updates = [p for name, p in trainer.model.named_parameters() if "lora_B" in name and ".ref." not in name]
    if updates and not any(p.any() for p in updates):
        raise TrainerError(
            "The adapter does not change the model",
            f"after {step} steps every LoRA update is still zero, so the tuned model would be the base model",
            "Raise the learning rate or shorten the warm-up; with fp16, use bf16 or fp32.",
            step=step,
        )


def check_first_batches(job: Job, trainer: Any, tokenizer: Any) -> None:
    """Compare what the first collated batches train with their rows' answers, before a GPU hour is spent.

    The batches come out of the trainer's own collator. Raises (reason data) showing the row where they differ.
    """
    size = trainer.args.per_device_train_batch_size
    dataset = trainer.train_dataset
    for start in range(0, min(len(dataset), CHECKED_BATCHES * size), size):
        batch = trainer.data_collator([dataset[i] for i in range(start, min(start + size, len(dataset)))])
        trained = _trained_ids(batch) if isinstance(batch, dict) and "row" in batch else None
        if trained is None:
            return
        numbers = batch["row"].tolist()
        if not trained:
            raise TrainerError("Nothing to learn from", f"the batch trains no token ({_rows(numbers)})", reason="data")
        if "labels" in batch and min(numbers) >= 0:
            _compare(job, tokenizer, numbers, trained, packed="position_ids" in batch)


def _compare(job: Job, tokenizer: Any, numbers: list[int], trained: list[int], packed: bool) -> None:
    """Render the rows anew and compare; packed sequences mix their rows' order and never train a row's first token."""
    dialect, options = dialect_of(tokenizer), options_of(job)
    expected: list[int] = []
    for row in _rows_by_number(job, numbers):
        labels = labels_of(render_row(dialect, row, options)[0])
        expected += [token for token in (labels[1:] if packed else labels) if token != IGNORED]
    if (Counter(trained) == Counter(expected)) if packed else (trained == expected):
        return
    at = next((i for i, pair in enumerate(zip(trained, expected, strict=False)) if pair[0] != pair[1]), 0)
    raise TrainerError(
        "The batch trains other tokens than the answers",
        f"{_rows(numbers)}: trained is {tokenizer.decode(trained[at : at + 20])!r} where the answer has "
        f"{tokenizer.decode(expected[at : at + 20])!r}",
        "Remove data/tokens-*; if it happens again, this is a bug in ftui.",
        reason="data",
    )


def _rows_by_number(job: Job, numbers: list[int]) -> list[dict[str, Any]]:
    wanted = set(numbers)
    found = {}
    for number, row in enumerate(read_rows(job.folder / "data" / "train.jsonl")):
        if number in wanted:
            found[number] = row
        if len(found) == len(wanted):
            break
    return [found[number] for number in numbers]


def _trained_ids(batch: dict[str, Any]) -> list[int] | None:
    """The ids that the batch's mask lets through, in order; None for batches that carry no mask."""
    if "labels" in batch and batch["labels"].dtype != torch.bool:
        labels = batch["labels"].flatten()
        ids: list[int] = labels[labels != IGNORED].tolist()
        return ids
    if "completion_mask" in batch:
        kept: list[int] = batch["input_ids"][batch["completion_mask"].bool()].tolist()
        return kept
    return None


def _not_a_number(what: str, value: float, step: int, rows: list[int]) -> TrainerError:
    return TrainerError(
        f"The {what} is not a number",
        f"at step {step} it is {value} ({_rows(rows)})",
        "A lower learning rate, a longer warm-up, or bf16 instead of fp16 helps; so does looking at those rows.",
        reason="nan",
        step=step,
    )


def _rows(rows: list[int]) -> str:
    if not rows:
        return "the batch's rows are not known"
    own = [row for row in rows if row >= 0]
    shown = ", ".join(str(row) for row in own[:SHOWN_ROWS])
    more = ", ..." if len(own) > SHOWN_ROWS else ""
    general = f" and {len(rows) - len(own)} of replay.jsonl" if len(own) < len(rows) else ""
    return f"{'row' if len(own) == 1 else 'rows'} {shown}{more} of train.jsonl{general}"
