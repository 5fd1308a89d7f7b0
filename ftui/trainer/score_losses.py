"""What a model thinks of given answers: losses, distance to its base, and which of two answers it prefers.

Batches are cut by memory, not by rows: the logits of a batch stay below LOGITS_BYTES, whatever the vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, log_softmax

from ftui.core.render import Options, Rendered, RenderError, render_pair

LOGITS_BYTES = 1 << 30


@torch.inference_mode()
def answer_losses(model: Any, rows: Sequence[Rendered | None], batch: int) -> list[tuple[float, float] | None]:
    """Per row: mean negative log-likelihood (nats per token) of its trained tokens, and the share predicted first.

    None for rows that could not be rendered or train nothing. Computed in rows of like length, padded on the right.
    """
    results: list[tuple[float, float] | None] = [None] * len(rows)
    for index, targets, logits in _answers(model, rows, batch):
        nll = cross_entropy(logits, targets)
        results[index] = (float(nll), float((logits.argmax(-1) == targets).float().mean()))
    return results


@torch.inference_mode()
def kl_to_base(model: Any, rows: Sequence[Rendered | None], batch: int, base: Any = None) -> list[float | None]:
    """Per row: mean KL divergence (nats per token) of the tuned model from its base, over the trained tokens.

    KL(tuned || base) of the whole next-token distributions: how far the model moved, whatever it is asked. The base is
    the model without its adapter, or `base` where all weights were trained; all None where there is neither.
    """
    results: list[float | None] = [None] * len(rows)
    adapted = hasattr(model, "disable_adapter")
    if not adapted and base is None:
        return results
    for index, _, logits in _answers(model, rows, batch):
        with model.disable_adapter() if adapted else contextlib.nullcontext():
            _, _, before = next(_answers(model if adapted else base, [rows[index]], 1))
        own, other = log_softmax(logits, -1), log_softmax(before.to(logits.device), -1)
        results[index] = float((own.exp() * (own - other)).sum(-1).mean())
    return results


def preferences(
    model: Any, dialect: Any, rows: Sequence[Mapping[str, Any]], options: Options, batch: int
) -> list[dict[str, float] | None]:
    """Per row with a chosen and a rejected answer: their log-likelihoods, in sum (nats) and per token; None for others.

    The sums are what DPO compares with those of the base (Rafailov et al. 2023, eq. 5); the means do not favour the
    shorter answer.
    """
    sides: list[Rendered | None] = []
    for row in rows:
        sides += _both(dialect, row, options)
    losses = answer_losses(model, sides, batch)
    found: list[dict[str, float] | None] = []
    for place in range(len(rows)):
        chosen, rejected = losses[2 * place], losses[2 * place + 1]
        one, other = sides[2 * place], sides[2 * place + 1]
        if chosen is None or rejected is None or one is None or other is None:
            found.append(None)
            continue
        found.append(
            {
                "chosen": -chosen[0] * one.trained_tokens,
                "rejected": -rejected[0] * other.trained_tokens,
                "chosen_per_token": -chosen[0],
                "rejected_per_token": -rejected[0],
            }
        )
    return found


def _both(dialect: Any, row: Mapping[str, Any], options: Options) -> Sequence[Rendered | None]:
    if not (row.get("chosen") and row.get("rejected") and isinstance(row.get("prompt"), list)):
        return None, None
    try:
        return render_pair(dialect, row, options)
    except RenderError:
        return None, None


def _answers(model: Any, rows: Sequence[Rendered | None], batch: int) -> Iterator[tuple[int, Any, Any]]:
    """(row number, target ids [t], fp32 logits [t, vocabulary]) over the trained tokens of each usable row."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    vocabulary = int(getattr(model.config, "vocab_size", 0) or 50_000)
    usable = [
        index for index, row in enumerate(rows) if row is not None and not row.dropped and any(row.labels_mask[1:])
    ]
    order = sorted(usable, key=lambda index: len(rows[index].ids))  # type: ignore[union-attr]
    start = 0
    while start < len(order):
        size = 1
        while size < max(1, batch) and start + size < len(order):
            width = len(rows[order[start + size]].ids)  # type: ignore[union-attr]
            if (size + 1) * width * vocabulary * 4 > LOGITS_BYTES:
                break
            size += 1
        chosen = order[start : start + size]
        start += size
        width = len(rows[chosen[-1]].ids)  # type: ignore[union-attr]
        ids = torch.zeros((size, width), dtype=torch.long)
        mask, trained = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for place, index in enumerate(chosen):
            row = rows[index]
            assert row is not None
            ids[place, : len(row.ids)] = torch.tensor(row.ids)
            mask[place, : len(row.ids)] = 1
            trained[place, : len(row.ids)] = torch.tensor(row.labels_mask)
        ids, mask, trained = ids.to(device), mask.to(device), trained.to(device)
        logits = model(input_ids=ids, attention_mask=mask).logits
        for place, index in enumerate(chosen):
            where = trained[place, 1:]
            yield index, ids[place, 1:][where], logits[place, :-1][where].float()
    model.train(was_training)
