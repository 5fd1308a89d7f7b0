"""Rules about tool calls."""

import json
from pathlib import Path
from typing import Any

import pytest
from lint_rule_kit import check_examples, check_fix, codes_of, findings_of, rules_of

from ftui.core.lint.catalogue import all_fixes
from ftui.core.lint.examples import rows
from ftui.core.lint.model import Context
from ftui.core.lint.schema import schema_fault, value_faults

RULES = {code: rule for code, rule in rules_of("TOL").items() if code != "TOL461"}  # that one needs a template
MISTRAL = Context(model="mistralai/Mistral-7B-Instruct-v0.3")
SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"


def context_of(code: str) -> Context:
    return MISTRAL if code == "TOL460" else Context()


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str) -> None:
    check_examples(RULES[code], context_of(code))


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str) -> None:
    check_fix(RULES[code], context_of(code))


def test_ids_of_calls_and_results_change_together() -> None:
    row = json.loads(RULES["TOL460"].bad)
    fixed = all_fixes()["TOL460"](row, "/messages/1/tool_calls/0/function")
    assert fixed is not None
    call, result = fixed["messages"][1]["tool_calls"][0]["id"], fixed["messages"][2]["tool_call_id"]
    assert call == result and len(call) == 9 and call.isalnum()


def with_tools(tools: Any) -> str:
    return rows(
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "tools": tools}
    )


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "function", "function": {"name": "w"}}],
        [{"name": "w", "parameters": {"type": "object", "properties": {}}}],
        json.dumps(
            [{"name": "w", "parameters": {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}}]
        ),
        [],
        None,
        "",
    ],
)
def test_usual_ways_to_declare_tools(tools: Any) -> None:
    assert codes_of(with_tools(tools)) == set()


@pytest.mark.parametrize(
    "tools",
    [
        ["w"],
        5,
        [{"type": "function"}],
        [{"name": "w", "parameters": {"type": "dict"}}],
        [{"name": "w", "parameters": {"type": "object", "properties": {"a": {}}, "required": ["b"]}}],
        [{"name": "w", "parameters": {"type": "object", "properties": []}}],
        [{"name": "w", "parameters": {"type": "object", "properties": {"a": {"enum": []}}}}],
    ],
)
def test_broken_declarations(tools: Any) -> None:
    assert codes_of(with_tools(tools)) == {"TOL458"}


SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["C", "F"]},
        "days": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"city": "Rome"}, ""),
        ({"city": "Rome", "days": 3.0, "tags": ["a"]}, ""),
        ({}, '"city" is required and missing'),
        ({"city": 5}, '"city" is a number, the schema says string'),
        ({"city": "Rome", "unit": "K"}, '"unit" is "K", not one of ["C", "F"]'),
        ({"city": "Rome", "days": True}, '"days" is a boolean, the schema says integer'),
        ({"city": "Rome", "tags": ["a", 1]}, '"tags[1]" is a number, the schema says string'),
        ({"city": "Rome", "zip": 1}, '"zip" is not in the schema'),
    ],
)
def test_values_against_a_schema(value: Any, fault: str) -> None:
    assert list(value_faults(value, SCHEMA)) == ([fault] if fault else [])
    assert schema_fault(SCHEMA) == ""


def test_a_schema_that_goes_on_for_ever_ends() -> None:
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(500):
        deep = {"type": "object", "properties": {"a": deep}}
    assert "too deep" in schema_fault(deep)


def test_hostile_tool_calls() -> None:
    path = SHARED / "hostile" / "102_tool_errors.jsonl"
    if not path.exists():
        pytest.skip("no shared data here")
    found: dict[int, set[str]] = {}
    for finding in findings_of(path.read_text(encoding="utf-8"), families=("TOL",)):
        found.setdefault(finding.line or 0, set()).add(finding.code)
    assert found == {
        1: {"TOL451", "TOL453"},
        2: {"TOL454"},
        3: {"TOL452"},
        4: {"TOL455"},
        5: {"TOL456", "TOL457", "TOL458"},
    }


@pytest.mark.parametrize("name", ["glaive_toolcall_en_demo.json", "reason_tool_use_demo_50.jsonl"])
def test_real_tool_data_is_clean(name: str) -> None:
    path = SHARED / "real" / "llama-factory" / name
    if not path.exists():
        pytest.skip("no shared data here")
    text = path.read_text(encoding="utf-8")
    lines = text if name.endswith("l") else "\n".join(json.dumps(row) for row in json.loads(text))
    found = [f for f in findings_of(lines, families=("TOL",)) if f.code not in ("TOL458", "TOL459")]
    assert found == []
