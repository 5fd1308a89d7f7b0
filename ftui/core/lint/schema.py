"""The part of JSON Schema that tool declarations and JSON answers use, checked without a library and without surprises.

Source: JSON Schema draft 2020-12, the keywords type, properties, required, additionalProperties, enum, const, items,
anyOf, oneOf. An unknown keyword is ignored, as the standard says; a reference ($ref) accepts anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_MAX_DEPTH = 40


def schema_fault(schema: Any, place: str = "", depth: int = 0) -> str:
    """The first thing that makes `schema` no JSON Schema of a value, in words; "" when it is one."""
    if isinstance(schema, bool):
        return ""
    if not isinstance(schema, dict):
        return f"{place or 'the schema'} is {_name(schema)}, not an object"
    if depth > _MAX_DEPTH:
        return f"{place} is nested too deep"
    named = schema.get("type")
    for each in named if isinstance(named, list) else [named]:
        if each is not None and each not in TYPES:
            return f'{place or "the schema"} has the type "{each}"; JSON Schema knows {", ".join(TYPES)}'
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return f"{place}/properties is {_name(properties)}, not an object"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        return f"{place}/required is not a list of names"
    if properties and (missing := [each for each in required if each not in properties]):
        return f'"{missing[0]}" is required but not among the properties'
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        return f"{place}/enum is not a list of values"
    for key, inner in properties.items():
        if fault := schema_fault(inner, f"{place}/{key}", depth + 1):
            return fault
    items = schema.get("items")
    return schema_fault(items, f"{place}/items", depth + 1) if items is not None and not isinstance(items, list) else ""


def value_faults(value: Any, schema: Any, place: str = "", depth: int = 0) -> Iterator[str]:
    """How `value` breaks `schema`, one sentence each. `place` is how to call the value, "" for the whole."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH or "$ref" in schema:
        return
    what = f'"{place}"' if place else "the value"
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(choices, list) and all(any(True for _ in value_faults(value, c, place, depth + 1)) for c in choices):
        yield f"{what} fits none of the {len(choices)} allowed shapes"
    if not _is_of_type(value, schema):
        yield f"{what} is {_name(value)}, the schema says {_or(schema['type'])}"
        return
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        yield f"{what} is {_short(value)}, not one of {_short(schema['enum'])}"
    if "const" in schema and value != schema["const"]:
        yield f"{what} is {_short(value)}, not {_short(schema['const'])}"
    if isinstance(value, dict):
        yield from _object_faults(value, schema, place, depth)
    if isinstance(value, list):
        for index, item in enumerate(value[:100]):
            yield from value_faults(item, schema.get("items"), f"{place}[{index}]", depth + 1)


def _object_faults(value: dict[str, Any], schema: dict[str, Any], place: str, depth: int) -> Iterator[str]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    for name in schema.get("required") or []:
        if isinstance(name, str) and name not in value:
            yield f'"{_inside(place, name)}" is required and missing'
    for name, inner in value.items():
        if name in properties:
            yield from value_faults(inner, properties[name], _inside(place, name), depth + 1)
        elif properties and schema.get("additionalProperties") is False:
            yield f'"{_inside(place, name)}" is not in the schema'


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}"[:80] if place else name[:80]


def _is_of_type(value: Any, schema: dict[str, Any]) -> bool:
    named = schema.get("type")
    if named is None or (value is None and schema.get("nullable")):
        return True
    kinds = named if isinstance(named, list) else [named]
    return any(kind not in TYPES or _is(value, kind) for kind in kinds)


def _is(value: Any, kind: str) -> bool:
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "integer":
        return (isinstance(value, int) and not isinstance(value, bool)) or (
            isinstance(value, float) and value.is_integer()
        )
    return isinstance(value, {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}[kind])


def _name(value: Any) -> str:
    if value is None:
        return "null"
    return {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number",
            float: "a number"}.get(type(value), type(value).__name__)  # fmt: skip


def _or(named: Any) -> str:
    return " or ".join(str(each) for each in named) if isinstance(named, list) else str(named)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
