"""The values of a plan's fields: their types and limits as JSON Schema, and one value held against them."""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from ftui.errors import FtuiError

LARGEST = 2**53
"""No number of a plan is above it: up to here YAML, JSON and floating point agree on every whole number."""

_JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def type_schema(hint: Any) -> dict[str, Any]:
    """The JSON Schema of a Python type that plan fields have."""
    if isinstance(hint, types.UnionType):
        return {"type": [_JSON_TYPES[part] for part in typing.get_args(hint)]}
    if typing.get_origin(hint) is list:
        return {"type": "array", "items": {"type": "string"}}
    if typing.get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": {"type": "string"}}
    return {"type": _JSON_TYPES[hint]}


def limited(kind: dict[str, Any]) -> dict[str, Any]:
    """The type, with the bound that every number of a plan has."""
    numeric = {"integer", "number"} & set(kind["type"] if isinstance(kind["type"], list) else [kind["type"]])
    return {**kind, "maximum": LARGEST} if numeric else kind


def checked(name: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> Any:
    """The value of the field `name` if its type and limits are right. Raises FtuiError.

    hint: its Python type. limits: enum, minimum, exclusiveMinimum, maximum. Numbers that YAML reads as text (1e-4) are
    taken as numbers.
    """
    wanted = type_schema(hint)["type"]
    kinds = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, str) and "string" not in kinds and {"number", "integer"} & set(kinds):
        try:
            value = float(value)
        except ValueError:
            pass
    if isinstance(value, float) and "number" not in kinds and "integer" in kinds and value.is_integer():
        value = int(value)
    if not any(_is_kind(value, kind) for kind in kinds):
        allowed = " or ".join(kinds)
        raise FtuiError(
            "The plan has a wrong value", f"{name} must be {allowed}, not {kind_words(value)} ({value!r:.60})"
        )
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        what = "a finite number" if isinstance(value, float) and not math.isfinite(value) else f"at most {LARGEST:.0e}"
        raise FtuiError("The plan has a wrong value", f"{name} is {value!s:.40}; it must be {what}")
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
            nearest(str(value), limits["enum"]),
        )
    if value is not None and not isinstance(value, bool | str | list | dict):
        low, above, high = limits.get("minimum"), limits.get("exclusiveMinimum"), limits.get("maximum")
        if (low is not None and value < low) or (above is not None and value <= above):
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


def kind_words(value: Any) -> str:
    """What a value is, in words."""
    names = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "true/false",
        list: "a list",
        dict: "a section",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)


def nearest(word: str, known: list[str]) -> str:
    """A hint at the known word that was probably meant."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}."
