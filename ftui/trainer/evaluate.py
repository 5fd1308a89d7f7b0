"""`python -m ftui.trainer.evaluate RUN_DIR REQUEST.json`: score base and tuned again, perhaps on other rows.

REQUEST: {"rows": canonical rows file or null for the run's own held-out rows, "out": folder for the results,
"models": ["base", "tuned"], "prompted": few-shot examples for a prompted base or 0}. Speaks in events, one a line, on
stdout; the results are files.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Failed, Phase, to_line
from ftui.core.plan import with_values


def emit(event: Event) -> None:
    """Say it on stdout, at once."""
    sys.stdout.write(to_line(event))
    sys.stdout.flush()


def evaluate(run_dir: Path, request: Mapping[str, Any]) -> None:
    """Score the asked models and write their results and the verdict below request["out"]. Raises FtuiError."""
    emit(Phase("importing", "torch, transformers"))
    from ftui.trainer import finished, score
    from ftui.trainer.job import read_rows

    plan = finished.read_run(run_dir)
    if request.get("rows_max"):
        plan = with_values(plan, {"eval.rows_max": request["rows_max"]})
    out = Path(request["out"])
    _lay_out(run_dir, out)
    rows = list(read_rows(Path(request.get("rows") or run_dir / "data" / "eval.jsonl")))
    tokenizer = finished.tokenizer_of(run_dir, plan)
    for label in request.get("models", ["base", "tuned"]):
        emit(Phase("loading", f"the {label} model"))
        model = finished.load_tuned(run_dir, plan) if label == "tuned" else finished.load_base(run_dir, plan)
        asked = rows
        if label == "prompted":
            examples = list(read_rows(run_dir / "data" / "train.jsonl"))[: int(request.get("prompted", 3))]
            asked = [with_examples(row, examples) for row in rows]
        score.score_model(model, tokenizer, asked, plan, out, label, emit)
        del model
    if {"base", "tuned"} <= set(request.get("models", ["base", "tuned"])):
        score.write_verdict(out, plan)


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
    for name in ("probe.jsonl", "schema.json"):
        if (run_dir / "data" / name).is_file():
            shutil.copyfile(run_dir / "data" / name, out / "data" / name)


def main(arguments: list[str]) -> int:
    """Do it; a failure is the last event."""
    from ftui.trainer.failure import as_failed

    try:
        evaluate(Path(arguments[0]), json.loads(Path(arguments[1]).read_text(encoding="utf-8")))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # whatever a model or a library raises: the caller gets one sentence
        failed: Failed = as_failed(error)
        emit(failed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
