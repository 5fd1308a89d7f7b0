"""Plan: the one object that a run is made from.

A plan is sections of plain values; `plan.yaml` in a run directory is exactly `to_mapping(plan)`. plan_sections.py says
what each field means and may be; `schema()` gives the JSON Schema that files are validated with, and `reasons` carries
the reason of each value of this very plan, by dotted name ("train.learning_rate"). Nothing here reads files: see
services/plans.py.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any

from ftui.core.plan_sections import (
    SECTIONS,
    DataSection,
    EvalSection,
    MethodSection,
    ModelSection,
    RecoverySection,
    RunSection,
    TrainSection,
)
from ftui.core.plan_values import checked, kind_words, limited, nearest, type_schema
from ftui.errors import FtuiError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Plan:
    """Everything that a run is made from. `stages` runs several trainings one after the other.

    stages: each a mapping of sections that override this plan's ({"name": "dpo", "method": {"task": "dpo"}, ...});
    a stage starts from the model that the one before it made.
    reasons: dotted field name -> why it has its value.
    """

    model: ModelSection = field(default_factory=ModelSection)
    data: DataSection = field(default_factory=DataSection)
    method: MethodSection = field(default_factory=MethodSection)
    train: TrainSection = field(default_factory=TrainSection)
    eval: EvalSection = field(default_factory=EvalSection)
    recovery: RecoverySection = field(default_factory=RecoverySection)
    run: RunSection = field(default_factory=RunSection)
    stages: tuple[Mapping[str, Any], ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


def to_mapping(plan: Plan) -> dict[str, Any]:
    """Plain dictionaries and lists in section order, as they are written to plan.yaml."""
    whole: dict[str, Any] = {"schema_version": plan.schema_version}
    for name in SECTIONS:
        whole[name] = asdict(getattr(plan, name))
    if plan.stages:
        whole["stages"] = [dict(stage) for stage in plan.stages]
    whole["reasons"] = dict(plan.reasons)
    return whole


def from_mapping(data: Mapping[str, Any]) -> Plan:
    """Build a plan; missing keys take their defaults. Raises FtuiError naming the first unknown key or wrong type."""
    version = data.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise FtuiError(
            "The plan was made by a newer ftui",
            f"schema_version is {version!r}, this ftui reads up to {SCHEMA_VERSION}",
            "Update ftui: pip install -U ftui-wizard",
        )
    _refuse_unknown(data, [*SECTIONS, "stages", "reasons", "schema_version"], "")
    parts: dict[str, Any] = {}
    for name, cls in SECTIONS.items():
        section = data.get(name, {})
        if section is None:
            section = {}
        if not isinstance(section, Mapping):
            raise FtuiError(
                "The plan has a wrong value", f"{name} must be a section of keys, not {kind_words(section)}"
            )
        _refuse_unknown(section, [f.name for f in fields(cls)], f"{name}.")
        hints = _hints(name)
        values = {
            f.name: checked(f"{name}.{f.name}", section[f.name], hints[f.name], f.metadata["limits"])
            for f in fields(cls)
            if f.name in section
        }
        parts[name] = cls(**values)
    stages = data.get("stages") or ()
    if not isinstance(stages, list | tuple):
        raise FtuiError("The plan has a wrong value", f"stages must be a list of stages, not {kind_words(stages)}")
    for index, stage in enumerate(stages):
        if not isinstance(stage, Mapping):
            raise FtuiError("The plan has a wrong value", f"stages[{index}] must be a section of keys")
        _refuse_unknown(stage, ["name", *SECTIONS], f"stages[{index}].")
        for name, section in stage.items():
            if name != "name" and not isinstance(section, Mapping):
                words = f"stages[{index}].{name} must be a section of keys, not {kind_words(section)}"
                raise FtuiError("The plan has a wrong value", words)
    reasons = data.get("reasons") or {}
    if not isinstance(reasons, Mapping):
        raise FtuiError("The plan has a wrong value", f"reasons must be a section of keys, not {kind_words(reasons)}")
    plan = Plan(
        **parts,
        stages=tuple(stages),
        reasons={str(key): str(value) for key, value in reasons.items()},
        schema_version=SCHEMA_VERSION,
    )
    for index in range(len(plan.stages)):
        stage_plan(plan, index)
    return plan


def stage_plan(plan: Plan, index: int) -> Plan:
    """The plan of stage `index` alone: this plan with that stage's sections laid over it, and no stages."""
    if not plan.stages:
        return plan
    whole = to_mapping(plan)
    whole.pop("stages", None)
    for name, section in plan.stages[index].items():
        if name in SECTIONS:
            whole[name] = {**whole[name], **section}
    return from_mapping(whole)


