"""A reward model on held-out pairs: how often the better answer gets more, against the half that chance would give."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ftui.core.evaluate import judge
from ftui.core.plan import Plan
from ftui.trainer.export_reward import held_out_pairs, rewards_of_pairs
from ftui.trainer.job import write_json
from ftui.trainer.score_rows import content_of


@torch.inference_mode()
def write_reward_verdict(
    model: Any, tokenizer: Any, rows: Sequence[Mapping[str, Any]], plan: Plan, run_dir: Path
) -> dict[str, Any]:
    """Give each side of each pair its reward; writes eval/verdict.json and eval/samples.jsonl and gives the verdict."""
    was_training = model.training
    model.eval()
    right, samples = [], []
    pairs = held_out_pairs(tokenizer, rows, plan)
    scored = rewards_of_pairs(model, [sides for _, sides in pairs])
    for (number, _), (better, worse) in zip(pairs, scored, strict=True):
        row = rows[number]
        right.append(1.0 if better > worse else 0.5 if better == worse else 0.0)
        samples.append(
            {
                "id": number,
                "prompt": content_of(row["prompt"][-1]) if row.get("prompt") else "",
                "reference": f"the first should get more: {better:+.3f} against {worse:+.3f}",
                "base": content_of(row["rejected"][-1]),
                "tuned": content_of(row["chosen"][-1]),
                "base_score": 0.5,
                "tuned_score": right[-1],
            }
        )
    model.train(was_training)
    verdict = judge(
        {"reward_accuracy": [0.5] * len(right)}, {"reward_accuracy": right}, "reward_accuracy", seed=plan.train.seed
    )
    written: dict[str, Any] = {
        "schema_version": 1,
        **asdict(verdict),
        "metrics": {name: asdict(comparison) for name, comparison in verdict.metrics.items()},
        "reasons": list(verdict.reasons),
        "base": "chance",
        "tuned": "reward model",
        "forgotten": [],
    }
    write_json(run_dir / "eval" / "verdict.json", written)
    text = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)
    (run_dir / "eval" / "samples.jsonl").write_text(text, encoding="utf-8", errors="replace")
    return written
