"""A row as text with its trained stretches, before the tokenizer and without a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.core.render_dialect import Dialect, Message, Note, RenderError
from ftui.core.render_prefixes import Span
from ftui.core.render_spans import written, written_prompt
from ftui.core.render_special import ends_with_special


@dataclass(frozen=True)
class Written:
    """One row as text, before the tokenizer: what `render_row` encodes, for callers that encode many rows at once."""

    text: str
    spans: tuple[Span, ...]
    notes: tuple[Note, ...]


def write_row(dialect: Dialect, row: Mapping[str, Any], loss: str = "assistant") -> tuple[Written, ...]:
    """As `render_row`, without tokens and without a limit. Raises RenderError as that does."""
    kwargs = row.get("chat_template_kwargs") or {}
    tools = row.get("tools")

    def chat(messages: Sequence[Message], first: int) -> Written:
        text, spans, notes = written(dialect, messages, tools, trained_turns(messages, loss, first), kwargs)
        return Written(text, tuple(spans), tuple(notes))

    if "messages" in row:
        return (chat(row["messages"], 0),)
    if "chosen" in row and "rejected" in row:
        prompt = list(row.get("prompt") or ())
        return chat([*prompt, *row["chosen"]], len(prompt)), chat([*prompt, *row["rejected"]], len(prompt))
    if "completion" in row and isinstance(row["completion"], str):
        return (edged(dialect, row["prompt"] + row["completion"], len(row["prompt"])),)
    if "completion" in row:
        return (chat([*row["prompt"], *row["completion"]], len(row["prompt"])),)
    if "text" in row:
        return (edged(dialect, row["text"], 0),)
    if "prompt" in row and not isinstance(row["prompt"], str):
        text, notes = written_prompt(dialect, row["prompt"], tools, kwargs)
        return (Written(text, (), tuple(notes)),)
    raise unknown_row(row)


def end_of_turn(dialect: Dialect) -> str:
    """The token that ends an answer in this dialect; "" when neither template nor tokenizer has one."""
    probe: list[Message] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    text, spans, _ = written(dialect, probe, None, [1], {})
    return ends_with_special(text[: spans[-1].end], dialect.special_tokens) if spans else dialect.eos


def trained_turns(messages: Sequence[Message], loss: str, first: int) -> list[int]:
    """The numbers of the assistant turns from `first` on that `loss` trains."""
    turns = [
        index
        for index, message in enumerate(messages)
        if index >= first and message.get("role") == "assistant" and message.get("weight") not in (0, False)
    ]
    return turns[-1:] if loss == "last" else turns


def edged(dialect: Dialect, raw: str, start: int) -> Written:
    """Raw text with begin-of-text exactly once and end-of-text at the end; trained from character `start` of `raw`."""
    notes = []
    front = dialect.bos if dialect.adds_bos else ""
    if front and raw.startswith(front):
        notes.append(Note("double_bos", f"the text already begins with {front}, so none is added"))
        front = ""
    back = "" if not dialect.eos or raw.endswith(dialect.eos) else dialect.eos
    if not dialect.eos:
        notes.append(Note("no_end_of_turn", "the tokenizer has no end-of-text token: the model cannot learn to stop"))
    text = front + raw + back
    begin = max(len(front) + start, len(dialect.bos) if starts_with_bos(dialect, text) else 0)
    return Written(text, (Span(begin, len(text), 0),), tuple(notes))


def starts_with_bos(dialect: Dialect, text: str) -> bool:
    """Whether the text already begins with the begin-of-text token."""
    return bool(dialect.bos) and text.startswith(dialect.bos)


def unknown_row(row: Mapping[str, Any]) -> RenderError:
    """The error of a row whose keys are those of no canonical row."""
    return RenderError(f"a row with the keys {', '.join(sorted(map(str, row)))} is of no known kind")
