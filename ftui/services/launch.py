"""From a plan to a running run: checks first, then the directory, then the supervisor."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan, resolved, with_values
from ftui.errors import FtuiError
from ftui.services.adoption import spawn_supervisor
from ftui.services.files import read_json, write_json
from ftui.services.paths import runs_folder
from ftui.services.process import processes_with
from ftui.services.run_folders import create_run
from ftui.services.runs import PREPARED, Run, read_state, recorded_state, write_state

Progress = Callable[[str], None]


def start_run(
    plan: Plan,
    *,
    queue: bool = False,
    extra_files: dict[str, Any] | None = None,
    progress: Progress = lambda _: None,
    folder: Path | None = None,
) -> Run:
    """Make a run of the plan and start its supervisor. Raises FtuiError before anything is made where it cannot work.

    extra_files: further JSON files for the run's folder by name (answers.json, verdict of the questionnaire).
    """
    refuse_missing_devices(plan)
    run = make_run(plan, progress=progress, folder=folder)
    for name, value in (extra_files or {}).items():
        _record(run, name, value)
    spawn_supervisor(run, *(["--queue"] if queue else []), after=recorded_state(run))
    return run


def prepared_run(plan: Plan, *, progress: Progress = lambda _: None) -> Run:
    """Make a run with its rows and start nothing: a cluster's launcher starts its processes. Raises FtuiError."""
    from ftui.services.prepare import prepare

    run = make_run(plan, progress=progress)
    prepare(run)
    write_state(run, replace(recorded_state(run), status=PREPARED))
    return run


def make_run(plan: Plan, *, progress: Progress = lambda _: None, folder: Path | None = None) -> Run:
    """Check the plan's inputs and make the run's folder, with its environment and prediction. Raises FtuiError."""
    require_training_stack()
    plan = with_absolute_paths(plan)
    check_inputs(plan)
    # Here, not above: `ftui runs list` needs none of it.
    from ftui.services import environment
    from ftui.services.pretrained import resolve_model
    from ftui.services.space import refuse_small_disk
    from ftui.services.task_rows import refuse_unusable_rows

    refuse_unusable_rows(plan)
    found = resolve_model(plan.model.path or plan.model.id, revision=plan.model.revision, progress=progress)
    plan = resolved(plan, str(found.path))
    prediction = _prediction(plan, found.path)
    refuse_small_disk(folder or runs_folder(), plan, prediction)
    run = create_run(plan, folder)
    described = environment.describe(plan, run.plan_file, found.path, found.source, found.revision)
    _record(run, "environment.json", described)
    _record(run, "fit.json", prediction)
    return run


def resume_run(run: Run, *, force: bool = False) -> Run:
    """Go on with a run that is not live. Raises FtuiError where it is live, finished, or its inputs changed."""
    require_training_stack()
    state = read_state(run)
    if state.waiting:
        raise FtuiError(
            "The run waits for room",
            f"{run.name}: {state.reason}",
            "Free some space: it goes on by itself, in seconds.",
        )
    if state.live:
        raise FtuiError("The run is alive", f"{run.name} is {state.status}", f"Look at it: ftui watch {run.name}")
    if state.status == "finished":
        raise FtuiError("Nothing to resume", f"{run.name} has finished", f"See its result: ftui eval {run.name}")
    if not state.created and (pids := processes_with("ftui.trainer", str(run.path))):
        # state.json, which names the trainer, is lost; a second one beside it would spoil its checkpoints.
        raise FtuiError(
            "A trainer still works on this run",
            f"{state.reason}, but process {pids[0]} trains {run.name}",
            f"Let it finish, or end it with a checkpoint: kill {pids[0]}",
        )
    from ftui.services.inputs import changed_inputs

    run.plan()  # --force is no help against a plan that cannot be read
    changed = changed_inputs(run)
    if changed and not force:
        raise FtuiError(
            "The run's inputs have changed",
            "; ".join(changed),
            "Start a new run, or go on with --force (it is recorded).",
        )
    if changed:
        record = read_json(run.path / "forced.json")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        forced = {"time": when, "from_attempt": state.attempt + 1, "changed": changed}
        _record(run, "forced.json", [*(record if isinstance(record, list) else []), forced])
    spawn_supervisor(run, after=state)
    return run


