"""`python -m ftui.trainer.adapters RUN_DIR REQUEST.json`: several LoRA adapters of one base become one, through PEFT.

REQUEST: {"sources": [{"name", "folder", "weight", "rows": held-out rows or null}], "method": linear|ties|dare_linear|
dare_ties, "density": share of each change that is kept, "rank": of the result or null, "seed", "out": folder}. The
run gives base, tokenizer and chat template. Speaks in events on stdout. Leaves check.json in the folder: per source the
loss on its own held-out rows of the base, of its own adapter and of the result.

`linear` is the weighted sum of the changes, exact: the low ranks are put side by side (PEFT's "cat"; PEFT's own
"linear" adds the factors and brings in cross terms). The others work on the whole changes (Yadav et al. 2023, TIES;
Yu et al. 2023, DARE) and give back their best approximation of the asked rank (singular values).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Phase
from ftui.errors import FtuiError
from ftui.trainer.request import emit, serve

METHODS = {"linear": "cat", "ties": "ties_svd", "dare_linear": "dare_linear_svd", "dare_ties": "dare_ties_svd"}
CHECK_ROWS_MAX = 32


def merge(run_dir: Path, request: Mapping[str, Any]) -> None:
    """Write the merged adapter and its check report. Raises FtuiError."""
    emit(Phase("importing", "torch, transformers, peft"))
    import torch
    from peft import PeftModel

    from ftui.trainer import finished
    from ftui.trainer.job import write_json

    plan = finished.read_run(run_dir)
    out = Path(request["out"])
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    sources: Sequence[Mapping[str, Any]] = request["sources"]
    for source in sources:
        _refuse_what_cannot_be_merged(source)
    tokenizer = finished.tokenizer_of(run_dir, plan)
    emit(Phase("loading", f"the base and {len(sources)} adapters"))
    model = _load(PeftModel, finished.load_base(run_dir, plan), sources)
    names = [f"part{place}" for place in range(len(sources))]
    before = [_losses(model, tokenizer, plan, source, name) for source, name in zip(sources, names, strict=True)]
    emit(Phase("merging", f"{request['method']}, weights {', '.join(str(source['weight']) for source in sources)}"))
    torch.manual_seed(int(request.get("seed", 0)))  # DARE drops at random
    ranks = [model.peft_config[name].r for name in names]
    density = None if request["method"] == "linear" else float(request.get("density") or 0.5)
    model.add_weighted_adapter(
        names,
        [float(source["weight"]) for source in sources],
        "merged",
        combination_type=METHODS[request["method"]],
        svd_rank=int(request.get("rank") or sum(ranks)),
        svd_full_matrices=False,
        density=density,
    )
    # PEFT writes the changes for a scaling of one, but keeps the first adapter's rule of scaling.
    model.peft_config["merged"].use_rslora = False
    emit(Phase("saving", "safetensors"))
    _save(model, out)
    tokenizer.save_pretrained(str(out))
    del model
    emit(Phase("checking", "each adapter's own held-out rows with what was written"))
    merged = PeftModel.from_pretrained(finished.load_base(run_dir, plan), str(out), adapter_name="merged").eval()
    parts = []
    for source, losses in zip(sources, before, strict=True):
        after = _losses(merged, tokenizer, plan, source, "merged")
        parts.append(_part(source, losses, after))
    notes = [f"{part['name']}: worse than the base on its own rows" for part in parts if (part["kept"] or 0.0) < 0]
    report = {"schema_version": 1, "passed": not notes, "method": request["method"], "parts": parts, "notes": notes}
    write_json(out / "check.json", report)


def _part(source: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """kept: the share of its own adapter's gain over the base that is left in the result; 1 is all of it."""
    base, own, merged = before.get("base"), before.get("adapter"), after.get("adapter")
    kept = None
    if base is not None and own is not None and merged is not None and base > own:
        kept = (base - merged) / (base - own)
    return {
        "name": source["name"],
        "weight": source["weight"],
        "rows": before.get("rows", 0),
        "loss_base": base,
        "loss_own": own,
        "loss_merged": merged,
        "kept": kept,
    }


def _load(peft_model: Any, base: Any, sources: Sequence[Mapping[str, Any]]) -> Any:
    model = None
    for place, source in enumerate(sources):
        try:
            if model is None:
                model = peft_model.from_pretrained(base, source["folder"], adapter_name="part0")
            else:
                model.load_adapter(source["folder"], adapter_name=f"part{place}")
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise FtuiError("The adapter does not belong to this base", f"{source['name']}: {words}") from None
    assert model is not None
    return model.eval()


def _save(model: Any, out: Path) -> None:
    """Only the result, in the folder itself: PEFT puts an adapter with a name of its own into a folder of that name."""
    model.save_pretrained(str(out), selected_adapters=["merged"])
    for path in (out / "merged").iterdir():
        path.replace(out / path.name)
    (out / "merged").rmdir()


def _losses(model: Any, tokenizer: Any, plan: Any, source: Mapping[str, Any], adapter: str) -> dict[str, Any]:
    """Mean loss on the source's held-out rows: of the base, and of the adapter; {} where it has no rows."""
    from ftui.core.render import Options
    from ftui.trainer.dialect import dialect_of
    from ftui.trainer.job import read_rows
    from ftui.trainer.score_losses import answer_losses
    from ftui.trainer.score_rows import rendered

    if not source.get("rows") or not Path(source["rows"]).is_file():
        return {}
    rows = list(read_rows(Path(source["rows"])))[:CHECK_ROWS_MAX]
    dialect, options = dialect_of(tokenizer), Options(max_length=plan.data.max_length_tokens)
    made = [rendered(dialect, row, options) for row in rows]
    model.set_adapter(adapter)
    tuned = _mean(answer_losses(model, made, plan.eval.batch))
    with model.disable_adapter():
        base = _mean(answer_losses(model, made, plan.eval.batch))
    return {"rows": len(rows), "base": base, "adapter": tuned}


def _mean(losses: Sequence[tuple[float, float] | None]) -> float | None:
    values = [loss[0] for loss in losses if loss is not None]
    return math.fsum(values) / len(values) if values else None


def _refuse_what_cannot_be_merged(source: Mapping[str, Any]) -> None:
    """DoRA's magnitudes and whole trained modules have no sum."""
    config = json.loads((Path(source["folder"]) / "adapter_config.json").read_text(encoding="utf-8"))
    if config.get("peft_type") != "LORA":
        raise FtuiError("Only LoRA adapters can be merged", f"{source['name']} is {config.get('peft_type')}")
    if config.get("use_dora"):
        raise FtuiError("DoRA adapters cannot be merged", f"{source['name']}: its magnitudes have no sum")
    if config.get("modules_to_save"):
        raise FtuiError(
            "The adapter cannot be merged", f"{source['name']} trained whole modules: {config['modules_to_save']}"
        )


if __name__ == "__main__":
    sys.exit(serve(merge, sys.argv[1:]))
