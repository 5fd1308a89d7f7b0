"""`python -m ftui.trainer.evaluate RUN_DIR REQUEST.json`: score base and tuned again, perhaps on other rows.

REQUEST: {"rows": canonical rows file or null for the run's own held-out rows, "out": folder for the results,
"rows_max": most rows or null, "prompted": few-shot examples for a prompted base or 0, "others": {name: run folder} of
earlier runs whose tuned models answer the same prompts, "adapter": a folder to score in place of the run's own}.
Speaks in events, one a line, on stdout; the results are files.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Phase
from ftui.core.plan import with_values
from ftui.errors import FtuiError
from ftui.trainer.request import emit, serve


def evaluate(run_dir: Path, request: Mapping[str, Any]) -> None:
    """Score base, tuned and rivals and write their results and the verdict below request["out"]. Raises FtuiError."""
    emit(Phase("importing", "torch, transformers"))
    from ftui.trainer import finished, score
    from ftui.trainer.job import read_rows
    from ftui.trainer.result_plan import result_plan
    from ftui.trainer.verdict import write_verdict

    result = result_plan(run_dir)
    plan = result.plan
    if plan.method.task == "reward":
        raise FtuiError(
            "A reward model writes no answers", "its accuracy on held-out pairs was measured at the end of the run"
        )
    if request.get("rows_max"):
        plan = with_values(plan, {"eval.rows_max": request["rows_max"]})
    out = Path(request["out"])
    _lay_out(run_dir, out)
    rows = list(read_rows(Path(request.get("rows") or result.held_out)))
    tokenizer = finished.tokenizer_of(run_dir, plan)
    adapter = Path(request["adapter"]) if request.get("adapter") else None

    def scored(label: str, model: Any, asked: Sequence[Mapping[str, Any]]) -> None:
        score.score_model(model, tokenizer, asked, plan, out, label, emit)

    emit(Phase("loading", "the base model"))
    base = finished.load_base(run_dir, plan)
    scored("base", base, rows)
    rivals = []
    if request.get("prompted"):
        count = int(request["prompted"])
        examples = list(read_rows(result.data / "train.jsonl"))[:count]
        rivals.append("prompted")
        # The examples must not be cut away: a rival that is asked without them would be no rival.
        window = int(getattr(base.config, "max_position_embeddings", 0) or 1 << 20)
        room = max(plan.data.max_length_tokens, window - plan.eval.max_new_tokens)
        roomy = with_values(plan, {"data.max_length_tokens": room})
        asked = [with_examples(row, examples) for row in rows]
        score.score_model(base, tokenizer, asked, roomy, out, "prompted", emit)
    if plan.method.technique != "full":
        base = None  # the adapter is switched off instead
    emit(Phase("loading", "the tuned model"))
    tuned = finished.load_tuned(run_dir, plan, folder=adapter)
    score.score_model(tuned, tokenizer, rows, plan, out, "tuned", emit, base=base)
    del base, tuned
    for name, folder in (request.get("others") or {}).items():
        emit(Phase("loading", f"the tuned model of {name}"))
        other = Path(folder)
        rivals.append(name)
        scored(name, finished.load_tuned(other, result_plan(other).plan), rows)
    write_verdict(out, plan, rivals)


def with_examples(row: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A chat row with worked examples before its question: what a prompted base would be given."""
    if "messages" not in row:
        return dict(row)
    lead = [message for message in row["messages"] if message.get("role") == "system"][:1]
    shown = [m for example in examples for m in example.get("messages", []) if m.get("role") in ("user", "assistant")]
    asked = [message for message in row["messages"] if message.get("role") != "system"]
    return {**row, "messages": [*lead, *shown, *asked]}


def _lay_out(run_dir: Path, out: Path) -> None:
    """score.py reads data/ and writes eval/ below one folder: give it one that is not the run's own."""
    if out.resolve() == run_dir.resolve():
        return
    (out / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    (out / "eval").mkdir(mode=0o700, exist_ok=True)
    for name in ("data/probe.jsonl", "data/schema.json", "environment.json"):
        if (run_dir / name).is_file():
            shutil.copyfile(run_dir / name, out / name)


if __name__ == "__main__":
    sys.exit(serve(evaluate, sys.argv[1:]))
