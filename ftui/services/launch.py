"""From a plan to a running run: checks first, then the directory, then the supervisor."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan, resolved, with_values
from ftui.errors import FtuiError
from ftui.services import environment
from ftui.services.files import read_json, write_json
from ftui.services.process import is_alive
from ftui.services.runs import (
    LIVE,
    Run,
    State,
    create_run,
    list_runs,
    read_state,
    recorded_state,
    write_state,
)

SUPERVISOR_START_SECONDS = 20.0
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
    run = make_run(plan, progress=progress, folder=folder)
    for name, value in (extra_files or {}).items():
        write_json(run.path / name, value)
    spawn_supervisor(run, *(["--queue"] if queue else []))
    return run


def prepared_run(plan: Plan, *, progress: Progress = lambda _: None) -> Run:
    """Make a run with its rows and start nothing: a cluster's launcher starts its processes. Raises FtuiError."""
    from ftui.services.prepare import prepare

    run = make_run(plan, progress=progress)
    prepare(run)
    write_state(run, replace(recorded_state(run), reason="its processes are started by others, see its events"))
    return run


def make_run(plan: Plan, *, progress: Progress = lambda _: None, folder: Path | None = None) -> Run:
    """Check the plan's inputs and make the run's folder, with its environment and prediction. Raises FtuiError."""
    require_training_stack()
    plan = with_absolute_paths(plan)
    check_inputs(plan)
    from ftui.services.pretrained import resolve_model

    found = resolve_model(plan.model.path or plan.model.id, revision=plan.model.revision, progress=progress)
    plan = resolved(plan, str(found.path))
    run = create_run(plan, folder)
    write_json(
        run.path / "environment.json",
        environment.describe(run.plan_file, found.path, found.source, plan.train.seed),
    )
    write_json(run.path / "fit.json", _prediction(plan, found.path))
    return run


def resume_run(run: Run, *, force: bool = False) -> Run:
    """Go on with a run that is not live. Raises FtuiError where it is live, finished, or its inputs changed."""
    require_training_stack()
    state = read_state(run)
    if state.status in LIVE:
        raise FtuiError("The run is alive", f"{run.name} is {state.status}", f"Look at it: ftui watch {run.name}")
    if state.status == "finished":
        raise FtuiError("Nothing to resume", f"{run.name} has finished", f"See its result: ftui eval {run.name}")
    changed = changed_inputs(run)
    if changed and not force:
        raise FtuiError(
            "The run's inputs have changed",
            "; ".join(changed),
            "Start a new run, or go on with --force (it is recorded).",
        )
    if changed:
        record = read_json(run.path / "forced.json") or []
        write_json(run.path / "forced.json", [*record, {"changed": changed}])
    spawn_supervisor(run)
    return run


def adopt_orphans(folder: Path | None = None) -> list[Run]:
    """Give a new supervisor to every run whose trainer lives on without one; also settles runs that ended meanwhile."""
    adopted = []
    for summary in list_runs(folder):
        run = Run(Path(summary.path))
        try:
            state = recorded_state(run)
        except FtuiError:
            continue
        if state.status not in LIVE or is_alive(state.supervisor()):
            continue
        if state.supervisor_pid is None:
            continue  # only prepared: whatever trains it is not ours to settle
        if is_alive(state.trainer()):
            spawn_supervisor(run, "--adopt")
            adopted.append(run)
        else:
            settle(run)
    return adopted


def settle(run: Run) -> State:
    """Write the true state of a run that nobody supervises any more, and give it."""
    from filelock import FileLock, Timeout

    state = read_state(run)
    if state != recorded_state(run):
        try:
            with FileLock(run.path / "lock", timeout=0, mode=0o600):
                write_state(run, read_state(run))
        except (Timeout, OSError):
            pass  # somebody else is on it, or the disk is full: the next command will see to it
    return state


def spawn_supervisor(run: Run, *flags: str) -> None:
    """Start the supervisor in a session of its own and wait until it has said that it is there. Raises FtuiError."""
    before = recorded_state(run).supervisor_pid
    log = run.path / "logs" / "supervisor.log"
    try:
        with log.open("ab") as output:
            log.chmod(0o600)
            done = subprocess.run(
                [sys.executable, "-P", "-m", "ftui.services.supervisor", str(run.path), "--detach", *flags],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=run.path,
                check=False,
            )
    except OSError as error:
        raise FtuiError("The supervisor cannot be started", f"{error.filename or run.path}: {error.strerror}") from None
    until = time.monotonic() + SUPERVISOR_START_SECONDS
    while time.monotonic() < until:
        state = recorded_state(run)
        if state.supervisor_pid not in (None, before) or state.status in ("finished", "failed", "stopped"):
            return
        if done.returncode:
            break
        time.sleep(0.02)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["no word from it"]
    raise FtuiError("The supervisor did not start", last[0], f"Its log: {log}")


def wait_for_end(run: Run, seconds: float) -> State:
    """The state once it is no longer live, or after `seconds`."""
    until = time.monotonic() + seconds
    while (state := read_state(run)).status in LIVE and time.monotonic() < until:
        time.sleep(0.1)
    return state


def require_training_stack() -> None:
    """Raises FtuiError where the `train` extra is not installed; imports none of it."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "transformers", "trl", "peft") if find_spec(name) is None]
    if missing:
        raise FtuiError(
            "Training needs more packages", f"not installed: {', '.join(missing)}", "pip install 'ftui-wizard[train]'"
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
    if plan.model.trust_remote_code:
        raise FtuiError(
            "The model brings its own code",
            "model.trust_remote_code is true",
            "ftui runs no code from model folders; choose a model that transformers knows.",
        )


def changed_inputs(run: Run) -> list[str]:
    """What differs between a run's inputs now and when it started, in words."""
    known = read_json(run.path / "environment.json")
    if not isinstance(known, dict):
        return ["environment.json is missing or broken"]
    changed = []
    if known.get("plan_sha256") != environment.file_sha256(run.plan_file):
        changed.append("plan.yaml was edited after the start")
    model = known.get("model", {})
    folder = Path(model.get("folder", ""))
    if not folder.is_dir():
        changed.append(f"the model's folder {folder} is gone")
    elif environment.model_fingerprint(folder)["sha256"] != model.get("sha256"):
        changed.append(f"the model in {folder} is another one")
    manifest = read_json(run.path / "data" / "manifest.json")
    for name, digest in (manifest.get("files", {}) if isinstance(manifest, dict) else {}).items():
        path = run.path / "data" / name
        if not path.is_file() or environment.file_sha256(path) != digest:
            changed.append(f"data/{name} was changed after the start")
    return changed


def _prediction(plan: Plan, model_folder: Path) -> dict[str, Any]:
    """What core.fit says about this plan, for the dashboard's marks and for the comparison afterwards."""
    from ftui.services.prediction import predict

    return predict(plan, model_folder)
