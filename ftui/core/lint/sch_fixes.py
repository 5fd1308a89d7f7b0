"""Repairs of columns and types."""

from __future__ import annotations

from typing import Any

from ftui.core.conversations import RowError, canonical_messages, content_text
from ftui.core.formats import detect_format
from ftui.core.lint.model import Fixer, resolve_parent


def _number_as_text(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    if isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
        parent[key] = str(parent[key])
    return row


def _remove(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    del parent[key]
    return row


def _rename_column(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    _, column = resolve_parent(row, pointer)
    tidy = column.strip().lower()
    if tidy in row:
        return row
    return {tidy if key == column else key: value for key, value in row.items()}


def _openai_words(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Write role and content, in a column `messages`; what the row cannot say that way stays as it is."""
    column = pointer[1:]
    try:
        messages = canonical_messages(row[column], pointer)
    except RowError:
        return row
    for message, original in zip(messages, row[column], strict=False):
        if isinstance(original, dict) and isinstance(original.get("content"), list):
            message["content"] = original["content"]
    if detect_format(row).kind != "chat":
        row[column] = messages
        return row
    return {"messages" if key == column else key: messages if key == column else value for key, value in row.items()}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value if inner is not None]
    return value


def _drop_nulls(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    parent, key = resolve_parent(row, pointer)
    parent[key] = _without_nulls(parent[key])
    return row


def _text_key(row: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """Rename `value` to `text` in every text part of the message."""
    parts, _ = resolve_parent(row, pointer)
    for part in parts:
        if isinstance(part, dict) and part.get("type") == "text" and "text" not in part and "value" in part:
            part["text"] = content_text(part.pop("value"))
    return row


FIXES: dict[str, Fixer] = {
    "SCH303": _number_as_text,
    "SCH305": _remove,
    "SCH306": _rename_column,
    "SCH310": _openai_words,
    "SCH311": _drop_nulls,
    "SCH312": _text_key,
}
