"""TOL: tool calls, their results, and the tools that are declared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ftui.core.conversations import CALL_ROLES, parse_json
from ftui.core.lint.about_tol import RULES
from ftui.core.lint.model import Context, Fixer, Reporter, Row, Turn, resolve_parent
from ftui.core.lint.schema import schema_fault, value_faults
from ftui.core.text import plural

__all__ = ["FIXES", "RULES", "check"]

_MISTRAL_NAMES = ("mistral", "mixtral", "ministral", "codestral", "devstral", "magistral")


@dataclass(frozen=True)
class _Call:
    """One call as it stands in the row. `arguments` is None where there are none."""

    name: str
    arguments: Any
    call_id: str | None
    place: str


def check(row: Row, report: Reporter, totals: None, context: Context) -> None:
    if row.plain:
        return
    has_calls = row.tools is not None
    for turn in row.turns:
        if turn.role == "tool" or (turn.message is not None and _may_call(turn.message)):
            has_calls = True
            break
    if has_calls:
        _check_tools(row, report, context)


def _may_call(message: Mapping[str, Any]) -> bool:
    return (
        "tool_calls" in message
        or "function_call" in message
        or message.get("from") in CALL_ROLES
        or (type(message.get("content")) is list and bool(_call_parts(message)))
    )


def _check_tools(row: Row, report: Reporter, context: Context) -> None:
    declared = _declared(row, report)
    seen: dict[str, int] = {}
    open_calls, any_call, results = 0, False, 0
    open_place = ""
    for turn in row.turns:
        if turn.role == "tool":
            results += 1
            _check_result(turn, seen, any_call, report)
            continue
        if open_calls and results == 0:
            report("TOL457", open_place, f"{plural(open_calls, 'call')} and no result before the next turn")
        open_calls, results = 0, 0
        for call in _calls_of(turn, report):
            any_call, open_calls, open_place = True, open_calls + 1, call.place
            if call.call_id is not None:
                seen[call.call_id] = seen.get(call.call_id, 0) + 1
                if seen[call.call_id] == 2:
                    report("TOL456", call.place, f'the id "{call.call_id[:40]}" is used by two calls')
                if _is_mistral(context) and not (len(call.call_id) == 9 and call.call_id.isalnum()):
                    report("TOL460", call.place, f'the id "{call.call_id[:40]}" is not nine letters and digits')
            _check_call(call, declared, report)


def _is_mistral(context: Context) -> bool:
    model = context.model.lower()
    return any(name in model for name in _MISTRAL_NAMES)


def _declared(row: Row, report: Reporter) -> dict[str, Any] | None:
    """Parameters by function name; None where nothing usable is declared."""
    tools = row.tools
    column = row.format.column("tools") or "tools"
    if tools is None or tools == "":
        return None
    if isinstance(tools, str):
        tools = parse_json(tools)
        if tools is None and str(row.tools).strip() != "null":
            report("TOL458", f"/{column}", "the tools are a string that is not JSON", text=row.tools)
            return None
    if isinstance(tools, dict):
        tools = [tools]
    if not isinstance(tools, list):
        if tools is not None:
            report("TOL458", f"/{column}", "the tools are not a list")
        return None
    declared: dict[str, Any] = {}
    for index, tool in enumerate(tools):
        function = tool.get("function", tool) if isinstance(tool, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str):
            report("TOL458", f"/{column}/{index}", f"tool {index + 1} has no name")
            return None
        parameters = function.get("parameters", function.get("input_schema"))
        if isinstance(parameters, str):
            parameters = parse_json(parameters)
        declared[name] = parameters
        fault = schema_fault(parameters) if parameters is not None else ""
        if fault:
            report("TOL458", f"/{column}/{index}", f'the parameters of "{name[:60]}": {fault}')
            declared[name] = None
    return declared


def _check_result(turn: Turn, seen: Mapping[str, int], any_call: bool, report: Reporter) -> None:
    call_id = turn.message.get("tool_call_id") if turn.message else None
    if not any_call:
        report("TOL455", turn.pointer, "a tool result, and nothing was called before", text=turn.text)
    elif isinstance(call_id, str) and seen and call_id not in seen:
        place = turn.pointer.rpartition("/")[0] + "/tool_call_id"
        report("TOL453", place, f'no earlier call has the id "{call_id[:40]}"')


def _check_call(call: _Call, declared: Mapping[str, Any] | None, report: Reporter) -> None:
    arguments = call.arguments
    if isinstance(arguments, str):
        arguments = parse_json(arguments)
        if isinstance(arguments, str) and isinstance(parse_json(arguments), dict):
            report("TOL452", f"{call.place}/arguments", "the arguments were encoded twice", text=call.arguments)
            return
        if not isinstance(arguments, dict):
            report("TOL451", f"{call.place}/arguments", "the arguments are not a JSON object", text=call.arguments)
            return
    elif arguments is not None and not isinstance(arguments, dict):
        report("TOL451", f"{call.place}/arguments", "the arguments are not a JSON object")
        return
    if declared is None:
        return
    if call.name not in declared:
        known = ", ".join(sorted(declared)[:5]) or "none"
        report("TOL454", call.place, f'"{call.name[:60]}" is not declared; declared: {known[:200]}')
        return
    schema = declared[call.name]
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        schema = {**schema, "additionalProperties": False}
    faults = list(value_faults(arguments or {}, schema))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        report("TOL459", f"{call.place}/arguments", f"{call.name[:60]}: {faults[0]}{more}")


def _calls_of(turn: Turn, report: Reporter) -> Iterator[_Call]:
    """The calls of a turn in OpenAI's format, its older `function_call`, or ShareGPT's JSON text."""
    message = turn.message
    if message is None:
        return
    here = turn.pointer.rpartition("/")[0]
    calls = message.get("tool_calls")
    if isinstance(calls, str):
        calls = parse_json(calls)
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        yield from _call(call, f"{here}/tool_calls/{index}", report)
    if isinstance(message.get("function_call"), dict):
        yield from _call({"function": message["function_call"]}, f"{here}/function_call", report, flat=True)
    if message.get("from") in CALL_ROLES or message.get("role") in CALL_ROLES:
        yield from _calls_in(turn.text, turn.pointer, report)
    for text in _call_parts(message):
        yield from _calls_in(text, turn.pointer, report)


def _call_parts(message: Mapping[str, Any]) -> list[str]:
    """Calls among the parts of a content list: LLaMA-Factory's {"type": "tool_call", "value": JSON}."""
    content = message.get("content")
    if not isinstance(content, list):
        return []
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "tool_call"]
    return [value for part in parts if isinstance(value := part.get("value", part.get("text")), str)]


