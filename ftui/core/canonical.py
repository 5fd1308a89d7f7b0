"""A row in canonical form: what runs store and the trainer reads.

One JSON object each:

    chat        {"messages": [{"role", "content", ...}], "tools"?: [...]}      (Alpaca and ShareGPT become this)
    completion  {"prompt": str, "completion": str}
    text        {"text": str}
    preference  {"prompt": [messages], "chosen": [messages], "rejected": [messages], "tools"?}
    kto         {"prompt": [messages], "completion": [messages], "label": bool}
    prompt      {"prompt": [messages], ...every other column as it was}
    stepwise    {"prompt": str, "completions": [str], "labels": [bool]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.conversations import (
    RowError,
    canonical_messages,
    canonical_tools,
    content_text,
    split_transcript,
    type_name,
)
from ftui.core.formats import Format, format_from_mapping

CANONICAL_KINDS = ("chat", "completion", "text", "preference", "kto", "prompt", "stepwise")


def canonical(row: Mapping[str, Any], format: Format, mapping: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The row in canonical form (see the top of this module); `row` is not changed.

    mapping: canonical column -> column of the file, when the user named the columns; it overrules `format`.
    Raises RowError (a ValueError with a `pointer`) when the row does not hold what its format promises.
    """
    if mapping:
        format = format_from_mapping(mapping)
    if not format.kind:
        raise RowError("", "no known format has these columns")
    if format.name == "alpaca":
        return _from_alpaca(row, format)
    return _MAKERS[format.kind](row, format)


def canonical_kind(row: Mapping[str, Any]) -> str:
    """The kind of a row that is canonical already: chat, completion, text, preference, kto, prompt or stepwise."""
    for kind, needed in (("chat", {"messages"}), ("preference", {"chosen"}), ("stepwise", {"completions"}),
                         ("kto", {"completion", "label"}), ("completion", {"completion"}), ("prompt", {"prompt"}),
                         ("text", {"text"})):  # fmt: skip
        if needed <= row.keys():
            return kind
    raise ValueError("not a canonical row")


def _value(row: Mapping[str, Any], format: Format, name: str) -> Any:
    column = format.column(name)
    if column is None:
        return None
    if column not in row:
        raise RowError("", f"the column {column!r} is missing")
    return row[column]


def _optional(row: Mapping[str, Any], format: Format, name: str) -> Any:
    column = format.column(name)
    return None if column is None else row.get(column)


def _text(row: Mapping[str, Any], format: Format, name: str) -> str:
    value = _value(row, format, name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)  # CSV readers and hand-made files hold bare numbers where a text is meant
    if not isinstance(value, str):
        raise RowError(f"/{format.column(name)}", f"text was expected, not {type_name(value)}")
    return value


