"""Where one answer is in a rendered text, found by rendering the conversation up to it, or with other words in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.core.render_dialect import Dialect, Message, RenderError
from ftui.core.render_forms import Form, other_words, text_of
from ftui.core.render_special import common, ends_with_special, inside_special, longest, special_at

# An empty thinking block that a template writes by itself in front of an answer without reasoning.
EMPTY_THINKING = re.compile(r"\s*(?:<think>)?\s*</think>\s*")


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a rendered text are trained; they belong to message number `message`."""

    start: int
    end: int
    message: int


def span_of(dialect: Dialect, form: Form, text: str, index: int, number: int, kwargs: Mapping[str, Any]) -> Span:
    """The span in `text` of message `index` of the form."""
    before, upto = form.messages[:index], form.messages[: index + 1]
    prompt = attempted(dialect, before, form.tools, True, kwargs) if before else None
    whole = text if len(upto) == len(form.messages) else attempted(dialect, upto, form.tools, False, kwargs)
    start = len(prompt) if prompt is not None and text.startswith(prompt) else None
    if start is not None and whole is not None and text.startswith(whole) and len(whole) >= start:
        end = len(whole)
    else:
        low, high = _differing(dialect, form, text, index, kwargs)
        if start is None or start > low:
            start = _header_end(dialect, text, prompt, low)
        end = high + _shared_tail(dialect, form, upto, text[high:], whole, index, kwargs)
    if empty := EMPTY_THINKING.match(text, start, end):
        start = empty.end()
    return Span(start, _with_end_of_turn(dialect, text, start, end), number)


def attempted(
    dialect: Dialect, messages: Sequence[Message], tools: Any, prompt: bool, kwargs: Mapping[str, Any]
) -> str | None:
    """The conversation as the template writes it, None where the template refuses it."""
    try:
        return dialect.render(messages, tools, prompt, **kwargs)
    except RenderError:
        return None


def _differing(dialect: Dialect, form: Form, text: str, index: int, kwargs: Mapping[str, Any]) -> tuple[int, int]:
    """Where `text` changes when message `index` says something else: from its first to its last own character."""
    messages = list(form.messages)
    messages[index] = other_words(messages[index])
    other = attempted(dialect, messages, form.tools, False, kwargs)
    if other is None or other == text:
        content = text_of(form.messages[index]).strip()
        start = text.rfind(content) if content else -1
        if start < 0:
            raise RenderError(f"the template does not write message {index + 1}, so it cannot be trained")
        return start, start + len(content)
    low = common(text, other)
    return low, len(text) - common(text[low:][::-1], other[low:][::-1])


def _header_end(dialect: Dialect, text: str, prompt: str | None, low: int) -> int:
    """The end of the turn's header in `text`, at or before `low`, when the prompt is not a prefix of the text."""
    if prompt is None:
        return low
    shared = common(prompt, text[:low])
    while shared and inside_special(dialect, text, shared):
        shared -= 1
    header = _last_piece(dialect, prompt)
    if header and shared >= len(prompt) - len(header) + len(special_at(dialect.special_tokens, header, 0)):
        # The generation prompt only goes on differently behind its last token: with an opened <think>, say.
        return shared
    found = text.rfind(header, 0, low) if header else -1
    return low if found < 0 else found + len(header)


def _last_piece(dialect: Dialect, prompt: str) -> str:
    """The prompt from its last special token on: "[/INST]", or "<|im_start|>assistant" and a line break."""
    for position in range(len(prompt) - 1, max(-1, len(prompt) - 200), -1):
        if special_at(dialect.special_tokens, prompt, position):
            return prompt[position:]
    return ""


def _shared_tail(
    dialect: Dialect,
    form: Form,
    upto: Sequence[Message],
    tail: str,
    whole: str | None,
    index: int,
    kwargs: Mapping[str, Any],
) -> int:
    """How much of `tail`, the text after the turn's own characters, the template writes for the turn itself."""
    if whole is None:
        return 0
    if len(upto) == len(form.messages):
        return len(tail)
    alone = Form(tuple(upto), form.tools)
    _, high = _differing(dialect, alone, whole, index, kwargs)
    shared = common(tail, whole[high:])
    while shared and inside_special(dialect, tail, shared):
        shared -= 1
    return shared


def _with_end_of_turn(dialect: Dialect, text: str, start: int, end: int) -> int:
    """Leave out the line break after the end-of-turn; take in an end-of-turn that stands just after `end`."""
    specials = dialect.special_tokens
    bare = len(text[:end].rstrip())
    if bare > start and ends_with_special(text[:bare][-longest(specials) :], specials):
        return bare
    after = end
    while after < len(text) and text[after].isspace():
        after += 1
    closing = special_at(specials, text, after)
    return after + len(closing) if closing else end
