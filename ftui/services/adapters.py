"""The adapters on this machine: listed, found by name, and merged into one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.core.events import Event
from ftui.errors import FtuiError
from ftui.services.files import folder_bytes, read_json
from ftui.services.launch import require_training_stack
from ftui.services.paths import home, make_private, runs_folder
from ftui.services.run_list import list_runs
from ftui.services.runs import Run, find_run
from ftui.services.workers import run_worker

METHODS = ("linear", "ties", "dare_linear", "dare_ties")
Hear = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter. name: what `--with` and `adapters merge` take. verdict: of its run, or empty."""

    name: str
    path: str
    base: str
    rank: int
    alpha: int
    targets: tuple[str, ...]
    size_bytes: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged adapter. check: what each part's own held-out rows say about it."""

    path: Path
    passed: bool
    check: dict[str, Any]


def adapters_folder() -> Path:
    """Where merged adapters lie."""
    return home() / "adapters"


def list_adapters() -> list[Adapter]:
    """Those of the runs, newest first, then the merged ones by name. Runs that trained all weights have none."""
    found = []
    for run in list_runs(runs_folder()):
        folder = Path(run.path) / "model"
        if (folder / "adapter_config.json").is_file():
            found.append(_describe(run.run, folder, run.verdict))
    try:
        names = sorted(entry.name for entry in os.scandir(adapters_folder()) if entry.is_dir())
    except OSError:
        names = []
    found += [
        _describe(name, adapters_folder() / name, "")
        for name in names
        if (adapters_folder() / name / "adapter_config.json").is_file()
    ]
    return found


def adapter_folder(reference: str) -> tuple[str, Path]:
    """(name, folder) of a merged adapter, a run's adapter, or a folder that holds one. Raises FtuiError."""
    as_path = Path(reference).expanduser()
    for folder in (adapters_folder() / reference, as_path, as_path / "model"):
        if (folder / "adapter_config.json").is_file():
            name = as_path.name if folder == as_path / "model" else folder.name
            return re.sub(r"[^\w.-]+", "-", name) or "adapter", folder.absolute()
    try:
        run = find_run(reference)
    except FtuiError as error:
        if "No such run" not in error.title:
            raise
        words = f"{reference!r} is no run, no merged adapter, and no folder with adapter_config.json"
        raise FtuiError("No such adapter", words, "ftui adapters lists them.") from None
    folder = run.path / "model"
    if not (folder / "adapter_config.json").is_file():
        raise FtuiError("There is no adapter", f"{run.name} has none (yet), or trained all weights")
    return run.name, folder


def merge_adapters(
    run: Run,
    others: Sequence[str],
    *,
    weights: Sequence[float] = (),
    method: str = "linear",
    density: float = 0.5,
    rank: int | None = None,
    out: Path | None = None,
    hear: Hear = lambda _: None,
) -> Merged:
    """Merge the run's adapter with others of the same base. Raises FtuiError; nothing half-written keeps its name.

    weights: one per adapter, the run's first (default: all 1, which stacks them). density: the share of each change
    that TIES and DARE keep.
    """
    require_training_stack()
    found = [adapter_folder(str(run.path)), *(adapter_folder(other) for other in others)]
    given = list(weights) or [1.0] * len(found)
    if len(found) < 2:
        raise FtuiError("One adapter cannot be merged", run.name, "Name two or more.")
    if len(given) != len(found):
        raise FtuiError("Wrong number of weights", f"{len(given)} for {len(found)} adapters")
    if not 0 < density <= 1:
        raise FtuiError("Wrong density", f"{density}; it is a share above 0 and at most 1")
    bases = {str(_config(folder).get("base_model_name_or_path")) for _, folder in found}
    if len(bases) > 1:
        raise FtuiError("The adapters have different bases", ", ".join(sorted(bases)))
    default = adapter_name([name for name, _ in found], given, method, density, rank)
    target = (out or make_private(adapters_folder()) / default).absolute()
    if target.exists():
        raise FtuiError("The name exists", str(target), "Name another folder with --out.")
    working = target.with_name(f".{target.name}.part")
    shutil.rmtree(working, ignore_errors=True)
    sources = [
        {"name": name, "folder": str(folder), "weight": weight, "rows": _rows_of(folder)}
        for (name, folder), weight in zip(found, given, strict=True)
    ]
    request = {
        "sources": sources,
        "method": method,
        "density": density,
        "rank": rank,
        "out": str(working),
        "seed": run.plan().train.seed,
    }
    try:
        run_worker("ftui.trainer.adapters", run.path, request, hear)
        check = read_json(working / "check.json") or {}
        final = target if check.get("passed") else target.with_name(f"{target.name}.failed")
        shutil.rmtree(final, ignore_errors=True)
        working.rename(final)
    except OSError as error:
        raise FtuiError("The adapter cannot be written", f"{error.filename or working}: {error.strerror}") from None
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return Merged(final, bool(check.get("passed")), check)


def adapter_name(parts: Sequence[str], weights: Sequence[float], method: str, density: float, rank: int | None) -> str:
    """A folder's name for a merged adapter that differs where the merge does: "one+other-0.7+0.3-ties-0.5"."""
    name = "+".join(parts)[:80]
    if any(weight != 1.0 for weight in weights):
        name += "-" + "+".join(f"{weight:g}" for weight in weights)
    if method != "linear":
        name += f"-{method}-{density:g}"
    return name + (f"-r{rank}" if rank is not None else "")


def _rows_of(folder: Path) -> str | None:
    """The held-out rows of the run that an adapter lies in."""
    rows = folder.parent / "data" / "eval.jsonl"
    return str(rows) if folder.name == "model" and rows.is_file() else None


def _config(folder: Path) -> dict[str, Any]:
    config = read_json(folder / "adapter_config.json")
    return config if isinstance(config, dict) else {}


def _describe(name: str, folder: Path, verdict: str) -> Adapter:
    config = _config(folder)
    targets = config.get("target_modules") or []
    return Adapter(
        name=name,
        path=str(folder),
        base=str(config.get("base_model_name_or_path") or ""),
        rank=int(config.get("r") or 0),
        alpha=int(config.get("lora_alpha") or 0),
        targets=(targets,) if isinstance(targets, str) else tuple(sorted(map(str, targets))),
        size_bytes=folder_bytes(folder),
        verdict=verdict,
    )