def _record(run: Run, name: str, value: object) -> None:
    try:
        write_json(run.path / name, value)
    except OSError as error:
        raise FtuiError("The run's folder cannot be written", f"{run.path / name}: {error.strerror}") from None


def require_training_stack() -> None:
    """Raises FtuiError where the `train` extra is not installed; imports none of it."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "peft") if find_spec(name) is None]
    if missing:
        raise FtuiError(
            "Training needs more packages", f"not installed: {', '.join(missing)}", "pip install 'ftui-wizard[train]'"
        )


def refuse_missing_devices(plan: Plan) -> None:
    """Raises FtuiError where this machine has fewer GPUs than the plan shares the work among, or lacks DeepSpeed.

    A machine without GPUs trains with as many processes as asked for.
    """
    from importlib.util import find_spec

    from ftui.services.hardware import snapshot

    train = plan.train
    if train.gpus > 1 and train.sharding.startswith("zero") and find_spec("deepspeed") is None:
        raise FtuiError(
            "DeepSpeed is not installed", f"train.sharding is {train.sharding}", "pip install deepspeed, or use fsdp."
        )
    there = len(snapshot().gpus) if train.gpus > 1 else 0
    if there and train.gpus > there:
        raise FtuiError(
            "Not enough GPUs",
            f"train.gpus is {train.gpus}, and this machine has {there}",
            "Lower it, or give the plan to a cluster: ftui train PLAN --emit slurm.",
        )


def with_absolute_paths(plan: Plan) -> Plan:
    """The plan with every path made absolute: the supervisor works from another folder."""
    changes = {}
    for name in ("data.train", "data.eval", "data.replay", "eval.schema", "eval.probe", "model.chat_template"):
        section, key = name.split(".")
        value = getattr(getattr(plan, section), key)
        if value:
            changes[name] = os.path.abspath(Path(value).expanduser())  # noqa: PTH100  (a glob is not a path)
    if plan.model.id and Path(plan.model.id).expanduser().is_dir():
        changes["model.id"] = str(Path(plan.model.id).expanduser().absolute())
    return with_values(plan, changes)


def check_inputs(plan: Plan) -> None:
    """Raises FtuiError for inputs that are plainly not there, before a run is made."""
    for name in ("data.train", "data.eval", "data.replay", "eval.schema", "eval.probe", "model.chat_template"):
        section, key = name.split(".")
        value = getattr(getattr(plan, section), key)
        if value and not any(character in value for character in "*?[") and not Path(value).exists():
            raise FtuiError(
                "No such file", f"{name}: {value}", "Is the path right? It is taken from the current folder."
            )
    from ftui.core.secrets import find_secrets

    for name in ("alert_webhook", "alert_command", "name", "notes"):
        hits = [hit for hit in find_secrets(getattr(plan.run, name) or "") if not hit.documented]
        if hits:
            raise FtuiError(
                "A secret in the plan",
                f"run.{name} holds a {hits[0].kind}, and plans are kept, shown and shared",
                "Put it into an environment variable and write $ITS_NAME there instead.",
            )
    if plan.model.trust_remote_code:
        raise FtuiError(
            "The model brings its own code",
            "model.trust_remote_code is true",
            "ftui runs no code from model folders; choose a model that transformers knows.",
        )


def _prediction(plan: Plan, model_folder: Path) -> dict[str, Any]:
    """What core.fit says about this plan, for the dashboard's marks and for the comparison afterwards."""
    from ftui.services.prediction import predict

    return predict(plan, model_folder)
