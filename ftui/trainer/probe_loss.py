"""General ability, watched: the loss on general text and questions before, during and after training."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from ftui.trainer.columns import IGNORED
from ftui.trainer.loop import untouched_randomness

PROBE_BATCH = 8
PROBE_ROWS = 64


def mean_loss(model: Any, rows: list[dict[str, Any]], pad_id: int, batch: int = PROBE_BATCH) -> float | None:
    """Nats per trained token over rows of input_ids and labels; None without rows. Leaves the model as it was."""
    if not rows:
        return None
    rows = sorted(rows[:PROBE_ROWS], key=lambda row: len(row["input_ids"]))
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    with untouched_randomness(), torch.no_grad():
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            longest = max(len(row["input_ids"]) for row in some)
            ids = torch.full((len(some), longest), pad_id)
            labels = torch.full((len(some), longest), IGNORED)
            mask = torch.zeros((len(some), longest), dtype=torch.long)
            for i, row in enumerate(some):
                length = len(row["input_ids"])
                ids[i, :length] = torch.tensor(row["input_ids"])
                labels[i, :length] = torch.tensor(row["labels"])
                mask[i, :length] = 1
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits[:, :-1]
            target = labels[:, 1:].to(logits.device)
            losses = cross_entropy(
                logits.flatten(0, 1).float(), target.flatten(), ignore_index=IGNORED, reduction="sum"
            )
            total += float(losses)
            count += int((target != IGNORED).sum())
    model.train(was_training)
    return total / count if count else None
