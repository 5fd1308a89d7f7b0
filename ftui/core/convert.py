"""Canonical rows of one kind turned into another, and into the formats that other trainers read."""

from __future__ import annotations

import json
from typing import Any

from ftui.core.canonical import canonical_kind
from ftui.core.conversations import RowError

TARGETS = ("chat", "openai", "sharegpt", "alpaca", "completion", "preference", "kto", "prompt", "text")
"""What `convert` can make; "openai" is chat with arguments and tools as OpenAI wants them."""


def convert(row: dict[str, Any], to: str) -> list[dict[str, Any]]:
    """The rows that one canonical row becomes (a preference pair becomes two KTO rows, one is empty: it has none).

    Raises RowError when the row cannot be said in the wanted form.
    """
    kind = canonical_kind(row)
    if to == kind:
        return [row]
    maker = _MAKERS.get(to)
    if maker is None:
        raise RowError("", f"nothing becomes {to}; known: {', '.join(TARGETS)}")
    return maker(row, kind)


def _conversation(row: dict[str, Any], kind: str) -> dict[str, Any]:
    """The row as a chat: the good side of a pair, the good rows of KTO."""
    if kind == "chat":
        return row
    if kind == "completion":
        messages = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]
    elif kind == "preference":
        messages = [*row["prompt"], *row["chosen"]]
    elif kind == "kto":
        if not row["label"]:
            raise RowError("/label", "a rejected answer is no example to learn from")
        messages = [*row["prompt"], *row["completion"]]
    else:
        raise RowError("", f"a {kind} row is no conversation")
    return {"messages": messages, **({"tools": row["tools"]} if row.get("tools") else {})}


def _to_chat(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [_conversation(row, kind)]


def _to_openai(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    chat = _conversation(row, kind)
    messages = []
    for message in chat["messages"]:
        made = {
            key: value for key, value in message.items() if key not in ("thinking", "reasoning_content", "reasoning")
        }
        if message.get("tool_calls"):
            made["tool_calls"] = [_openai_call(call, number) for number, call in enumerate(message["tool_calls"])]
            made["content"] = message["content"] or None
        messages.append(made)
    return [{**chat, "messages": messages}]


def _openai_call(call: Any, number: int) -> Any:
    if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
        return call
    arguments = call["function"].get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    function = {**call["function"], "arguments": text}
    return {"id": call.get("id", f"call_{number}"), "type": "function", "function": function}


_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def _to_sharegpt(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    chat = _conversation(row, kind)
    turns: list[dict[str, Any]] = []
    for message in chat["messages"]:
        calls = message.get("tool_calls") or []
        if _plain(message) or not calls:
            turns.append({"from": _SHAREGPT.get(message["role"], message["role"]), "value": _plain(message)})
        for call in calls:
            function = call.get("function", {}) if isinstance(call, dict) else {}
            turns.append({"from": "function_call", "value": json.dumps(function, ensure_ascii=False)})
    made: dict[str, Any] = {"conversations": turns}
    if turns and turns[0]["from"] == "system":
        made = {"conversations": turns[1:], "system": turns[0]["value"]}
    if chat.get("tools"):
        made["tools"] = json.dumps(chat["tools"], ensure_ascii=False)
    return [made]


def _to_alpaca(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    system, exchanges = _exchanges(_conversation(row, kind))
    *earlier, (question, answer) = exchanges
    made: dict[str, Any] = {"instruction": question, "input": "", "output": answer}
    if earlier:
        made["history"] = [list(exchange) for exchange in earlier]
    if system:
        made["system"] = system
    return [made]


def _to_completion(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    system, exchanges = _exchanges(_conversation(row, kind))
    if len(exchanges) > 1:
        raise RowError("/messages", "several turns do not fit into one prompt and one completion; convert to chat")
    question, answer = exchanges[0]
    return [{"prompt": f"{system}\n\n{question}" if system else question, "completion": answer}]


def _exchanges(chat: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """System prompt and (question, answer) pairs. RowError for tools, pictures, or turns that do not alternate."""
    messages = list(chat["messages"])
    system = _plain(messages.pop(0)) if messages and messages[0]["role"] == "system" else ""
    if [message["role"] for message in messages] != ["user", "assistant"] * (len(messages) // 2) or not messages:
        raise RowError("/messages", "user and assistant do not take turns, from a question to an answer")
    if chat.get("tools") or any(message.get("tool_calls") for message in messages):
        raise RowError("/messages", "tool calls have no place in this format")
    said = [_plain(message) for message in messages]
    return system, list(zip(said[::2], said[1::2], strict=True))


def _plain(message: dict[str, Any]) -> str:
    content = message.get("content")
    if content is None:
        return ""
    if not isinstance(content, str):
        raise RowError("/messages", "the message holds more than text")
    return content


def _to_preference(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    raise RowError("", f"a {kind} row has no second answer to compare with")


def _to_kto(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    if kind == "preference":
        return [
            {"prompt": row["prompt"], "completion": row["chosen"], "label": True},
            {"prompt": row["prompt"], "completion": row["rejected"], "label": False},
        ]
    messages = _conversation(row, kind)["messages"]
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise RowError("/messages", "there is no prompt with an answer after it")
    return [{"prompt": messages[:-1], "completion": messages[-1:], "label": True}]


def _to_prompt(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    if kind in ("preference", "kto"):
        return [{"prompt": row["prompt"]}]
    messages = _conversation(row, kind)["messages"]
    last = max((number for number, message in enumerate(messages) if message["role"] == "user"), default=None)
    if last is None:
        raise RowError("/messages", "there is no user turn")
    return [{"prompt": messages[: last + 1]}]


def _to_text(row: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    if kind != "completion":
        raise RowError("", f"a {kind} row becomes text only by a model's chat template, which a run applies itself")
    return [{"text": row["prompt"] + row["completion"]}]


_MAKERS = {
    "chat": _to_chat,
    "openai": _to_openai,
    "sharegpt": _to_sharegpt,
    "alpaca": _to_alpaca,
    "completion": _to_completion,
    "preference": _to_preference,
    "kto": _to_kto,
    "prompt": _to_prompt,
    "text": _to_text,
}