def _with_extras(chat: dict[str, Any], row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    """Put the row's own system prompt first, its tools and what it tells the chat template beside the messages."""
    system = _optional(row, format, "system")
    messages: list[dict[str, Any]] = chat["messages"] if "messages" in chat else chat["prompt"]
    has_system = bool(messages) and messages[0]["role"] == "system"
    if isinstance(system, str) and system and not has_system:
        messages.insert(0, {"role": "system", "content": system})
    tools = canonical_tools(_optional(row, format, "tools"))
    if tools:
        chat["tools"] = tools
    if isinstance(row.get("chat_template_kwargs"), Mapping):
        chat["chat_template_kwargs"] = row["chat_template_kwargs"]
    return chat


def _from_chat(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    messages = canonical_messages(_value(row, format, "messages"), f"/{format.column('messages')}")
    if not messages:
        raise RowError(f"/{format.column('messages')}", "the conversation has no messages")
    return _with_extras({"messages": messages}, row, format)


def _from_alpaca(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    messages = _history(_optional(row, format, "history"))
    instruction = _text(row, format, "instruction")
    given = content_text(_optional(row, format, "input"))
    question = "\n\n".join(part for part in (instruction, given) if part)
    messages += [{"role": "user", "content": question},
                 {"role": "assistant", "content": _text(row, format, "output")}]  # fmt: skip
    return _with_extras({"messages": messages}, row, format)


def _history(history: Any) -> list[dict[str, Any]]:
    """Earlier exchanges, `[[question, answer], ...]`, as messages."""
    messages: list[dict[str, Any]] = []
    for index, exchange in enumerate(history or []):
        if not (isinstance(exchange, list) and len(exchange) == 2 and all(isinstance(said, str) for said in exchange)):
            raise RowError(f"/history/{index}", "an exchange is a list of two texts: question and answer")
        messages += [{"role": "user", "content": exchange[0]}, {"role": "assistant", "content": exchange[1]}]
    return messages


def _from_completion(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    prompt, completion = _value(row, format, "prompt"), _value(row, format, "completion")
    conversational = isinstance(prompt, list) or isinstance(completion, (list, dict))
    if not conversational and format.column("system") is None and not _optional(row, format, "history"):
        return {"prompt": _text(row, format, "prompt"), "completion": _text(row, format, "completion")}
    before = _history(_optional(row, format, "history"))
    before += canonical_messages(prompt, f"/{format.column('prompt')}")
    # Only the completion is taught: an assistant turn within the prompt is context.
    before = [{**message, "weight": 0} if message["role"] == "assistant" else message for message in before]
    messages = before + _answer(completion, f"/{format.column('completion')}")
    return _with_extras({"messages": messages}, row, format)


def _answer(value: Any, pointer: str) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    return canonical_messages(value, pointer)


def _from_text(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    return {"text": _text(row, format, "text")}


def _from_preference(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    prompt = _value(row, format, "prompt")
    chosen = side(row[format.columns[0][1]], f"/{format.column('chosen')}")
    rejected = side(row[format.columns[1][1]], f"/{format.column('rejected')}")
    if isinstance(prompt, Mapping) and "messages" in prompt:  # OpenAI: {"input": {"messages": [...]}}
        prompt = prompt["messages"]
    if prompt is None:
        shared = common_turns(chosen, rejected)
        pair = {"prompt": chosen[:shared], "chosen": chosen[shared:], "rejected": rejected[shared:]}
    else:
        messages = canonical_messages(prompt, f"/{format.column('prompt')}")
        pair = {"prompt": messages, "chosen": _after(messages, chosen), "rejected": _after(messages, rejected)}
    return _with_extras(pair, row, format)


def side(value: Any, pointer: str) -> list[dict[str, Any]]:
    """One side of a preference pair: a transcript, a plain answer, one message or a list of them."""
    if isinstance(value, str):
        return split_transcript(value) or [{"role": "assistant", "content": value}]
    return canonical_messages(value, pointer)


def common_turns(chosen: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> int:
    """How many leading turns both sides share: the implicit prompt. The last turn of each side is its answer."""
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    return shared


def _after(prompt: list[dict[str, Any]], answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answer without the prompt, which some sets repeat in front of each side."""
    return answer[len(prompt) :] if len(answer) > len(prompt) and answer[: len(prompt)] == prompt else answer


def _from_kto(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    label = _value(row, format, "label")
    if not isinstance(label, (bool, int)) or label not in (0, 1):
        raise RowError(f"/{format.column('label')}", f"true or false was expected, not {type_name(label)}")
    if format.column("messages"):
        messages = canonical_messages(_value(row, format, "messages"), f"/{format.column('messages')}")
        if len(messages) < 2:
            raise RowError(f"/{format.column('messages')}", "a prompt and an answer were expected")
        prompt, completion = messages[:-1], messages[-1:]
    else:
        prompt = canonical_messages(_value(row, format, "prompt"), f"/{format.column('prompt')}")
        completion = _answer(_value(row, format, "completion"), f"/{format.column('completion')}")
    return _with_extras({"prompt": prompt, "completion": completion, "label": bool(label)}, row, format)


def _from_prompt(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    column = format.column("prompt")
    messages = canonical_messages(_value(row, format, "prompt"), f"/{column}")
    return {"prompt": messages, **{key: value for key, value in row.items() if key not in (column, "prompt")}}


def _from_stepwise(row: Mapping[str, Any], format: Format) -> dict[str, Any]:
    steps, labels = _value(row, format, "completions"), _value(row, format, "labels")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise RowError("/completions", "a list of texts was expected")
    if not isinstance(labels, list) or not all(isinstance(label, (bool, int)) for label in labels):
        raise RowError("/labels", "a list of true or false was expected")
    if len(steps) != len(labels):
        raise RowError("/labels", f"{len(labels)} labels for {len(steps)} steps")
    return {"prompt": _text(row, format, "prompt"), "completions": steps, "labels": [bool(label) for label in labels]}


_MAKERS = {
    "chat": _from_chat,
    "completion": _from_completion,
    "text": _from_text,
    "preference": _from_preference,
    "kto": _from_kto,
    "prompt": _from_prompt,
    "stepwise": _from_stepwise,
}
