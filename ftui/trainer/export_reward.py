"""A reward model taken out with its head, and compared by the rewards that it gives to held-out pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ftui.core.plan import Plan
from ftui.core.render import Options, RenderError
from ftui.trainer import finished
from ftui.trainer.columns import columns_of, rendered
from ftui.trainer.dialect import dialect_of, load_tokenizer

THRESHOLDS = {"adapter": 1.0, "merged": 0.99}
Pair = tuple[list[int], list[int]]


def held_out_pairs(tokenizer: Any, rows: Sequence[Mapping[str, Any]], plan: Plan) -> list[tuple[int, Pair]]:
    """(row number, better and worse side as the tokens that training read) of each row that is a pair.

    A side ends with its answer's end of turn, as in training: the reward is read off the last token.
    """
    dialect, options = dialect_of(tokenizer), Options(max_length=plan.data.max_length_tokens)
    found = []
    for number, row in enumerate(rows):
        try:
            sides = rendered(dialect, dict(row), options, "reward")
        except (RenderError, KeyError):
            continue
        if len(sides) == 2 and not any(side.dropped for side in sides):
            made = columns_of("reward", sides, dict(row))
            found.append((number, (made["chosen_ids"], made["rejected_ids"])))
    return found


@torch.inference_mode()
def rewards_of_pairs(model: Any, pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    """The rewards of both sides of each pair."""
    device = next(model.parameters()).device
    return [
        (_reward(model, better, device), _reward(model, worse, device)) for better, worse in pairs
    ]  # one at a time: padding must not matter


def _reward(model: Any, ids: Sequence[int], device: Any) -> float:
    return float(model(input_ids=torch.tensor([list(ids)], device=device)).logits[0, 0])


def load_base(run_dir: Path, plan: Plan, dtype: torch.dtype | None = None, *, as_trained: bool = False) -> Any:
    """The base with a head whose weights come with the adapter; as finished.load_base."""
    from transformers import AutoModelForSequenceClassification

    settings: dict[str, Any] = {}
    if as_trained:
        from ftui.trainer.models import quantisation_of

        if (quantisation := quantisation_of(plan)) is not None:
            quantisation.llm_int8_skip_modules = ["score"]
            settings["quantization_config"] = quantisation
    model = _load(AutoModelForSequenceClassification, finished.base_folder(run_dir, plan), dtype, settings)
    if settings:
        model = model.dequantize()
        model = model.to(dtype) if dtype is not None else model
    return _padded(model, run_dir, plan)


def load_tuned(run_dir: Path, plan: Plan, dtype: torch.dtype | None = None, folder: Path | None = None) -> Any:
    """The reward model of the run; as finished.load_tuned."""
    from transformers import AutoModelForSequenceClassification

    folder = folder or finished.tuned_folder(run_dir)
    if finished.is_adapter(folder):
        from peft import PeftModel

        return PeftModel.from_pretrained(load_base(run_dir, plan, dtype, as_trained=True), str(folder)).eval()
    return _padded(_load(AutoModelForSequenceClassification, str(folder), dtype, {}), run_dir, plan)


def _load(loader: Any, folder: str, dtype: torch.dtype | None, settings: dict[str, Any]) -> Any:
    on_gpu = torch.cuda.is_available()
    wanted: Any = dtype or ("auto" if on_gpu else torch.float32)
    where = {"": 0} if on_gpu else None
    model = loader.from_pretrained(
        folder, num_labels=1, dtype=wanted, use_safetensors=True, device_map=where, **settings
    )
    return model.eval()


def _padded(model: Any, run_dir: Path, plan: Plan) -> Any:
    """The head reads the last token that is no padding: it must know which one that is."""
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        config.pad_token_id = load_tokenizer(str(finished.tuned_folder(run_dir)), plan).pad_token_id
    return model


def report(form: str, wanted: Sequence[tuple[float, float]], got: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The check report: the share of pairs that are put in the same order, and the largest change of a reward."""
    same = [(a > b) - (a < b) == (c > d) - (c < d) for (a, b), (c, d) in zip(wanted, got, strict=True)]
    share = sum(same) / len(same) if same else 0.0
    moved = [abs(one - other) for pair in zip(wanted, got, strict=True) for one, other in zip(*pair, strict=True)]
    changed = [{"wanted": _words(wanted[i]), "got": _words(got[i])} for i, equal in enumerate(same) if not equal]
    return {
        "schema_version": 1,
        "passed": bool(same) and share >= THRESHOLDS[form],
        "against": "the reward model as it was trained, on held-out pairs",
        "compared": len(same),
        "measure": "same_order",
        "threshold": THRESHOLDS[form],
        "same_order": share,
        "same_text": None,
        "same_next_token": None,
        "largest_logit_difference": max(moved, default=None),
        "differences": changed[:5],
        "notes": [] if same else ["the run has no held-out pairs: nothing could be compared"],
    }


def _words(pair: tuple[float, float]) -> str:
    return f"better {pair[0]:+.4f}, worse {pair[1]:+.4f}"
