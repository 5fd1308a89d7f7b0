"""Which format a dataset row has: by its columns, and by what stands in them. `ftui.core.canonical` rewrites it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ftui.core.conversations import RowError


@dataclass(frozen=True, slots=True)
class Format:
    """name: chat, sharegpt, alpaca, completion, text, preference, kto, prompt, stepwise, tokenized or unknown.

    kind: the canonical kind that rows become, "" for tokenized and unknown. columns: (canonical column, column of the
    file) pairs. also: other formats that the same columns fit, and that lose.
    """

    name: str
    kind: str
    columns: tuple[tuple[str, str], ...] = ()
    also: tuple[str, ...] = ()

    def column(self, name: str) -> str | None:
        """The file's column for a canonical one, None when the file has none."""
        for canonical_name, column in self.columns:
            if canonical_name == name:
                return column
        return None


UNKNOWN = Format("unknown", "")

# What to look for, the first that fits wins: (name, kind, needed columns, optional columns), each with its synonyms.
_MESSAGES = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
_PROMPT = ("prompt", "question", "query", "instruction", "input")
_SYSTEM: dict[str, tuple[str, ...]] = {"system": ("system", "system_prompt"), "tools": ("tools", "functions")}
_SIGNATURES: tuple[tuple[str, str, dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]], ...] = (
    ("tokenized", "", {"input_ids": ("input_ids",)}, {"labels": ("labels",), "attention_mask": ("attention_mask",)}),
    ("preference", "preference",
     {"chosen": ("chosen", "chosen_messages", "chosen_response", "preferred_output", "response_j"),
      "rejected": ("rejected", "rejected_messages", "rejected_response", "non_preferred_output", "response_k")},
     {"prompt": (*_PROMPT, *_MESSAGES), **_SYSTEM}),
    ("stepwise", "stepwise", {"prompt": ("prompt",), "completions": ("completions",), "labels": ("labels",)}, {}),
    ("kto", "kto", {"prompt": ("prompt",), "completion": ("completion", "response"), "label": ("label", "kto_tag")},
     _SYSTEM),
    ("kto", "kto", {"messages": _MESSAGES, "label": ("kto_tag",)}, _SYSTEM),
    ("chat", "chat", {"messages": _MESSAGES}, _SYSTEM),
    ("alpaca", "chat", {"instruction": ("instruction",), "output": ("output", "response")},
     {"input": ("input", "context"), "history": ("history",), **_SYSTEM}),
    ("completion", "completion", {"prompt": ("prompt",), "completion": ("completion",)}, {}),
    ("completion", "completion", {"prompt": ("question",), "completion": ("answer", "response")}, _SYSTEM),
    ("completion", "completion", {"prompt": ("query",), "completion": ("response", "answer")},
     {"history": ("history",), **_SYSTEM}),
    ("completion", "completion", {"prompt": ("prompt",), "completion": ("response", "answer")}, _SYSTEM),
    ("completion", "completion", {"prompt": ("problem",), "completion": ("solution",)}, {}),
    ("completion", "completion", {"prompt": ("input", "source"), "completion": ("output", "target")}, _SYSTEM),
    ("prompt", "prompt", {"prompt": ("prompt",)}, {}),
    ("text", "text", {"text": ("text",)}, {}),
)  # fmt: skip

COLUMNS_OF = {
    "chat": ("messages", "tools", "system"),
    "alpaca": ("instruction", "input", "output", "history", "system", "tools"),
    "completion": ("prompt", "completion"),
    "text": ("text",),
    "preference": ("prompt", "chosen", "rejected", "tools"),
    "kto": ("prompt", "completion", "label", "messages"),
    "prompt": ("prompt",),
    "stepwise": ("prompt", "completions", "labels"),
}
"""Columns that `--map NAME=COLUMN` may name, by format."""

# Columns that nobody trains on: they do not turn a chat row without an answer into a prompt for a reward.
_BOOKKEEPING = frozenset({"id", "uuid", "source", "meta", "metadata", "images", "audios", "videos", "tools", "system",
                          "functions", "category", "lang", "language", "model"})  # fmt: skip


