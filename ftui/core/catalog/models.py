"""The catalogue of models: 212 hub ids with their configs, counts, licences and sources. Stable interface."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from ftui.core.catalog.data import read_data
from ftui.errors import FtuiError


class ModelCard(NamedTuple):
    """What is known of one hub id. Counts are elements; None is unknown."""

    id: str
    variant: str
    """base or instruct."""
    base_id: str | None
    instruct_id: str | None
    params_total: int
    params_text: int
    params_active: int
    params_published: int | None
    params_check: str
    """exact, within_0.5pct or unverified: the computed count against a published one."""
    published_extra: int
    """Elements in the published total that a loaded model does not hold."""
    published_extra_note: str
    max_positions: int | None
    license: str | None
    license_source: str
    gated: bool | None
    """Whether the hub asks for an agreement first."""
    gated_source: str
    system_role: str | None
    """yes, merged_into_first_user, no_raises ...: what the chat template does with a system message."""
    system_role_source: str
    sources: tuple[str, ...]
    note: str
    config: Mapping[str, Any]
    """A minimal config.json: for sizing, never for running weights."""

    @property
    def name(self) -> str:
        """The id without its organisation."""
        return self.id.rpartition("/")[2]


@cache
def _configs() -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = read_data("configs.json")["configs"]
    return configs


@cache
def _rows() -> tuple[list[dict[str, Any]], list[str]]:
    document = read_data("models.json")
    return document["models"], document["sources"]


def _card(row: Mapping[str, Any], sources: list[str]) -> ModelCard:
    def source(key: str) -> str:
        return sources[row[key]] if key in row else ""

    return ModelCard(
        id=row["id"],
        variant=row["variant"],
        base_id=row.get("base_id"),
        instruct_id=row.get("instruct_id"),
        params_total=row["params_total"],
        params_text=row["params_text"],
        params_active=row["params_active"],
        params_published=row.get("params_published"),
        params_check=row["params_check"],
        published_extra=row.get("published_extra", 0),
        published_extra_note=row.get("published_extra_note", ""),
        max_positions=row.get("max_positions"),
        license=row.get("license"),
        license_source=source("license_source"),
        gated=row.get("gated"),
        gated_source=source("gated_source"),
        system_role=row.get("system_role"),
        system_role_source=source("system_role_source"),
        sources=tuple(sources[index] for index in row.get("sources", ())),
        note=row.get("note", ""),
        config=_configs()[row["config"]],
    )


@cache
def all_models() -> tuple[ModelCard, ...]:
    """Every model of the catalogue, in its order (by family)."""
    rows, sources = _rows()
    return tuple(_card(row, sources) for row in rows)


def find_model(name: str) -> ModelCard | None:
    """Give the card of a hub id, or of its last part if only one id ends so; case does not matter."""
    rows, sources = _rows()
    wanted = name.strip().lower()
    for row in rows:
        if row["id"].lower() == wanted:
            return _card(row, sources)
    if "/" not in wanted:
        ends = [row for row in rows if row["id"].lower().rpartition("/")[2] == wanted]
        if len(ends) == 1:
            return _card(ends[0], sources)
    return None


def model(name: str) -> ModelCard:
    """Like `find_model`, but raises FtuiError that names the nearest ids."""
    card = find_model(name)
    if card is None:
        near = nearest_models(name)
        raise FtuiError(
            "Not in the catalogue",
            f"no model {name!r}",
            f"Nearest: {', '.join(near)}."
            if near
            else "`ftui models` lists them; a config.json or a folder works too.",
        )
    return card


def nearest_models(name: str, limit: int = 3) -> tuple[str, ...]:
    """Give the ids that look most like `name`."""
    import difflib

    ids = {row["id"].lower(): row["id"] for row in _rows()[0]}
    tails = {key.rpartition("/")[2]: value for key, value in ids.items()}
    wanted = name.strip().lower()
    close = difflib.get_close_matches(wanted, ids, limit) + difflib.get_close_matches(
        wanted.rpartition("/")[2], tails, limit
    )
    found = dict.fromkeys({**tails, **ids}[key] for key in close)
    return tuple(found)[:limit]
