"""`python -m ftui.services.prepare RUN_DIR`: the run's own copy of its data, as canonical rows.

A process of its own, so that reading a large file neither fills the supervisor's memory nor can hang it. Its last line
on stderr is the reason when it fails.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from shlex import quote

from ftui.core.plan import Plan, stage_folder, stage_plan
from ftui.errors import FtuiError
from ftui.services.dataset import prepare_run_data
from ftui.services.dataset_run import DataManifest
from ftui.services.environment import file_sha256
from ftui.services.files import read_json, write_json
from ftui.services.paths import make_private, sample_data
from ftui.services.runs import Run


def prepare(run: Run) -> None:
    """Write the data of the run, and of each of its stages that names rows of its own. Raises FtuiError."""
    plan = run.plan()
    _prepare_into(run.path / "data", plan)
    for number, stage in enumerate(plan.stages):
        if "data" in stage:
            folder = make_private(run.path / "stages" / stage_folder(plan, number) / "data")
            _prepare_into(folder, stage_plan(plan, number))


def _prepare_into(data: Path, plan: Plan) -> None:
    """Write train.jsonl, eval.jsonl, replay.jsonl, probe.jsonl, schema.json and manifest.json for one plan."""
    made = prepare_run_data(
        plan.data.train,
        plan.data.eval,
        data,
        mapping=dict(plan.data.map) or None,
        eval_fraction=plan.data.eval_fraction,
        eval_rows=plan.data.eval_rows_max,
        seed=plan.train.seed,
        format=plan.data.format,
        task=plan.method.task,
        replay_path=plan.data.replay if plan.data.replay_fraction else None,
        replay_fraction=plan.data.replay_fraction,
    )
    _refuse_empty_parts(plan, made)
    left_out = _cut(data / "eval.jsonl", plan.data.eval_rows_max)
    probe = Path(plan.eval.probe) if plan.eval.probe else sample_data() / "general" / "probe.jsonl"
    if probe.is_file():
        shutil.copyfile(probe, data / "probe.jsonl")
    if plan.eval.schema:
        shutil.copyfile(plan.eval.schema, data / "schema.json")
    manifest = read_json(data / "manifest.json") or {}
    manifest["eval_rows_left_out"] = left_out
    names = sorted(path.name for path in data.glob("*.json*") if path.name != "manifest.json")
    manifest["files"] = {name: file_sha256(data / name) for name in names}
    write_json(data / "manifest.json", manifest)


def _refuse_empty_parts(plan: Plan, made: DataManifest) -> None:
    """Raises FtuiError where held-out or general rows were named and none of them can be used."""
    named = {"eval": plan.data.eval, "replay": plan.data.replay if plan.data.replay_fraction else None}
    for name, path in named.items():
        if path and (name not in made.parts or not made.parts[name].rows):
            why = max(made.dropped_rows, key=lambda reason: made.dropped_rows[reason], default="there are no rows")
            raise FtuiError(
                f"No row of data.{name} can be used", f"{path}: {why}", f"Look at it: ftui lint {quote(path)}"
            )


def _cut(path: Path, limit: int) -> int:
    """Keep the first `limit` lines of a file; gives how many were left out."""
    if not path.is_file():
        return 0
    kept = path.with_suffix(".kept")
    count = 0
    with path.open("rb") as rows, kept.open("wb") as out:
        for count, line in enumerate(rows, 1):
            if count <= limit:
                out.write(line)
    kept.replace(path)
    return max(0, count - limit)


def main(arguments: list[str]) -> int:
    """Prepare the run named by its folder; 1 with a sentence on stderr where that fails."""
    try:
        prepare(Run(Path(arguments[0])))
    except FtuiError as error:
        sys.stderr.write(" ".join(f"{error}{'. ' + error.hint if error.hint else ''}".split()) + "\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The data could not be prepared: {error.filename}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
