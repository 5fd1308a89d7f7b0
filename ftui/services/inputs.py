"""What a run was made of, now and at its start: plan, model and data, and in words how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftui.core.plan import to_mapping
from ftui.core.text import clip
from ftui.errors import FtuiError
from ftui.services import environment
from ftui.services.files import read_json, read_object
from ftui.services.runs import Run

_SHOWN = 8


def changed_inputs(run: Run) -> list[str]:
    """What differs between a run's inputs now and when it started, one difference each, in words."""
    known = read_json(run.path / "environment.json")
    if not isinstance(known, dict):
        return ["environment.json is missing or broken"]
    return [*_plan_changes(run, known), *_model_changes(known), *_data_changes(run)]


def _plan_changes(run: Run, known: dict[str, Any]) -> list[str]:
    if known.get("plan_sha256") == environment.file_sha256(run.plan_file):
        return []
    try:
        now = _flat(to_mapping(run.plan()))
    except FtuiError as error:
        return [f"plan.yaml can no longer be read: {error}"]
    before = _flat(known.get("plan") or {})
    changes = [
        f"{name}: {clip(repr(before.get(name)), 60)} -> {clip(repr(now.get(name)), 60)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name) and not name.startswith("reasons")
    ]
    if not before or not changes:
        return ["plan.yaml was edited (in words or layout)"]
    more = [f"and {len(changes) - _SHOWN} more settings of plan.yaml"] if len(changes) > _SHOWN else []
    return [*(f"plan.yaml, {change}" for change in changes[:_SHOWN]), *more]


def _model_changes(known: dict[str, Any]) -> list[str]:
    model = _mapping(known.get("model"))
    if not isinstance(model.get("folder"), str):
        return ["environment.json no longer says which model it was"]
    folder = Path(model["folder"])
    if not folder.is_dir():
        return [f"the model's folder {folder} is gone"]
    now = environment.model_fingerprint(folder)
    if now["sha256"] == model.get("sha256"):
        return []
    before, files = _mapping(model.get("files")), now["files"]
    names = [name for name in sorted({*before, *files}) if before.get(name) != files.get(name)]
    listed = ", ".join(
        f"{name} ({'new' if name not in before else 'gone' if name not in files else 'changed'})" for name in names[:5]
    )
    more = ", ..." if len(names) > 5 else ""
    return [f"the model in {folder} is another one: {listed or 'its fingerprint differs'}{more}"]


def _data_changes(run: Run) -> list[str]:
    changed = []
    for folder in [run.path / "data", *sorted(run.path.glob("stages/*/data"))]:
        manifest = read_object(folder / "manifest.json")
        for name, digest in _mapping(manifest.get("files")).items():
            path, shown = folder / name, (folder / name).relative_to(run.path)
            if not path.is_file():
                changed.append(f"{shown} is gone")
                continue
            now = environment.file_sha256(path)
            if now != digest:
                rows = _rows_words(manifest, path)
                changed.append(f"{shown} was changed{rows} (SHA-256 {str(digest)[:12]} -> {now[:12]})")
    return changed


def _rows_words(manifest: dict[str, Any], path: Path) -> str:
    part = _mapping(manifest.get("parts")).get(path.stem)
    before = part.get("rows") if isinstance(part, dict) else None
    if not isinstance(before, int) or path.suffix != ".jsonl":
        return ""
    with path.open("rb") as file:
        now = sum(1 for _ in file)
    return f": {before:,} rows -> {now:,} rows" if now != before else f", with as many rows ({now:,})"


def _mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, and an empty one where somebody broke it."""
    return value if isinstance(value, dict) else {}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names."""
    if not isinstance(value, dict):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat.update(_flat(item, f"{name}.{key}" if name else str(key)))
    return flat
