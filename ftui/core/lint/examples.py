"""Example rows for the rules' explanations, written as they stand in a file."""

from __future__ import annotations

import json
from typing import Any


def rows(*objects: Any) -> str:
    """One JSON object per line."""
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in objects)


def chat(*said: str, **more: Any) -> str:
    """One chat row: user and assistant in turn. `system` puts a system message first; other names become columns."""
    return rows(conversation(*said, **more))


def conversation(*said: str, system: str = "", **columns: Any) -> dict[str, Any]:
    """The row of `chat` as an object."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(said)]
    return {"messages": messages, **columns}


def turns(*pairs: tuple[str, Any], **columns: Any) -> str:
    """One chat row from (role, content) pairs."""
    return rows({"messages": [{"role": role, "content": content} for role, content in pairs], **columns})


def pair(prompt: str, chosen: str, rejected: str, **columns: Any) -> str:
    """One preference row with an explicit prompt."""
    return rows({"prompt": prompt, "chosen": chosen, "rejected": rejected, **columns})
