"""`ftui fit --gpu NAME` without a model: what can be fine-tuned there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ftui.core.text import gib, plural
from ftui.errors import EXIT_NO, FtuiError

if TYPE_CHECKING:
    from ftui.services.fit_target import Target

SHOWN = 40


def list_fitting(target: Target, given: Mapping[str, Any], as_json: bool) -> int:
    """Print the models of the catalogue that fit on the target, largest first; gives the exit code."""
    from ftui.core.fit.recommend import what_fits
    from ftui.core.fit.request import FitRequest
    from ftui.services.fit_stack import with_stack
    from ftui.services.fit_words import parameter_words

    if target.is_cpu:
        raise FtuiError(
            "There is no GPU here to list models for", " ".join(target.notes), 'Name one: ftui fit --gpu "RTX 4090".'
        )
    base = FitRequest(**with_stack(given))
    models = what_fits(target.gpu, target.free_bytes, base)
    if "method" in given:
        models = tuple(model for model in models if model.candidate.request.method == given["method"])
    rows: list[dict[str, Any]] = [
        {
            "id": model.model_id,
            "params_total": model.params_total,
            "method": model.candidate.request.method,
            "optimizer": model.candidate.request.optimizer,
            "device_bytes": model.candidate.band.expected,
            "verdict": model.candidate.verdict.answer,
        }
        for model in models
    ]
    if as_json:
        gpu = {"name": target.gpu.name, "free_bytes": target.free_bytes, "total_bytes": target.gpu.total_bytes}
        print(json.dumps({"schema_version": 1, "gpu": gpu, "seq_len": base.seq_len, "models": rows}, indent=1))
        return 0 if rows else EXIT_NO
    head = f"{target.gpu.name}, {gib(target.free_bytes)} free, rows of {base.seq_len:,} tokens"
    print(f"{head}: {plural(len(rows), 'model')}")
    words = {"full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}
    longest = max((len(row["id"]) for row in rows), default=0)
    for method, heading in words.items():
        group = [row for row in rows if row["method"] == method]
        if group:
            print(f"\n{heading} and anything below it ({len(group)}):")
        for row in group[:SHOWN]:
            size = parameter_words(row["params_total"])
            print(f"  {row['id']:<{longest}}  {size:>8}   {gib(row['device_bytes']):>9}")
        if len(group) > SHOWN:
            print(f"  and {len(group) - SHOWN} smaller ones; --json lists all")
    return 0 if rows else EXIT_NO
