"""Scores of untouched models, kept across runs: the same base on the same rows with the same decoding is scored once.

The key holds everything that a score depends on. The folder is named by FTUI_SCORE_CACHE; without it nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan
from ftui.trainer.job import write_json

SCORING = 2
"""Counts up when what a score file holds, or how it is computed, changes."""
KEPT_FILES = 200


def score_key(
    model: Any,
    tokenizer: Any,
    run_dir: Path,
    asked: Sequence[Mapping[str, Any]],
    probe: Sequence[Mapping[str, Any]],
    plan: Plan,
) -> str | None:
    """Fingerprint of the model's revision, the rows, the chat template, the decoding and the machine's arithmetic.

    None where the run does not say which model it began with.
    """
    import torch
    import transformers

    revision = _revision(run_dir)
    if revision is None:
        return None
    first = next(model.parameters())
    quantised = getattr(model.config, "quantization_config", None)
    schema = run_dir / "data" / "schema.json"
    facts = [
        SCORING,
        revision,
        str(quantised.to_dict() if hasattr(quantised, "to_dict") else quantised),
        [
            str(first.dtype),
            first.device.type,
            _device_name(first),
            str(getattr(model.config, "_attn_implementation", "")),
        ],
        [torch.__version__, transformers.__version__, torch.is_autocast_enabled(first.device.type)],
        str(tokenizer.chat_template),
        asked,
        probe,
        schema.read_text(encoding="utf-8") if plan.eval.schema and schema.is_file() else None,
        [plan.eval.max_new_tokens, plan.eval.regex, plan.eval.primary, plan.data.max_length_tokens],
        [plan.method.task, list(plan.method.rewards)],
    ]
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def known_score(key: str | None) -> dict[str, Any] | None:
    """The kept score; None where there is none (or it cannot be read)."""
    path = _path(key)
    if path is None:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("key") == key else None


def keep_score(key: str | None, result: Mapping[str, Any]) -> None:
    """Keep a score, and let the oldest go. A full disk is no reason to fail: the score stays in the run."""
    path = _path(key)
    if path is None:
        return
    with contextlib.suppress(OSError):
        write_json(path, {**result, "key": key})
        kept = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
        for old in kept[:-KEPT_FILES]:
            old.unlink(missing_ok=True)


def _path(key: str | None) -> Path | None:
    folder = os.environ.get("FTUI_SCORE_CACHE")
    return Path(folder) / f"{key}.json" if folder and key else None


def _revision(run_dir: Path) -> str | None:
    try:
        environment = json.loads((run_dir / "environment.json").read_text(encoding="utf-8"))
        return str(environment["model"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _device_name(parameter: Any) -> str:
    import torch

    return torch.cuda.get_device_name(parameter.device) if parameter.device.type == "cuda" else "cpu"