def detect_format(row: Mapping[str, Any], task: str = "") -> Format:
    """Which format a row has, by its columns first and their values where columns do not decide.

    task: what the run will do (sft, dpo, kto, reward, grpo, rloo): prompts with an `answer` beside them are
    prompt-only for GRPO and RLOO, and prompt with completion otherwise.
    """
    format = _by_columns(tuple(row))
    if format.name == "unknown":
        return format
    if format.name == "chat":
        return _chat_or_prompt(row, format, task)
    if format.name == "completion" and format.columns[1][1] != "completion":
        prompt = row.get(format.columns[0][1])
        if task in ("grpo", "rloo") or isinstance(prompt, list):
            return Format("prompt", "prompt", (format.columns[0],))
    if format.name == "preference" and isinstance(row.get("input"), dict) and "messages" in row["input"]:
        return Format("preference", "preference", (*format.columns[:2], ("prompt", "input")))
    return format


def format_from_mapping(mapping: Mapping[str, str]) -> Format:
    """The format that a column mapping (canonical column -> column of the file) asks for.

    Raises ValueError when those columns make no format.
    """
    format = _by_columns(tuple(mapping))
    if format.name == "unknown":
        known = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in COLUMNS_OF.items())
        raise ValueError(f"no format has the columns {', '.join(mapping)}. Known: {known}")
    return Format(format.name, format.kind, tuple((name, mapping[name]) for name, _ in format.columns))


def format_named(name: str, row: Mapping[str, Any]) -> Format:
    """The format of a row when the user said which one it is: a format's name or a canonical kind.

    Raises RowError when the row's columns do not fit it.
    """
    columns = {column: column for column in row}
    for signature in _SIGNATURES:
        if name in signature[:2] or (name == "sharegpt" and signature[0] == "chat"):
            format = _fits(signature, columns)
            if format:
                return format
    raise RowError("", f"the columns {', '.join(map(str, row))} do not make the format {name}")


def _chat_or_prompt(row: Mapping[str, Any], format: Format, task: str) -> Format:
    messages = row.get(format.columns[0][1])
    if type(messages) is not list or not messages or type(messages[0]) is not dict:
        return format if format.columns[0][1] == "messages" else _sharegpt(format)
    first = messages[0]
    if "role" in first and len(row) == 1 and format.columns[0][1] == "messages":
        return format
    foreign_keys = "role" not in first and ("from" in first or "human" in first or "user" in first)
    if foreign_keys or format.columns[0][1] != "messages":
        format = _sharegpt(format)
    if len(row) > 1 and (task in ("grpo", "rloo") or not _BOOKKEEPING.issuperset(_extra(row, format))):
        said = {str(message.get("role", message.get("from"))) for message in messages if isinstance(message, Mapping)}
        if said <= {"user", "human", "system", "developer"} and "label" not in row:
            return Format("prompt", "prompt", (("prompt", format.columns[0][1]),))
    return format


def _sharegpt(format: Format) -> Format:
    return Format("sharegpt", "chat", format.columns, format.also)


def _extra(row: Mapping[str, Any], format: Format) -> list[str]:
    used = {column for _, column in format.columns}
    return [key for key in row if key not in used]


@lru_cache(maxsize=1024)
def _by_columns(columns: tuple[str, ...]) -> Format:
    exact = {column: column for column in columns}
    found = [format for signature in _SIGNATURES if (format := _fits(signature, exact))]
    if not found:
        # The right columns in the wrong case, or padded: a finding says so, but the rows are not lost.
        tidy = {column.strip().lower(): column for column in columns if isinstance(column, str)}
        found = [format for signature in _SIGNATURES if (format := _fits(signature, tidy))]
    if not found:
        return UNKNOWN
    winner = found[0]
    used = {column for _, column in winner.columns}
    also = dict.fromkeys(
        other.name for other in found[1:]
        if other.name != winner.name and any(column not in used for _, column in other.columns)
    )  # fmt: skip
    return Format(winner.name, winner.kind, winner.columns, tuple(also))


def _fits(
    signature: tuple[str, str, dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]], columns: Mapping[str, str]
) -> Format | None:
    name, kind, needed, optional = signature
    pairs: list[tuple[str, str]] = []
    for canonical_name, synonyms in needed.items():
        column = next((columns[synonym] for synonym in synonyms if synonym in columns), None)
        if column is None:
            return None
        pairs.append((canonical_name, column))
    for canonical_name, synonyms in optional.items():
        column = next((columns[synonym] for synonym in synonyms if synonym in columns), None)
        if column is not None:
            pairs.append((canonical_name, column))
    return Format(name, kind, tuple(pairs))
