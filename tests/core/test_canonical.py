"""Every dataset format becomes one canonical row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.canonical import CANONICAL_KINDS, canonical, canonical_kind
from ftui.core.conversations import RowError
from ftui.core.formats import detect_format

USER = {"role": "user", "content": "Hi"}
BOT = {"role": "assistant", "content": "Hello"}

ROWS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"messages": [USER, BOT]}, "chat", {"messages": [USER, BOT]}),
    ({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, "sharegpt",
     {"messages": [USER, BOT]}),
    ({"conversations": [USER, BOT]}, "sharegpt", {"messages": [USER, BOT]}),
    ({"system": "S", "conversation": [{"human": "Hi", "assistant": "Hello"}]}, "sharegpt",
     {"messages": [{"role": "system", "content": "S"}, USER, BOT]}),
    ({"instruction": "Hi", "input": "", "output": "Hello"}, "alpaca", {"messages": [USER, BOT]}),
    ({"instruction": "Add", "input": "1, 2", "output": "3", "system": "S", "history": [["a", "b"]]}, "alpaca",
     {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "a"},
                   {"role": "assistant", "content": "b"}, {"role": "user", "content": "Add\n\n1, 2"},
                   {"role": "assistant", "content": "3"}]}),
    ({"instruction": "Hi", "context": "there", "response": "Hello", "category": "x"}, "alpaca",
     {"messages": [{"role": "user", "content": "Hi\n\nthere"}, BOT]}),
    ({"prompt": "Hi", "completion": "Hello"}, "completion", {"prompt": "Hi", "completion": "Hello"}),
    ({"question": "Hi", "answer": "Hello"}, "completion", {"prompt": "Hi", "completion": "Hello"}),
    ({" Prompt": "Hi", "COMPLETION": "Hello"}, "completion", {"prompt": "Hi", "completion": "Hello"}),
    ({"prompt": [USER, BOT, USER], "completion": [BOT]}, "completion",
     {"messages": [USER, {**BOT, "weight": 0}, USER, BOT]}),
    ({"text": "once"}, "text", {"text": "once"}),
    ({"prompt": "Hi", "chosen": "Hello", "rejected": "No"}, "preference",
     {"prompt": [USER], "chosen": [BOT], "rejected": [{"role": "assistant", "content": "No"}]}),
    ({"chosen": [USER, BOT], "rejected": [USER, {"role": "assistant", "content": "No"}]}, "preference",
     {"prompt": [USER], "chosen": [BOT], "rejected": [{"role": "assistant", "content": "No"}]}),
    ({"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"}, "preference",
     {"prompt": [USER], "chosen": [BOT], "rejected": [{"role": "assistant", "content": "No"}]}),
    ({"prompt": [USER], "chosen": [USER, BOT], "rejected": [USER, {"role": "assistant", "content": "No"}]},
     "preference", {"prompt": [USER], "chosen": [BOT], "rejected": [{"role": "assistant", "content": "No"}]}),
    ({"conversations": [{"from": "human", "value": "Hi"}], "chosen": {"from": "gpt", "value": "Hello"},
      "rejected": {"from": "gpt", "value": "No"}}, "preference",
     {"prompt": [USER], "chosen": [BOT], "rejected": [{"role": "assistant", "content": "No"}]}),
    ({"input": {"messages": [USER]}, "preferred_output": [BOT],
      "non_preferred_output": [{"role": "assistant", "content": "No"}]}, "preference",
     {"prompt": [USER], "chosen": [BOT], "rejected": [{"role": "assistant", "content": "No"}]}),
    ({"prompt": "Hi", "completion": "Hello", "label": True}, "kto",
     {"prompt": [USER], "completion": [BOT], "label": True}),
    ({"messages": [USER, BOT], "kto_tag": False}, "kto", {"prompt": [USER], "completion": [BOT], "label": False}),
    ({"prompt": [USER], "answer": "42"}, "prompt", {"prompt": [USER], "answer": "42"}),
    ({"messages": [USER], "env_config": {"a": 1}}, "prompt", {"prompt": [USER], "env_config": {"a": 1}}),
    ({"prompt": "p", "completions": ["a", "b"], "labels": [True, 0]}, "stepwise",
     {"prompt": "p", "completions": ["a", "b"], "labels": [True, False]}),
]  # fmt: skip


@pytest.mark.parametrize(("row", "name", "expected"), ROWS, ids=[f"{i}-{r[1]}" for i, r in enumerate(ROWS)])
def test_each_format_becomes_its_canonical_row(row: dict[str, Any], name: str, expected: dict[str, Any]) -> None:
    before = json.dumps(row)
    format = detect_format(row)
    assert format.name == name
    assert canonical(row, format) == expected
    assert json.dumps(row) == before, "the input row was changed"


@pytest.mark.parametrize("row", [row for row, _, _ in ROWS])
def test_a_canonical_row_stays_as_it_is(row: dict[str, Any]) -> None:
    once = canonical(row, detect_format(row))
    again = detect_format(once, task="grpo" if canonical_kind(once) == "prompt" else "")
    assert again.kind == canonical_kind(once)
    assert canonical(once, again) == once


def test_task_decides_between_a_prompt_with_its_truth_and_a_completion() -> None:
    row = {"prompt": "2+2?", "answer": "4"}
    assert detect_format(row).name == "completion"
    assert detect_format(row, task="grpo").name == "prompt"


def test_tool_calls_of_both_spellings_get_object_arguments() -> None:
    call = {"name": "w", "arguments": {"city": "Oslo"}}
    sharegpt = {
        "tools": '[{"name": "w"}]',
        "conversations": [
            {"from": "human", "value": "?"},
            {"from": "function_call", "value": json.dumps(call)},
            {"from": "observation", "value": "rain"},
            {"from": "gpt", "value": "Rain."},
        ],
    }
    made = canonical(sharegpt, detect_format(sharegpt))
    assert made["tools"] == [{"name": "w"}]
    assert made["messages"][1]["tool_calls"][0]["function"] == call
    assert [message["role"] for message in made["messages"]] == ["user", "assistant", "tool", "assistant"]
    openai = {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "w", "arguments": '{"city": "Oslo"}'}}]}]}  # fmt: skip
    made = canonical(openai, detect_format(openai))
    assert made["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"city": "Oslo"}
    assert made["messages"][1]["content"] == ""


def test_text_parts_are_joined_and_pictures_are_kept() -> None:
    row = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "value": "b"}]},
                        {"role": "user", "content": [{"type": "image", "image": "x.png"}]}]}  # fmt: skip
    first, second = canonical(row, detect_format(row))["messages"]
    assert first["content"] == "ab"
    assert second["content"] == [{"type": "image", "image": "x.png"}]


def test_per_message_training_flags_become_weights() -> None:
    row = {"messages": [{**USER, "loss_weight": 0.0}, {**BOT, "train": True}]}
    assert [message["weight"] for message in canonical(row, detect_format(row))["messages"]] == [0, 1]


def test_mapping_names_the_columns() -> None:
    row = {"frage": "Hi", "antwort": "Hello"}
    assert detect_format(row).name == "unknown"
    assert canonical(row, detect_format(row), {"prompt": "frage", "completion": "antwort"}) == {
        "prompt": "Hi",
        "completion": "Hello",
    }


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"messages": "hello"}, None),
        ({"messages": []}, "/messages"),
        ({"messages": [7]}, "/messages/0"),
        ({"messages": [{"content": "x"}]}, "/messages/0"),
        ({"messages": [{"role": "user", "content": 7}]}, "/messages/0/content"),
        ({"text": None}, "/text"),
        ({"prompt": "p", "completion": "c", "label": "false"}, "/label"),
        ({"prompt": "p", "completions": ["a"], "labels": []}, "/labels"),
        ({"a": 1}, ""),
    ],
)
def test_a_row_that_breaks_its_format_names_the_place(row: dict[str, Any], pointer: str | None) -> None:
    if pointer is None:
        assert canonical(row, detect_format(row)) == {"messages": [{"role": "user", "content": "hello"}]}
        return
    with pytest.raises(RowError) as error:
        canonical(row, detect_format(row))
    assert error.value.pointer == pointer


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["role", "content", "from", "value", "human", "assistant", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
_COLUMNS = st.sampled_from(
    [
        "messages",
        "conversations",
        "prompt",
        "completion",
        "completions",
        "labels",
        "label",
        "text",
        "chosen",
        "rejected",
        "instruction",
        "input",
        "output",
        "history",
        "system",
        "tools",
        "Text",
        "input_ids",
    ]
)


@given(st.dictionaries(_COLUMNS, _JSON, max_size=6), st.sampled_from(["", "sft", "grpo"]))
def test_any_row_is_canonical_or_a_row_error(row: dict[str, Any], task: str) -> None:
    format = detect_format(row, task)
    try:
        made = canonical(row, format)
    except RowError as error:
        assert str(error) and isinstance(error.pointer, str)
    else:
        assert canonical_kind(made) in CANONICAL_KINDS
        json.dumps(made)
