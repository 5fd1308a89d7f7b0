"""The loss on general rows: the same however the rows are put together, and never many logits at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ftui.trainer.probe_loss import mean_loss


def test_batches_of_any_size_give_the_same_loss(tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model).train()
    generator = torch.Generator().manual_seed(0)
    rows = []
    for length in (5, 40, 9, 23, 61, 12):
        ids = torch.randint(5, 200, (length,), generator=generator).tolist()
        rows.append({"input_ids": ids, "labels": [-100, -100, *ids[2:]]})
    seen: list[int] = []
    inner = model.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["input_ids"].numel())
        return inner(*args, **kwargs)

    model.forward = forward
    alone = mean_loss(model, rows, pad_id=3, tokens=1)
    assert len(seen) == len(rows)
    seen.clear()
    together = mean_loss(model, rows, pad_id=3, tokens=64)
    assert max(seen) <= 64 and len(seen) < len(rows)
    assert together == pytest.approx(alone, rel=1e-5) and model.training
    logits = [inner(input_ids=torch.tensor([row["input_ids"]])).logits[0, 1:-1].float() for row in rows]
    targets = [torch.tensor(row["input_ids"][2:]) for row in rows]
    expected = torch.nn.functional.cross_entropy(torch.cat(logits), torch.cat(targets))
    assert alone == pytest.approx(float(expected.detach()), rel=1e-5)
    assert mean_loss(model, [], pad_id=3) is None
