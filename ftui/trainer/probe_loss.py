"""General ability, watched: the loss on general text and questions before, during and after training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from ftui.trainer.columns import IGNORED
from ftui.trainer.loop import untouched_randomness

PROBE_ROWS = 64
PROBE_TOKENS = 1024
"""Positions at a time: their logits lie beside all that a training holds."""


def mean_loss(model: Any, rows: list[dict[str, Any]], pad_id: int, tokens: int = PROBE_TOKENS) -> float | None:
    """Nats per trained token over rows of input_ids and labels; None without rows. Leaves the model as it was.

    tokens: at most so many positions in a batch, padding counted; a longer row is a batch of its own.
    """
    if not rows:
        return None
    was_training = model.training
    model.eval()
    total, count = 0.0, 0
    with untouched_randomness(), torch.no_grad():
        for some in _batches(sorted(rows[:PROBE_ROWS], key=lambda row: len(row["input_ids"])), tokens):
            longest = len(some[-1]["input_ids"])
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
            trained = target != IGNORED
            total += float(cross_entropy(logits[trained].float(), target[trained], reduction="sum"))
            count += int(trained.sum())
    model.train(was_training)
    return total / count if count else None


def _batches(rows: list[dict[str, Any]], tokens: int) -> Iterator[list[dict[str, Any]]]:
    """Rows in order of length, so many at a time that rows x the longest of them stay within `tokens`."""
    batch: list[dict[str, Any]] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row["input_ids"]) > tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
