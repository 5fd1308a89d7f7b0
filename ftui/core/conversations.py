"""Messages in all their spellings, turned into one: `{"role", "content", ...}` with four roles."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "ipython": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
"""Role as written, lower case -> role. Some of these earn a finding, but none is a reason to lose the row."""

CALL_ROLES = ("function_call", "tool_call")
KEPT_KEYS = ("name", "tool_call_id", "tool_calls", "thinking", "reasoning_content", "reasoning")
PAIRS = (("human", "assistant"), ("user", "assistant"), ("human", "gpt"), ("question", "answer"))
"""Keys of conversations that hold one object per exchange: `[{"human": ..., "assistant": ...}, ...]`."""

_MARKER = re.compile(r"(?:\A|\n\n)(Human|Assistant): ?")


class RowError(ValueError):
    """A row that cannot be made canonical: `pointer` says where, the message says why."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(reason)
        self.pointer = pointer


def role_of(message: Mapping[str, Any]) -> str:
    """The role of a message: one of the four, or as written when it is no known one, or "" when there is none."""
    written = message.get("role", message.get("from"))
    if not isinstance(written, str):
        return ""
    return ROLES.get(written) or ROLES.get(written.strip().lower(), written)


def content_key(message: Mapping[str, Any]) -> str:
    """Which key holds the content: "content", or "value" in ShareGPT, or "text"."""
    if "content" in message:
        return "content"
    if "value" in message:
        return "value"
    return "text" if "text" in message else "content"


def content_text(content: Any) -> str:
    """The text of a content: the string itself, the text parts of a list joined, "" for anything else."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part_text(part) for part in content)
    return ""


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") == "text":
        for key in ("text", "value", "content"):
            if isinstance(part.get(key), str):
                return str(part[key])
    return ""


def canonical_messages(value: Any, pointer: str) -> list[dict[str, Any]]:
    """Normalise a conversation, given as a list of messages or of exchanges, one message, or a plain string.

    A string is one user message. Raises RowError when there is nothing that could be a conversation.
    """
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise RowError(pointer, f"a list of messages was expected, not {type_name(value)}")
    messages: list[dict[str, Any]] = []
    for index, message in enumerate(value):
        here = f"{pointer}/{index}"
        if not isinstance(message, Mapping):
            raise RowError(here, f"a message must be an object, not {type_name(message)}")
        pair = pair_keys(message)
        if pair:
            messages += [
                {"role": role, "content": content_text(message[key])}
                for role, key in zip(("user", "assistant"), pair, strict=True)
                if content_text(message[key])
            ]
        else:
            messages.append(_canonical_message(message, here))
    return messages


def pair_keys(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """The two keys of an exchange object, or None when it is an ordinary message."""
    if "role" in message or "from" in message:
        return None
    return next((pair for pair in PAIRS if pair[0] in message and pair[1] in message), None)


def _canonical_message(message: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    role = role_of(message)
    if not role:
        raise RowError(pointer, "the message has no role")
    content = message.get(content_key(message))
    if content is not None and not isinstance(content, (str, list)):
        raise RowError(f"{pointer}/{content_key(message)}", f"content must be text, not {type_name(content)}")
    if isinstance(content, list) and all(isinstance(part, str) or _is_text(part) for part in content):
        content = content_text(content)
    canonical: dict[str, Any] = {"role": role, "content": "" if content is None else content}
    written = message.get("role", message.get("from"))
    if written in CALL_ROLES and isinstance(content, str):
        calls = calls_in_text(content)
        if calls is None:
            raise RowError(pointer, "the tool call is not JSON with a name and arguments")
        canonical["content"], canonical["tool_calls"] = "", calls
    for key in KEPT_KEYS:
        if message.get(key) is not None:
            canonical[key] = message[key]
    if isinstance(canonical.get("tool_calls"), list):
        canonical["tool_calls"] = [canonical_call(call) for call in canonical["tool_calls"]]
    weight = _weight(message)
    if weight is not None:
        canonical["weight"] = weight
    return canonical


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type", "text") == "text" and bool(_part_text(part) or len(part) > 1)


def _weight(message: Mapping[str, Any]) -> int | None:
    """0 or 1: whether this message is learned from; None where the row does not say."""
    for key in ("weight", "loss_weight", "train", "training"):  # OpenAI, LLaMA-Factory, axolotl
        if isinstance(message.get(key), (int, float)):
            return int(bool(message[key]))
    return None


def calls_in_text(text: str) -> list[dict[str, Any]] | None:
    """The calls of a ShareGPT `function_call` turn, whose value is JSON: one call or a list of them."""
    value = parse_json(text)
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        return None
    return [
        {"type": "function", "function": {"name": call["name"], "arguments": call.get("arguments", {})}}
        for call in calls
    ]


def canonical_call(call: Any) -> Any:
    """A tool call whose arguments are an object: templates write arguments as JSON, a string would be encoded twice."""
    if not isinstance(call, Mapping):
        return call
    function = call.get("function")
    if not isinstance(function, Mapping):
        return dict(call)
    arguments = function.get("arguments")
    for _ in range(2):  # encoded once is the OpenAI format, twice is a known slip
        if isinstance(arguments, str):
            decoded = parse_json(arguments)
            arguments = arguments if decoded is None else decoded
    return {**call, "function": {**function, "arguments": arguments}}


def canonical_tools(tools: Any) -> list[Any] | None:
    """The `tools` column as a list; it may be JSON in a string. None when there is none or it cannot be read."""
    if isinstance(tools, str):
        tools = parse_json(tools)
    if isinstance(tools, Mapping):
        tools = [tools]
    return tools if isinstance(tools, list) and tools else None


def split_transcript(text: str) -> list[dict[str, Any]] | None:
    r"""Messages of an Anthropic-style transcript ("\n\nHuman: ...\n\nAssistant: ..."), or None when it is not one."""
    if not text.lstrip("\n").startswith(("Human:", "Assistant:")):
        return None
    pieces = _MARKER.split("\n\n" + text.lstrip("\n"))
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[who], "content": said.strip()} for who, said in zip(pieces[1::2], pieces[2::2], strict=True)]


def parse_json(text: str) -> Any:
    """The value, or None when the text is not JSON (or is `null`)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def type_name(value: Any) -> str:
    """The JSON name of a value's type, as users know it: "a string", "null", "an object"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    names = {str: "a string", int: "a number", float: "a number", dict: "an object", list: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")
