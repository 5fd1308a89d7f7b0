"""Plan: the one object that a run is made from.

A plan is sections of plain values; `plan.yaml` in a run directory is exactly `to_mapping(plan)`. plan_sections.py says
what each field means and may be; `schema()` gives the JSON Schema that files are validated with, and `reasons` carries
the reason of each value of this very plan, by dotted name ("train.learning_rate"). Nothing here reads files: see
services/plans.py.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
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
            raise FtuiError("The plan has a wrong value", f"{name} must be a section of keys, not {_kind(section)}")
        _refuse_unknown(section, [f.name for f in fields(cls)], f"{name}.")
        values = {f.name: _checked(f"{name}.{f.name}", section[f.name], f) for f in fields(cls) if f.name in section}
        parts[name] = cls(**values)
    stages = data.get("stages") or ()
    for index, stage in enumerate(stages):
        if not isinstance(stage, Mapping):
            raise FtuiError("The plan has a wrong value", f"stages[{index}] must be a section of keys")
        _refuse_unknown(stage, ["name", *SECTIONS], f"stages[{index}].")
    reasons = data.get("reasons") or {}
    if not isinstance(reasons, Mapping):
        raise FtuiError("The plan has a wrong value", f"reasons must be a section of keys, not {_kind(reasons)}")
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
            raise FtuiError("No such plan field", name, _nearest(name, field_names()))
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
    sections = {name: _section_schema(cls) for name, cls in SECTIONS.items()}
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


def _section_schema(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties = {
        f.name: {**_type_schema(hints[f.name]), **f.metadata["limits"], "description": f.metadata["doc"]}
        for f in fields(cls)
    }
    return {"type": "object", "description": cls.__doc__, "additionalProperties": False, "properties": properties}


_JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def _type_schema(hint: Any) -> dict[str, Any]:
    if isinstance(hint, types.UnionType):
        return {"type": [_JSON_TYPES[part] for part in typing.get_args(hint)]}
    if typing.get_origin(hint) is list:
        return {"type": "array", "items": {"type": "string"}}
    if typing.get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return {"type": _JSON_TYPES[hint]}


def _checked(name: str, value: Any, spec: Field[Any]) -> Any:
    """The value if its type and limits are right; numbers that YAML reads as text (1e-4) are taken as numbers."""
    section = SECTIONS[name.partition(".")[0]]
    wanted = _type_schema(typing.get_type_hints(section)[spec.name])
    kinds = wanted["type"] if isinstance(wanted["type"], list) else [wanted["type"]]
    limits = spec.metadata["limits"]
    if isinstance(value, str) and "string" not in kinds and {"number", "integer"} & set(kinds):
        try:
            value = float(value)
        except ValueError:
            pass
    if isinstance(value, float) and "number" not in kinds and "integer" in kinds and value.is_integer():
        value = int(value)
    if not any(_is_kind(value, kind) for kind in kinds):
        allowed = " or ".join(kinds)
        raise FtuiError("The plan has a wrong value", f"{name} must be {allowed}, not {_kind(value)} ({value!r:.60})")
    if isinstance(value, int) and not isinstance(value, bool) and "integer" not in kinds:
        value = float(value)
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise FtuiError("The plan has a wrong value", f"{name} must be a list of words")
    if isinstance(value, dict):
        value = {str(key): str(item) for key, item in value.items()}
    if "enum" in limits and value not in limits["enum"]:
        choices = ", ".join(limits["enum"])
        raise FtuiError(
            "The plan has a wrong value",
            f"{name} is {value!r:.60}; it can be {choices}",
            _nearest(str(value), limits["enum"]),
        )
    if value is not None and not isinstance(value, bool | str | list | dict):
        low, above, high = limits.get("minimum"), limits.get("exclusiveMinimum"), limits.get("maximum")
        if value != value or (low is not None and value < low) or (above is not None and value <= above):
            bound = f"at least {low}" if low is not None else f"above {above}"
            raise FtuiError("The plan has a wrong value", f"{name} is {value}; it must be {bound}")
        if high is not None and value > high:
            raise FtuiError("The plan has a wrong value", f"{name} is {value}; it must be at most {high}")
    return value


def _is_kind(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "array": list, "object": dict}[kind])


def _kind(value: Any) -> str:
    names = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true/false",
        list: "a list",
        dict: "a section",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _refuse_unknown(section: Mapping[str, Any], known: list[str], prefix: str) -> None:
    for key in section:
        if key not in known:
            raise FtuiError("The plan has an unknown key", f"{prefix}{key}", _nearest(str(key), known))


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}."