def _calls_in(text: str, place: str, report: Reporter) -> Iterator[_Call]:
    value = parse_json(text)
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in found):
        report("TOL451", place, "the call is not JSON with a name and arguments", text=text)
        return
    for each in found:
        yield _Call(each["name"], each.get("arguments"), None, place)


def _call(call: Any, place: str, report: Reporter, flat: bool = False) -> Iterator[_Call]:
    function = call.get("function", call) if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str):
        report("TOL451", place, "the call has no function name")
        return
    call_id = call.get("id")
    inside = place if flat or "function" not in call else f"{place}/function"
    yield _Call(name, function.get("arguments"), call_id if isinstance(call_id, str) else None, inside)


def _fix_encoded_twice(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    function, key = resolve_parent(row, pointer)
    function[key] = json.loads(function[key])
    return row


def _fix_ids(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Nine letters and digits for every id of the row, the same for a call and its result."""

    def short(call_id: str) -> str:
        if len(call_id) == 9 and call_id.isalnum():
            return call_id
        return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:9]

    for message in row[pointer.split("/")[1]]:
        if not isinstance(message, dict):
            continue
        for call in message.get("tool_calls") or []:
            if isinstance(call, dict) and isinstance(call.get("id"), str):
                call["id"] = short(call["id"])
        if isinstance(message.get("tool_call_id"), str):
            message["tool_call_id"] = short(message["tool_call_id"])
    return row


FIXES: dict[str, Fixer] = {"TOL452": _fix_encoded_twice, "TOL460": _fix_ids}