def stage_folder(plan: Plan, index: int) -> str:
    """Name of the stage's folder below stages/: "2-dpo"."""
    name = str(plan.stages[index].get("name") or stage_plan(plan, index).method.task)
    return f"{index + 1}-{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}"


def result_stage(plan: Plan) -> int | None:
    """The stage that makes the run's model: the last one that trains a policy. None for a plan without stages."""
    tasks = [stage_plan(plan, index).method.task for index in range(len(plan.stages))]
    return (
        max((index for index, task in enumerate(tasks) if task != "reward"), default=len(tasks) - 1) if tasks else None
    )


def with_values(plan: Plan, values: Mapping[str, Any], reasons: Mapping[str, str] | None = None) -> Plan:
    """The plan with dotted fields changed ({"train.micro_batch": 2}); raises FtuiError on a field that is not there."""
    whole = to_mapping(plan)
    for name, value in values.items():
        section, _, key = name.partition(".")
        if section not in SECTIONS or key not in [f.name for f in fields(SECTIONS[section])]:
            raise FtuiError("No such plan field", name, nearest(name, field_names()))
        whole[section][key] = value
    whole["reasons"] = {**whole["reasons"], **(reasons or {})}
    return from_mapping(whole)


def resolved(plan: Plan, path: str) -> Plan:
    """The plan with the model's local folder filled in."""
    return replace(plan, model=replace(plan.model, path=path))


def field_names() -> list[str]:
    """Every dotted field name, in order."""
    return [f"{name}.{f.name}" for name, cls in SECTIONS.items() for f in fields(cls)]


def doc(name: str) -> str:
    """What the dotted field means."""
    section, _, key = name.partition(".")
    return next(str(f.metadata["doc"]) for f in fields(SECTIONS[section]) if f.name == key)


def default(name: str) -> Any:
    """The default of the dotted field."""
    section, _, key = name.partition(".")
    return getattr(SECTIONS[section](), key)


def difference(old: Plan, new: Plan) -> dict[str, tuple[Any, Any]]:
    """Fields whose values differ: dotted name -> (old, new). Names and notes do not count."""
    ignored = {"run.name", "run.notes", "model.path"}
    before, after = to_mapping(old), to_mapping(new)
    pairs = {
        f"{s}.{key}": (before[s][key], after[s][key])
        for s in SECTIONS
        for key in before[s]
        if f"{s}.{key}" not in ignored
    }
    if list(old.stages) != list(new.stages):
        pairs["stages"] = (list(old.stages), list(new.stages))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of plan.yaml."""
    sections = {name: _section_schema(name) for name in SECTIONS}
    stage = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": {"type": "string"}, **{name: {"$ref": f"#/$defs/{name}"} for name in sections}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ftui plan",
        "type": "object",
        "additionalProperties": False,
        "required": ["model", "data"],
        "properties": {
            "schema_version": {"type": "integer", "minimum": 1, "maximum": SCHEMA_VERSION},
            **{name: {"$ref": f"#/$defs/{name}"} for name in sections},
            "stages": {"type": "array", "items": stage},
            "reasons": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "$defs": sections,
    }


def _section_schema(section: str) -> dict[str, Any]:
    cls, hints = SECTIONS[section], _hints(section)
    properties = {
        f.name: {**limited(type_schema(hints[f.name])), **f.metadata["limits"], "description": f.metadata["doc"]}
        for f in fields(cls)
    }
    return {"type": "object", "description": cls.__doc__, "additionalProperties": False, "properties": properties}


@cache
def _hints(section: str) -> dict[str, Any]:
    return typing.get_type_hints(SECTIONS[section])


def _refuse_unknown(section: Mapping[str, Any], known: list[str], prefix: str) -> None:
    for key in section:
        if key not in known:
            raise FtuiError("The plan has an unknown key", f"{prefix}{key}", nearest(str(key), known))
