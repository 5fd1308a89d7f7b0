"""The model card of an export, with the licences of base and data as far as they are known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ftui.core.card import model_card
from ftui.core.plan import Plan
from ftui.services.files import read_json, write_atomic
from ftui.services.runs import Run

_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_LICENSE = re.compile(r"^license(?:_name)?:\s*[\"']?([A-Za-z0-9][\w.+-]*)", re.MULTILINE)


def write_card(run: Run, format_name: str, folder: Path, check: dict[str, Any] | None) -> None:
    """Write README.md into the export's folder. Raises OSError."""
    plan = run.plan()
    card = model_card(
        plan,
        format_name=format_name,
        verdict=read_json(run.verdict_file),
        manifest=read_json(run.path / "data" / "manifest.json"),
        environment=read_json(run.path / "environment.json"),
        check=check,
        license_of_base=license_of_base(plan),
        license_of_data=license_of_data(plan),
    )
    write_atomic(folder / "README.md", card)


def license_of_base(plan: Plan) -> str:
    """The base's licence by its own card, else by the catalogue; empty where neither says."""
    if plan.model.path and (stated := _stated(Path(plan.model.path) / "README.md")):
        return stated
    from ftui.core.catalog.models import all_models

    return next((model.license or "" for model in all_models() if model.id == plan.model.id), "")


def license_of_data(plan: Plan) -> str:
    """The licence that a card beside the training file states; empty where none does."""
    if not plan.data.train:
        return ""
    return _stated(Path(plan.data.train).expanduser().absolute().parent / "README.md")


def _stated(card: Path) -> str:
    """`license:` in the header of a model's or a dataset's card."""
    try:
        head = _FRONT.match(card.read_text(encoding="utf-8", errors="replace")[:20_000])
    except OSError:
        return ""
    found = _LICENSE.search(head.group(1)) if head else None
    return found.group(1) if found else ""
