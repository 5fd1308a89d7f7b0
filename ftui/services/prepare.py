"""`python -m ftui.services.prepare RUN_DIR`: the run's own copy of its data, as canonical rows.

A process of its own, so that reading a large file neither fills the supervisor's memory nor can hang it. Its last line
on stderr is the reason when it fails.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ftui.errors import FtuiError
from ftui.services.files import read_json, write_json
from ftui.services.paths import sample_data
from ftui.services.runs import Run


def prepare(run: Run) -> None:
    """Write data/train.jsonl, eval.jsonl, replay.jsonl, probe.jsonl and manifest.json. Raises FtuiError."""
    from ftui.services.dataset import prepare_run_data
    from ftui.services.environment import file_sha256

    plan = run.plan()
    data = run.path / "data"
    prepare_run_data(
        Path(plan.data.train),
        Path(plan.data.eval) if plan.data.eval else None,
        data,
        mapping=dict(plan.data.map) or None,
        eval_fraction=plan.data.eval_fraction,
        eval_rows=plan.data.eval_rows_max,
        seed=plan.train.seed,
        format=plan.data.format,
        replay_path=Path(plan.data.replay) if plan.data.replay and plan.data.replay_fraction else None,
        replay_fraction=plan.data.replay_fraction,
    )
    probe = Path(plan.eval.probe) if plan.eval.probe else sample_data() / "general" / "probe.jsonl"
    if probe.is_file():
        shutil.copyfile(probe, data / "probe.jsonl")
    if plan.eval.schema:
        shutil.copyfile(plan.eval.schema, data / "schema.json")
    manifest = read_json(data / "manifest.json") or {}
    names = sorted(path.name for path in data.glob("*.json*") if path.name != "manifest.json")
    manifest["files"] = {name: file_sha256(data / name) for name in names}
    write_json(data / "manifest.json", manifest)


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
