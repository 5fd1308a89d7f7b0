"""Rules about who speaks when."""

import json
from typing import Any

import pytest
from lint_rule_kit import check_examples, check_fix, codes_of, findings_of, rules_of

from ftui.core.lint.catalogue import all_fixes
from ftui.core.lint.examples import chat, rows, turns
from ftui.core.lint.model import Context

RULES = rules_of("MSG")


@pytest.mark.parametrize("code", RULES)
def test_examples(code: str) -> None:
    check_examples(RULES[code], Context())


@pytest.mark.parametrize("code", sorted(set(RULES) & set(all_fixes())))
def test_fixes(code: str) -> None:
    check_fix(RULES[code], Context())


def messages(*pairs: Any) -> str:
    return turns(*pairs)


CLEAN = {
    "a plain chat": chat("Hi", "Hello.", "And?", "Well."),
    "a tool-call turn with null content": rows(
        {"messages": [{"role": "user", "content": "w?"},
                      {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function",
                       "function": {"name": "w", "arguments": "{}"}}]},
                      {"role": "tool", "tool_call_id": "a", "content": ""}, {"role": "assistant", "content": "ok"}]}
    ),
    "two results in a row": rows(
        {"conversations": [{"from": "human", "value": "w?"},
                           {"from": "function_call", "value": '{"name": "w", "arguments": {}}'},
                           {"from": "observation", "value": "1"}, {"from": "gpt", "value": "ok"}]}
    ),
    "a developer message": turns(("developer", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")),
    "a conversation about speakers": chat("What is a dialogue?", "Two people talk, such as a user: and a seller."),
    "a play": rows({"text": "User: Hi\nAssistant: Hello.\n\nHuman: a transcript is what a text row may hold"}),
    "alpaca without input": rows({"instruction": "Say hi", "input": "", "output": "Hi"}),
    "a prompt for a reward": rows({"prompt": [{"role": "user", "content": "2+2?"}], "answer": "4"}),
    "content in parts": rows(
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]},
                      {"role": "assistant", "content": "A cat."}], "images": ["a.png"]}
    ),
    "a picture alone": rows({"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}]},
                                          {"role": "assistant", "content": "A cat."}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_no_false_alarm(name: str) -> None:
    assert [f for f in findings_of(CLEAN[name]) if f.code.startswith("MSG")] == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (turns(("human ", "Hi"), ("assistant", "Hello.")), {"MSG401"}),
        (turns(("user", "Hi"), ("asistant", "Hello.")), {"MSG401"}),
        (rows({"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}), {"MSG402"}),
        (rows({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None}]}), {"MSG407"}),
        (rows({"instruction": "Say hi", "input": "", "output": ""}), {"MSG407"}),
        (rows({"prompt": "", "completion": "x"}), {"MSG407"}),
        (rows({"text": " \n"}), {"MSG407"}),
        (turns(("user", "a"), ("assistant", "b"), ("system", "c")), {"MSG409"}),
        (chat("Human: Hi\nAssistant: Hello\nHuman: And?", "Fine."), {"MSG412"}),
        (turns(("tool", "x"), ("user", "Hi"), ("assistant", "Hello.")), {"MSG404", "TOL455"}),
    ],
)
def test_faults(text: str, codes: set[str]) -> None:
    assert codes_of(text) - {"TXT411", "TXT413"} == codes


def test_a_finding_says_where() -> None:
    (finding,) = [f for f in findings_of(chat("Hi", "Hello.", "Thanks")) if f.code == "MSG405"]
    assert (finding.row, finding.line, finding.pointer, finding.fix) == (0, 1, "/messages/2/content", "safe")
    assert finding.excerpt == "Thanks" and finding.severity == "error"


def test_a_role_that_nobody_knows_is_not_offered_a_fix() -> None:
    (finding,) = [f for f in findings_of(turns(("user", "Hi"), ("bard", "Hello."))) if f.code == "MSG401"]
    assert finding.fix == "" and "bard" in finding.message
    fixer = all_fixes()["MSG401"]
    fixed = fixer(json.loads(turns((" User", "Hi"), ("bot", "Hello."))), "/messages/0/role")
    assert fixed is not None and fixed["messages"][0]["role"] == "user"
