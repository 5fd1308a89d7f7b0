"""From a row as read to what rules see of it: its turns, each with the place where it stands in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ftui.core.conversations import ROLES, content_key, content_text, pair_keys, role_of, split_transcript
from ftui.core.formats import Format
from ftui.core.lint.model import Row, Turn, pointer_step

MAX_STRINGS_OF_UNKNOWN_ROW = 64


def view(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    """Build the view of one row. Never raises: what does not fit its format gives no turn (SCH303 says so)."""
    return _VIEWS[format.name](index, line, data, format)


@lru_cache(maxsize=4096)
def _place(column: str, index: int, key: str) -> str:
    return f"/{pointer_step(column)}/{index}/{key}"


def message_turns(value: Any, column: str) -> list[Turn]:
    """The turns of a list of messages, or of a single message, or of a plain string (one user turn)."""
    if isinstance(value, str):
        return [Turn("user", value, "/" + pointer_step(column))]
    if isinstance(value, Mapping):
        key = content_key(value)
        here = f"/{pointer_step(column)}/{key}"
        return [Turn(role_of(value), content_text(value.get(key)), here, dict(value))]
    if not isinstance(value, list):
        return []
    turns: list[Turn] = []
    for index, message in enumerate(value):
        if type(message) is not dict:
            continue
        role, content = message.get("role"), message.get("content")
        if type(role) is str and type(content) is str:  # the common case, kept short: it runs for every message
            turns.append(Turn(ROLES.get(role) or role_of(message), content, _place(column, index, "content"), message))
            continue
        pair = pair_keys(message)
        if pair:
            turns += [Turn(said_by, content_text(message[key]), _place(column, index, key), message)
                      for said_by, key in zip(("user", "assistant"), pair, strict=True)]  # fmt: skip
            continue
        key = content_key(message)
        turns.append(Turn(role_of(message), content_text(message.get(key)), _place(column, index, key), message))
    return turns


def _column_text(data: Mapping[str, Any], column: str | None) -> str | None:
    value = data.get(column) if column is not None else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _column_turns(data: Mapping[str, Any], column: str | None, role: str) -> list[Turn]:
    """One turn for a text column, the turns of a column that holds messages, nothing for an absent one."""
    if column is None or column not in data:
        return []
    text = _column_text(data, column)
    if text is not None:
        return [Turn(role, text, "/" + pointer_step(column))]
    value = data[column]
    return message_turns(value, column) if isinstance(value, (list, dict)) else []


def _history_turns(data: Mapping[str, Any], column: str | None) -> list[Turn]:
    history = data.get(column) if column is not None else None
    turns: list[Turn] = []
    for index, exchange in enumerate(history if isinstance(history, list) else []):
        if isinstance(exchange, list) and len(exchange) == 2 and all(isinstance(said, str) for said in exchange):
            turns += [Turn("user", exchange[0], f"/{column}/{index}/0"),
                      Turn("assistant", exchange[1], f"/{column}/{index}/1")]  # fmt: skip
    return turns


def _first_answer(turns: Sequence[Turn]) -> int:
    return next((index for index, turn in enumerate(turns) if turn.role == "assistant"), len(turns))


def _chat(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    columns = format.columns
    column = columns[0][1]
    turns = message_turns(data.get(column), column)
    tools = None
    if len(columns) > 1:
        turns = _column_turns(data, format.column("system"), "system") + turns
        tools = data.get(format.column("tools") or "")
    return Row(index, line, data, format, turns, _first_answer(turns), (), tools, None, True)


def _alpaca(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    prompt = _column_turns(data, format.column("system"), "system")
    prompt += _history_turns(data, format.column("history"))
    prompt += _column_turns(data, format.column("instruction"), "user")
    given = _column_turns(data, format.column("input"), "user")
    if given and given[0].text:
        prompt += given
    turns = prompt + _column_turns(data, format.column("output"), "assistant")
    return Row(index, line, data, format, turns, len(prompt), (), data.get(format.column("tools") or ""))


def _completion(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    prompt = _column_turns(data, format.column("system"), "system")
    prompt += _history_turns(data, format.column("history"))
    prompt += _column_turns(data, format.columns[0][1], "user")
    turns = prompt + _column_turns(data, format.columns[1][1], "assistant")
    conversation = isinstance(data.get(format.columns[0][1]), list)
    return Row(
        index, line, data, format, turns, len(prompt), (), data.get(format.column("tools") or ""), None, conversation
    )


def _text(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    return Row(index, line, data, format, _column_turns(data, format.columns[0][1], "text"), 0)


def _side(value: Any, column: str) -> list[Turn]:
    if isinstance(value, str):
        here = "/" + pointer_step(column)
        said = split_transcript(value) or [{"role": "assistant", "content": value}]
        return [Turn(message["role"], message["content"], here) for message in said]
    return message_turns(value, column)


def _preference(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    chosen_column, rejected_column = format.columns[0][1], format.columns[1][1]
    chosen, rejected = _side(data.get(chosen_column), chosen_column), _side(data.get(rejected_column), rejected_column)
    column = format.column("prompt")
    if column is None:
        shared = _shared(chosen, rejected, max(0, min(len(chosen), len(rejected)) - 1))
        prompt, chosen = chosen[:shared], chosen[shared:]
        rejected = rejected[shared:]
    else:
        value = data.get(column)
        if isinstance(value, dict) and isinstance(value.get("messages"), list):  # OpenAI's {"input": {"messages": ...}}
            prompt = [Turn(turn.role, turn.text, f"/{column}{turn.pointer}", turn.message)
                      for turn in message_turns(value["messages"], "messages")]  # fmt: skip
        else:
            prompt = _column_turns(data, format.column("system"), "system") + _column_turns(data, column, "user")
        for repeated in (chosen, rejected):
            if len(repeated) > len(prompt) and _shared(prompt, repeated, len(prompt)) == len(prompt):
                del repeated[: len(prompt)]
    conversation = not isinstance(data.get(chosen_column), str)
    tools = data.get(format.column("tools") or "")
    return Row(index, line, data, format, prompt + chosen, len(prompt), rejected, tools, None, conversation)


def _shared(first: Sequence[Turn], second: Sequence[Turn], most: int) -> int:
    shared = 0
    while shared < most and (first[shared].role, first[shared].text) == (second[shared].role, second[shared].text):
        shared += 1
    return shared


def _kto(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    column = format.column("messages")
    if column is not None:
        turns = message_turns(data.get(column), column)
        start = max(0, len(turns) - 1)
    else:
        prompt = _column_turns(data, format.column("prompt"), "user")
        turns = prompt + _column_turns(data, format.column("completion"), "assistant")
        start = len(prompt)
    label = data.get(format.column("label") or "")
    return Row(index, line, data, format, turns, start, (), None, label, column is not None)


def _prompt(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    column = format.columns[0][1]
    turns = _column_turns(data, column, "user")
    return Row(index, line, data, format, turns, len(turns), conversation=isinstance(data.get(column), list))


def _stepwise(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    turns = _column_turns(data, "prompt", "user")
    start = len(turns)
    steps = data.get("completions")
    for number, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, str):
            turns.append(Turn("assistant", step, f"/completions/{number}"))
    return Row(index, line, data, format, turns, start, (), None, data.get("labels"))


def _unknown(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    """Every text of the row, so that secrets and hostile characters are found in a file that no trainer can read."""
    turns: list[Turn] = []
    pending: list[tuple[Any, str]] = [(data, "")]
    while pending and len(turns) < MAX_STRINGS_OF_UNKNOWN_ROW:
        value, place = pending.pop()
        if isinstance(value, str):
            turns.append(Turn("", value, place))
        elif isinstance(value, dict):
            pending += [(inner, f"{place}/{pointer_step(str(key))}") for key, inner in reversed(value.items())]
        elif isinstance(value, list):
            pending += [(inner, f"{place}/{number}") for number, inner in reversed(list(enumerate(value[:64])))]
    return Row(index, line, data, format, turns, len(turns))


def _tokenized(index: int, line: int | None, data: dict[str, Any], format: Format) -> Row:
    return Row(index, line, data, format, [], 0)


_VIEWS = {
    "chat": _chat,
    "sharegpt": _chat,
    "alpaca": _alpaca,
    "completion": _completion,
    "text": _text,
    "preference": _preference,
    "kto": _kto,
    "prompt": _prompt,
    "stepwise": _stepwise,
    "tokenized": _tokenized,
    "unknown": _unknown,
}
