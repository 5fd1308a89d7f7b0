"""Repairs of who speaks when."""

from __future__ import annotations

import re
from typing import Any

from ftui.core.conversations import ROLES, content_key
from ftui.core.lint.model import Fixer, resolve_parent

SPEAKER_LINE = re.compile(r"(?:\A|\n)[ \t]*(Human|User|Assistant|AI|Bot|Chatbot|ChatGPT|Model)[ \t]*:(?=[ \t\n])")
HUMANS = ("Human", "User")


def _fix_role(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    message, key = resolve_parent(row, pointer)
    written = message[key]
    known = ROLES.get(written.strip().lower()) if isinstance(written, str) else None
    if known:
        message[key] = {"user": "human", "assistant": "gpt"}.get(known, known) if key == "from" else known
    return row


def _messages_at(row: dict[str, Any], pointer: str) -> tuple[list[Any], int]:
    """The list of messages that a pointer such as /messages/3/content goes through, and the index in it."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    messages = row.get(steps[0]) if len(steps) > 1 else None
    if not isinstance(messages, list) or not steps[1].isdigit() or int(steps[1]) >= len(messages):
        raise LookupError(pointer)
    return messages, int(steps[1])


def _role(message: Any) -> str:
    """The standard role of a message as read, "" for what is no message."""
    if not isinstance(message, dict):
        return ""
    return ROLES.get(str(message.get("role", message.get("from"))).strip().lower(), "")


def _fix_same_role(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    messages, index = _messages_at(row, pointer)
    before, here = messages[index - 1], messages[index]
    if not isinstance(before, dict) or not isinstance(here, dict):
        return row
    first, second = before.get(content_key(before)), here.get(content_key(here))
    if index > 0 and _role(before) == _role(here) and isinstance(first, str) and isinstance(second, str):
        before[content_key(before)] = f"{first}\n\n{second}"
        del messages[index]
    return row


def _fix_tail(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    messages, _ = _messages_at(row, pointer)
    if any(_role(message) == "assistant" for message in messages):
        while _role(messages[-1]) != "assistant":
            messages.pop()
    return row


def _fix_systems(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Join every system message, in order, into one at the front."""
    messages, _ = _messages_at(row, pointer)
    systems = [message for message in messages if _role(message) == "system"]
    texts = [message.get(content_key(message)) for message in systems]
    if systems and all(isinstance(text, str) for text in texts):
        systems[0][content_key(systems[0])] = "\n\n".join(text.strip() for text in texts)
        messages[:] = [systems[0], *[message for message in messages if _role(message) != "system"]]
    return row


def _fix_transcript(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    messages, index = _messages_at(row, pointer)
    message = messages[index]
    key = content_key(message)
    if not isinstance(message.get(key), str):
        return row
    pieces = SPEAKER_LINE.split(message[key])
    speaker = "from" if "from" in message else "role"
    names = ("human", "gpt") if speaker == "from" else ("user", "assistant")
    split = [{**message, key: pieces[0].strip()}] if pieces[0].strip() else []
    split += [{speaker: names[0 if who in HUMANS else 1], key: said.strip()}
              for who, said in zip(pieces[1::2], pieces[2::2], strict=True) if said.strip()]  # fmt: skip
    messages[index : index + 1] = split
    return row


FIXES: dict[str, Fixer] = {
    "MSG401": _fix_role,
    "MSG403": _fix_same_role,
    "MSG405": _fix_tail,
    "MSG408": _fix_systems,
    "MSG409": _fix_systems,
    "MSG412": _fix_transcript,
}
