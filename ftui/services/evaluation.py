"""Score the models of a run again: in its own folder, or on other rows in a folder of their own below eval/."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Event
from ftui.core.plan import result_stage, stage_folder
from ftui.errors import FtuiError
from ftui.services.launch import require_training_stack
from ftui.services.paths import make_private
from ftui.services.runs import LIVE, Run, read_state
from ftui.services.workers import run_worker

Hear = Callable[[Event], None]
OWN_NAMES = ("base", "tuned", "prompted", "verdict", "judge", "samples", "ratings")


def score_run(
    run: Run,
    *,
    rows: Path | None = None,
    rows_max: int | None = None,
    prompted: int = 0,
    against: Sequence[Run] = (),
    adapter: Path | None = None,
    hear: Hear = lambda _: None,
) -> Path:
    """Score base and tuned, and rivals: the base with `prompted` examples in its prompt, the models of other runs.

    adapter: score this adapter of the same base in place of the run's own. Its results, those of other rows and those
    of a part of the run's rows lie in folders of their own.
    Gives the folder whose eval/ holds the results. Raises FtuiError.
    """
    require_training_stack()
    refuse_unfinished(run)
    for other in against:
        refuse_unfinished(other)
    held_out, out = held_out_rows(run), run.path
    if rows is not None:
        held_out, out = _other_rows(run, rows)
    elif not held_out.is_file() or not held_out.stat().st_size:
        raise FtuiError("No held-out rows", f"{run.name} kept none", f"Name some: ftui eval {run.name} --rows FILE")
    elif rows_max is not None and rows_max < _whole(run):
        # Fewer rows make a weaker verdict: it must not take the place of the run's own.
        out = make_private(run.path / "eval" / f"first-{rows_max}")
    if adapter is not None:
        name = hashlib.sha256(f"{adapter}:{out}".encode()).hexdigest()[:12]
        out = make_private(run.path / "eval" / f"adapter-{name}")
    request: dict[str, Any] = {
        "rows": str(held_out),
        "out": str(out),
        "prompted": prompted,
        "rows_max": rows_max,
        "others": {_label(other): str(other.path) for other in against},
        "adapter": str(adapter) if adapter else None,
    }
    run_worker("ftui.trainer.evaluate", run.path, request, hear)
    return out


def refuse_unfinished(run: Run) -> None:
    """Raise FtuiError where the run has no final model yet, or is still at work on it."""
    status = read_state(run).status
    if status in LIVE:
        raise FtuiError("The run is alive", f"{run.name} is {status}", "It is scored when it ends; or stop it first.")
    if not (run.path / "model").is_dir():
        raise FtuiError(
            "The run has no model yet", f"{run.name} is {status}", f"Finish it: ftui runs resume {run.name}"
        )


def held_out_rows(run: Run) -> Path:
    """The rows that base and tuned are compared on: of several stages those of the one that made the model."""
    plan = run.plan()
    last = result_stage(plan)
    if last is not None:
        own = run.path / "stages" / stage_folder(plan, last) / "data" / "eval.jsonl"
        if own.is_file():
            return own
    return run.path / "data" / "eval.jsonl"


def _whole(run: Run) -> int:
    """How many rows the run's own verdict rests on, or would."""
    with held_out_rows(run).open("rb") as file:
        return min(run.plan().eval.rows_max, sum(1 for line in file if line.strip()))


def _label(run: Run) -> str:
    """A rival's name, which is a file's name, too."""
    label = re.sub(r"[^\w.-]+", "-", run.name).strip(".-") or "run"
    return f"run-{label}" if label in OWN_NAMES else label


def _other_rows(run: Run, path: Path) -> tuple[Path, Path]:
    """The rows in canonical form, in a folder named after their content."""
    from ftui.services.dataset import readable_dataset

    lines = [json.dumps(row.data, ensure_ascii=False) for row in readable_dataset(path).canonical_rows()]
    if not lines:
        raise FtuiError("No usable rows", f"{path} holds none that can be scored", f"Why: ftui lint {path}")
    text = "\n".join(lines) + "\n"
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    out = make_private(run.path / "eval" / f"rows-{name}")
    make_private(out / "data")
    (out / "data" / "eval.jsonl").write_text(text, encoding="utf-8")
    return out / "data" / "eval.jsonl", out
