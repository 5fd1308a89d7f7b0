"""A plan on its way out of the wizard: to an editor, to a file, to the fit screen, to a run with its answers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.plan import Plan
from ftui.errors import FtuiError

if TYPE_CHECKING:
    from ftui.tui.screens.fit import FitScreen


def edited(plan: Plan, suspend: Callable[[], AbstractContextManager[object]]) -> Plan:
    """The plan as the user's editor leaves it. Raises FtuiError where it cannot be started or leaves no sound plan.

    suspend: gives the terminal to the editor for as long as it is open.
    """
    from ftui.services.plans import dump_plan, parse_plan
    from ftui.services.scratch import scratch_file

    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        with scratch_file("plan.yaml", dump_plan(plan)) as path:
            with suspend():
                subprocess.run([*editor, str(path)], check=False)
            return parse_plan(path.read_text(encoding="utf-8", errors="replace"), "your plan")
    except OSError as error:
        raise FtuiError(f"{editor[0]} could not be started", f"{error.strerror}. Set EDITOR.") from None


def written(plan: Plan, folder: Path) -> Path:
    """Write plan.yaml into a folder and give its path. Raises FtuiError where there is one already, or no room."""
    from ftui.services.plans import save_plan

    path = folder / "plan.yaml"
    if path.exists():
        raise FtuiError(f"{path} is there already", "move it away first.")
    try:
        save_plan(plan, path)
    except OSError as error:
        raise FtuiError("Not written", f"{path}: {error.strerror}") from None
    return path


def answers_beside(plan_file: Path, answers: Mapping[str, Any]) -> list[str]:
    """Write what was answered beside the plan, so that the run keeps it; the options of `ftui train` that say so."""
    if not answers.get("needs"):
        return []
    path = plan_file.with_name("answers.json")
    path.write_text(json.dumps(answers), encoding="utf-8")
    return ["--answers", str(path)]


def fit_screen(plan: Plan, model: str) -> FitScreen:
    """The fit screen for a plan on this machine; reads the model's shape and the hardware. Raises FtuiError."""
    from ftui.services.fit_target import machine_target
    from ftui.services.hardware import snapshot
    from ftui.services.model_config import find_model
    from ftui.services.prediction import request_of
    from ftui.tui.screens.fit import FitScreen

    shape = find_model(model, online=False).shape
    return FitScreen(plan.model.id, shape, machine_target(), request_of(plan, snapshot()))
