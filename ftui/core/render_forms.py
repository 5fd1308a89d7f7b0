"""Forms of a conversation that mean the same, and the same one in other words: what a template is tried with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ftui.core.render_dialect import Message

REASONING = ("reasoning_content", "thinking", "reasoning")
"""The keys under which rows keep an answer's reasoning."""


@dataclass(frozen=True)
class Form:
    messages: tuple[Message, ...]
    tools: Sequence[Any] | None
    merged: bool = False
    """The system message was put into the first user turn: message numbers are one lower."""


def equivalent_forms(messages: Sequence[Message], tools: Any) -> Iterator[Form]:
    """Equivalent ways to hand a conversation to a template, the usual one first."""
    if not tools and all(len(m) == 2 and type(m.get("content")) is str and "role" in m for m in messages):
        yield Form(tuple(messages), None)  # nothing to tidy up: the usual case, kept short
    plain = [_tidied(message) for message in messages]
    if isinstance(tools, str):
        tools = json.loads(tools)
    calls = any(message.get("tool_calls") for message in plain)
    merged_first = _merged(plain)
    # An answer that is only calls has an empty text; a few templates want it null, and otherwise leave the calls out.
    for parts, merge, text_arguments, null in product((False, True), repeat=4):
        if (merge and merged_first is None) or ((text_arguments or null) and not calls):
            continue
        some: Sequence[Message] = merged_first if merge and merged_first is not None else plain
        yield Form(tuple(_shaped(m, parts, text_arguments, null) for m in some), tools or None, merge)


def _merged(messages: Sequence[Message]) -> list[Message] | None:
    """The leading system message's text put in front of the first user turn; None when there is nothing to merge."""
    if len(messages) < 2 or messages[0].get("role") not in ("system", "developer"):
        return None
    first, second = messages[0].get("content"), messages[1].get("content")
    if messages[1].get("role") != "user" or not isinstance(first, str) or not isinstance(second, str):
        return None
    return [{**messages[1], "content": f"{first.strip()}\n\n{second}"}, *messages[2:]]


def _tidied(message: Message) -> Message:
    """Tool-call arguments as objects, reasoning under every name that templates read, text parts as one text."""
    content = message.get("content")
    if isinstance(content, list) and content and all(_is_text(part) for part in content):
        message = {**message, "content": "".join(part["text"] for part in content)}
    reasoning = next(
        (message[key] for key in REASONING if isinstance(message.get(key), str)),
        None,
    )
    if reasoning is not None:
        message = {**message, "reasoning_content": reasoning, "thinking": reasoning}
    if message.get("tool_calls"):
        message = {**message, "tool_calls": [_parsed_call(call) for call in message["tool_calls"]]}
    elif "tool_calls" in message:
        message = {k: v for k, v in message.items() if k != "tool_calls"}
    return {**message, "content": ""} if message.get("content") is None else message


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _parsed_call(call: Any) -> Any:
    if not isinstance(call, Mapping):
        return call
    function = call.get("function")
    if not isinstance(function, Mapping):
        function = {key: call[key] for key in ("name", "arguments") if key in call}
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return {**call, "type": "function", "function": dict(function)}
    return {**call, "type": "function", "function": {**function, "arguments": arguments}}


def _shaped(message: Message, parts: bool, text_arguments: bool, null: bool) -> Message:
    if text_arguments and message.get("tool_calls"):
        message = {**message, "tool_calls": [_text_call(call) for call in message["tool_calls"]]}
    if null and message.get("tool_calls") and message.get("content") == "":
        return {**message, "content": None}
    if parts and isinstance(message.get("content"), str):
        message = {**message, "content": [{"type": "text", "text": message["content"]}]}
    return message


def _text_call(call: Any) -> Any:
    function = call["function"]
    if isinstance(function.get("arguments"), str):
        return call
    return {**call, "function": {**function, "arguments": json.dumps(function.get("arguments"), ensure_ascii=False)}}


def other_words(message: Message) -> Message:
    other: dict[str, Any] = dict(message)
    for key in ("content", "reasoning_content", "thinking"):
        if isinstance(other.get(key), str) and (other[key].strip() or key == "content"):
            other[key] = _other_text(other[key])
        elif key == "content" and isinstance(other.get(key), list):
            other[key] = [{**p, "text": _other_text(p["text"])} if _is_text(p) else p for p in other[key]]
    if other.get("tool_calls"):
        other["tool_calls"] = [other_call(call) for call in other["tool_calls"]]
    return other


def other_call(call: Any) -> Any:
    if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
        return call
    function = call["function"]
    return {**call, "function": {**function, "name": _other_text(str(function.get("name") or ""))}}


def _other_text(text: str) -> str:
    """A text that begins and ends with other characters than `text` does."""
    bare = text.strip()
    first, last = (bare[0], bare[-1]) if bare else ("", "")
    return ("b" if first == "a" else "a") + ("b" if last == "a" else "a")


def thinking_of(message: Message) -> str:
    """The reasoning of a message, from its own field or from between think tags in its text."""
    thinking = message.get("reasoning_content")
    if isinstance(thinking, str):
        return thinking.strip()
    before, tag, _ = text_of(message).partition("</think>")
    return before.replace("<think>", "").strip() if tag else ""


def text_of(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if _is_text(part)) if isinstance(content, list) else ""
