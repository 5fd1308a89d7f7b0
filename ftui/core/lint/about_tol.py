"""The TOL rules in words: tool calls, results and declarations, with a bad and a good row each."""

from __future__ import annotations

import json
from typing import Any

from ftui.core.lint.examples import rows
from ftui.core.lint.model import Rule, Severity

E, W = Severity.ERROR, Severity.WARNING

_WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}  # fmt: skip


def _example(
    arguments: Any = '{"city": "Rome"}',
    name: str = "weather",
    call_id: Any = "call_1",
    result_id: str = "call_1",
    tools: Any = (_WEATHER,),
    calls: int = 1,
    result: bool = True,
) -> str:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    messages: list[dict[str, Any]] = [{"role": "user", "content": "How is the weather in Rome?"}]
    if calls:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call] * calls})
    if result:
        messages.append({"role": "tool", "tool_call_id": result_id, "content": "22 degrees"})
    messages.append({"role": "assistant", "content": "It is warm in Rome today, about 22 degrees."})
    row: dict[str, Any] = {"messages": messages}
    return rows({**row, "tools": list(tools) if isinstance(tools, tuple) else tools} if tools else row)


_GOOD = _example()
_TWO_CALLS = json.loads(_example(calls=2))
_TWO_CALLS["messages"][1]["tool_calls"][1] = {**_TWO_CALLS["messages"][1]["tool_calls"][1], "id": "call_2"}
_TWO_CALLS["messages"].insert(3, {"role": "tool", "tool_call_id": "call_2", "content": "21 degrees"})

RULES: tuple[Rule, ...] = (
    Rule(
        "TOL451", "arguments-not-json", E, "The arguments of a tool call are not JSON.",
        "The model learns to write calls that no program can read. Arguments are a JSON object, or that object as a"
        " string (OpenAI's format).",
        _example("{city: Rome"), _GOOD,
    ),
    Rule(
        "TOL452", "arguments-encoded-twice", E, "The arguments of a tool call are JSON inside a JSON string.",
        "json.dumps was called twice. A template writes them with backslashes and quotes, and the model learns that.",
        _example(json.dumps('{"city": "Rome"}')), _GOOD, "decode them once", "safe",
    ),
    Rule(
        "TOL453", "result-of-no-call", E, "A tool result names a call that does not exist.",
        "tool_call_id must be the id of an earlier call. Templates that pair results with calls raise or pair wrongly.",
        _example(result_id="call_9"), _GOOD,
    ),
    Rule(
        "TOL454", "undeclared-function", E, "A function is called that the row does not declare.",
        "The model learns to invent tools. Every called function must be in the row's `tools`.",
        _example(name="forecast"), _GOOD,
    ),
    Rule(
        "TOL455", "result-without-call", E, "There is a tool result, but nothing was called before.",
        "The turn with the call was lost, so the model sees results that nobody asked for. Some templates raise.",
        _example(calls=0), _GOOD,
    ),
    Rule(
        "TOL456", "duplicate-call-id", E, "Two calls of one conversation have the same id.",
        "Results cannot be told apart. Give every call its own id.",
        rows({"messages": [*json.loads(_example(calls=2))["messages"][:3],
                           {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"},
                           {"role": "assistant", "content": "It is warm in Rome today."}], "tools": [_WEATHER]}),
        rows(_TWO_CALLS),
    ),
    Rule(
        "TOL457", "call-without-result", W, "A call has no result before the next turn.",
        "The answer then rests on a result that the model never saw: it learns to make results up.",
        _example(result=False), _GOOD,
    ),
    Rule(
        "TOL458", "tools-not-a-schema", E, "The declared tools are not valid.",
        "`tools` is a list of functions with a name and, as `parameters`, a JSON Schema. Templates write it into the"
        ' prompt as it is; what is broken here is broken in every prompt. Frequent slips: "dict" for "object", "float"'
        ' for "number", a required parameter that is not declared.',
        _example(tools="[not json"), _GOOD,
    ),
    Rule(
        "TOL459", "arguments-break-schema", W, "A call's arguments do not fit the declared parameters.",
        "A required parameter is missing, one is unknown, has the wrong type, or is not among the allowed values. The"
        " model learns calls that the tool will refuse.",
        _example('{"town": "Rome"}'), _GOOD,
    ),
    Rule(
        "TOL460", "mistral-call-id", E, "Mistral wants call ids of nine letters and digits.",
        "Mistral's chat templates raise on any other id. This rule runs when the chosen model is one of Mistral's.",
        _example(call_id="call_1", result_id="call_1"), _example(call_id="a1B2c3D4e", result_id="a1B2c3D4e"),
        "replace each id by nine letters and digits made from it", "safe",
    ),
    Rule(
        "TOL461", "template-ignores-tools", E, "The rows declare tools, but the chat template does not write them.",
        "The model would learn to call tools that it is never told of, and at inference it would not see them either."
        " Choose a model whose template supports tools.",
        _GOOD, '{"messages": [...]} with a model whose template writes tools', cost="tokenizer",
    ),
)  # fmt: skip
