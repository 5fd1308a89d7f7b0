"""Tasks of the lm-eval harness for base and tuned, where the harness is installed and the tasks' data are local."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Phase
from ftui.core.text import clip
from ftui.errors import FtuiError
from ftui.services.evaluation import refuse_unfinished
from ftui.services.files import read_json, write_json
from ftui.services.runs import Run
from ftui.services.workers import worker_environment

Hear = Callable[[Event], None]


def run_lm_eval(
    run: Run, tasks: Sequence[str], *, task_folder: Path | None = None, hear: Hear = lambda _: None
) -> Path:
    """Score base and tuned on the tasks, offline; gives the path of eval/lm-eval.json.

    Raises FtuiError where the harness is missing, does not know a task, or would have to fetch its data.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise FtuiError("The lm-eval harness is not installed", "no module lm_eval", "pip install lm-eval")
    wanted = [task.strip() for task in tasks if task.strip()]
    if not wanted:
        raise FtuiError("Which tasks?", "--lm-eval names none", "For example: --lm-eval hellaswag,arc_easy")
    refuse_unfinished(run)
    plan = run.plan()
    model = run.path / "model"
    base = plan.model.path or plan.model.id
    adapter = (model / "adapter_config.json").is_file()
    tuned = f"pretrained={base},peft={model}" if adapter else f"pretrained={model}"
    results = {
        name: _score(run, name, f"{arguments},tokenizer={model}", wanted, task_folder, hear)
        for name, arguments in (("base", f"pretrained={base}"), ("tuned", tuned))
    }
    path = run.path / "eval" / "lm-eval.json"
    write_json(path, {"schema_version": 1, "tasks": _side_by_side(results["base"], results["tuned"])})
    return path


def _score(
    run: Run, name: str, arguments: str, tasks: Sequence[str], task_folder: Path | None, hear: Hear
) -> dict[str, Any]:
    hear(Phase("lm_eval", f"{name}: {', '.join(tasks)}"))
    log = run.path / "logs" / "worker.log"
    with tempfile.TemporaryDirectory(prefix="ftui-lm-eval-") as temporary, log.open("ab") as said:
        command = [sys.executable, "-P", "-m", "lm_eval", "--model", "hf", "--model_args", arguments]
        command += ["--tasks", ",".join(tasks), "--output_path", temporary, "--batch_size", "8"]
        command += ["--include_path", str(task_folder)] if task_folder else []
        start = log.stat().st_size
        code = subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=worker_environment(), cwd=temporary
        )
        found = [read_json(path) for path in Path(temporary).rglob("results*.json")]
    if code or not found or not isinstance(found[-1], dict):
        raise FtuiError(
            "lm-eval could not score the model",
            f"{name}: {_last_words(log, start) or f'exit code {code}'}",
            f"Are the tasks known, and their data on this machine? Its log: {log}",
        )
    return dict(found[-1].get("results", {}))


def _side_by_side(base: dict[str, Any], tuned: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """task -> metric -> base, tuned and their standard errors, as far as they are numbers."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for task, metrics in base.items():
        for name, value in metrics.items():
            other = tuned.get(task, {}).get(name)
            # A metric's name comes with its filter, "acc,none"; what has none is about the task.
            if (
                "_stderr" in name
                or "," not in name
                or not isinstance(value, int | float)
                or not isinstance(other, int | float)
            ):
                continue
            metric, _, filtered = name.partition(",")
            row = {"base": float(value), "tuned": float(other)}
            for model, scores in (("base", metrics), ("tuned", tuned[task])):
                error = scores.get(f"{metric}_stderr,{filtered}")
                if isinstance(error, int | float):
                    row[f"{model}_stderr"] = float(error)
            table.setdefault(task, {})[metric if filtered == "none" else f"{metric} ({filtered})"] = row
    return table


def _last_words(log: Path, start: int) -> str:
    """The last line that the harness wrote which says something."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 20_000))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    return clip(next((line for line in reversed(lines) if line), ""), 200)
