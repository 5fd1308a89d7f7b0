"""Held-out rows as what a model is asked and what is wanted of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.plan import Plan
from ftui.core.render import Options, Rendered, RenderError, render_prompt, render_row
from ftui.errors import FtuiError

BEGINNING_CHARACTERS = 600
"""Of a text that a model is asked to go on with."""


def questions(rows: Sequence[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Rows as prompt and reference: the last answer of a chat, the completion, or the chosen side; at most `limit`.

    Plain text is asked for its continuation: it has no reference, and counts by its loss. A row without anything to ask
    is passed over; a completion that was marked as bad is no reference.
    """
    found: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if len(found) == limit:
            break
        pair = _question(row)
        if pair is not None:
            found.append({"id": number, "row": row, **pair})
    return found


def _question(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if isinstance(row.get("text"), str):
        start = _beginning(row["text"])
        return {"prompt": start, "raw": start, "reference": ""} if start.strip() else None
    if isinstance(row.get("completion"), str):
        return {"prompt": row["prompt"], "raw": row["prompt"], "reference": row["completion"]}
    messages: Sequence[Mapping[str, Any]] = []
    wanted: Sequence[Mapping[str, Any]] | None = None
    if "messages" in row:
        answers = [i for i, message in enumerate(row["messages"]) if message.get("role") == "assistant"]
        if not answers:
            return None
        messages, wanted = row["messages"][: answers[-1]], [row["messages"][answers[-1]]]
    elif isinstance(row.get("prompt"), list):
        messages = row["prompt"]
        wanted = row.get("chosen") or (row.get("completion") if row.get("label", True) else None)
    if not messages:
        return None
    answer = wanted[-1] if wanted else None
    reference = content_of(answer) if answer else ""
    return {"prompt": content_of(messages[-1]), "messages": messages, "reference": reference, "answer": answer}


def _beginning(text: str) -> str:
    """The first third of a text, up to the end of a word, and no more than a screenful."""
    words = re.findall(r"\s*\S+", text)
    start = "".join(words[: max(1, len(words) // 3)])
    return start[:BEGINNING_CHARACTERS]


def content_of(message: Mapping[str, Any]) -> str:
    """The text of a message, in one piece."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def prompt_ids(dialect: Any, pair: Mapping[str, Any], plan: Plan) -> list[int]:
    """The prompt as the model reads it. Raises FtuiError for a row that the chat template refuses."""
    if "raw" in pair:
        start = dialect.bos if dialect.adds_bos else ""
        ids = list(dialect.encode(start + pair["raw"])[0])
        return ids[: max(1, plan.data.max_length_tokens // 2)] if "text" in pair["row"] else ids
    options = Options(max_length=plan.data.max_length_tokens)
    try:
        made = render_prompt(dialect, pair["messages"], pair["row"].get("tools"), options, like=pair.get("answer"))
    except RenderError as error:
        raise FtuiError("A held-out row cannot be rendered", f"row {pair['id']}: {error}") from None
    return list(made.ids)


def rendered(dialect: Any, row: Mapping[str, Any], options: Options) -> Rendered | None:
    """The row as the trainer sees it, with its trained tokens; None where the template refuses it."""
    try:
        return render_row(dialect, row, options)[0]
    except RenderError:
        return None
