"""Where the answers are in a rendered conversation, found without trusting the template.

The prompt of turn i is the rendering of the messages before it, with the generation prompt: what follows it is what the
model has to write. Its end is where the rendering of the messages up to it ends. Templates that rewrite earlier turns
(thinking taken out, tools moved to the last question) break these prefixes; then the turn is found by rendering the
conversation with that turn's words replaced, and looking at where the two texts differ.

Generation markers, where a template has them, can only narrow a turn: some mark the header too, or leave out the
end-of-turn, and neither is what the model should learn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ftui.core.render_dialect import Dialect, Message, Note, RenderError
from ftui.core.render_forms import REASONING, Form, equivalent_forms, other_call, other_words, text_of, thinking_of

# An empty thinking block that a template writes by itself in front of an answer without reasoning.
_EMPTY_THINKING = re.compile(r"\s*(?:<think>)?\s*</think>\s*")
_THOUGHT = re.compile(r"\s*</?think>\s*")

Marks = Sequence[tuple[int, int]]
"""The (start, end) of every {% generation %} block in a text."""


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a rendered text are trained; they belong to message number `message`."""

    start: int
    end: int
    message: int


def written(
    dialect: Dialect, messages: Sequence[Message], tools: Any, trained: Sequence[int], kwargs: Mapping[str, Any]
) -> tuple[str, list[Span], list[Note]]:
    """Render a conversation and find the trained span of every message number in `trained`, in order.

    Raises RenderError when the template refuses every equivalent form, or a turn cannot be found in its text.
    """
    forms = equivalent_forms(messages, tools)
    text, form, shift, notes, marks = _first_faithful(dialect, forms, add_generation_prompt=False, kwargs=kwargs)
    if any(note.kind == "calls_dropped" for note in notes):
        for number in trained:
            turn = form.messages[number - shift] if 0 <= number - shift < len(form.messages) else {}
            if turn.get("tool_calls") and not text_of(turn).strip():
                raise RenderError(
                    f"the template does not write tool calls, so message {number + 1} would teach an empty answer"
                )
    # What a row's own arguments (enable_thinking=False, say) change around answers, only its own prefixes show.
    spans = None if kwargs else _quick_spans(dialect, form, text, trained, shift)
    if spans is None:
        spans = [
            _span(dialect, form, text, index - shift, index, kwargs)
            for index in trained
            if 0 <= index - shift < len(form.messages)
        ]
    if dialect.render_spans is not None and spans:
        marks = _marks(dialect, form, text, kwargs) if marks is None else marks
        spans = spans if marks is None else _narrowed(spans, marks, notes)
    return _closed(dialect, form, text, spans, shift, notes)


@lru_cache(maxsize=8)
def _frame(dialect: Dialect) -> tuple[str, str, str] | None:
    """What a template writes around answers: the generation prompt, the end of an earlier turn, the end of the last.

    None when that is not the same everywhere, or when the generation prompt has no control token to know it by.
    """
    probe: list[Message] = [
        {"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"}, {"role": "assistant", "content": "four"},
    ]  # fmt: skip
    try:
        text = dialect.render(probe, None, False)
        form = Form(tuple(probe), None)
        first, last = (_span(dialect, form, text, index, index, {}) for index in (1, 3))
        before, prompt = dialect.render(probe[:3], None, False), dialect.render(probe[:3], None, True)
    except RenderError:
        return None
    lead = prompt[len(before) :] if prompt.startswith(before) else ""
    said = text[first.start : first.end], text[last.start : last.end]
    if not lead or not _special_at(dialect.special_tokens, lead.lstrip(), 0):
        return None
    if not (said[0].startswith("two") and said[1].startswith("four")) or text.count(lead) != 2:
        return None
    return lead, said[0][3:], said[1][4:]


def _quick_spans(dialect: Dialect, form: Form, text: str, trained: Sequence[int], shift: int) -> list[Span] | None:
    """The spans without another rendering, where each answer stands literally between the frame's known pieces.

    None when a single condition does not hold: as many generation prompts as answers, each followed by its answer
    and that by its end. Then the spans are what prefix rendering would give.
    """
    if (frame := _frame(dialect)) is None:
        return None
    lead, end, last_end = frame
    answers = [index for index, message in enumerate(form.messages) if message.get("role") == "assistant"]
    if not answers or text.count(lead) != len(answers):
        return None
    spans: list[Span] = []
    position = 0
    for index in answers:
        message = form.messages[index]
        content = message.get("content")
        if message.get("tool_calls") or not isinstance(content, str) or "reasoning_content" in message:
            return None
        if _EMPTY_THINKING.match(content):  # whose thinking it is, only a second rendering tells
            return None
        start = text.find(lead, position) + len(lead)
        if not text.startswith(content, start) or not content:
            if empty := _EMPTY_THINKING.match(text, start):
                start = empty.end()
            content = content.strip()
            if not content or not text.startswith(content, start):
                return None
        tail = last_end if index == len(form.messages) - 1 else end
        position = start + len(content) + len(tail)
        if not text.startswith(tail, start + len(content)):
            return None
        if index + shift in trained:
            spans.append(Span(start, position, index + shift))
    return spans


def written_prompt(
    dialect: Dialect, messages: Sequence[Message], tools: Any, kwargs: Mapping[str, Any]
) -> tuple[str, list[Note]]:
    """Render a conversation up to the point where the model goes on."""
    text, _, _, notes, _ = _first_faithful(
        dialect, equivalent_forms(messages, tools), add_generation_prompt=True, kwargs=kwargs
    )
    return _single_bos(dialect, text, [], notes)[0], notes


def before_answer(
    dialect: Dialect, messages: Sequence[Message], tools: Any, like: Message, kwargs: Mapping[str, Any], prompt: str
) -> str:
    """What stands before an answer like this one where it is trained; `prompt` where that differs by more than thought.

    prompt: what `written_prompt` gives for these messages.
    """
    answer = {key: value for key, value in like.items() if key in ("role", "content", *REASONING) and value}
    try:
        text, spans, _ = written(
            dialect, [*messages, {"role": "assistant", "content": "a", **answer}], tools, [len(messages)], kwargs
        )
    except RenderError:
        return prompt
    before = text[: spans[-1].start] if spans else prompt
    bare = [_THOUGHT.sub("", some).rstrip() for some in (before, prompt)]
    return before if bare[0] == bare[1] else prompt


def ends_with_special(text: str, specials: frozenset[str]) -> str:
    """The special token that `text` ends with, or ""."""
    return next((text[-n:] for n in _lengths(specials) if text[-n:] in specials), "")


def _first_faithful(
    dialect: Dialect, forms: Iterator[Form], add_generation_prompt: bool, kwargs: Mapping[str, Any]
) -> tuple[str, Form, int, list[Note], Marks | None]:
    """The text, its form, how much lower the form numbers messages, what was lost, and the marks if they came along."""
    error: RenderError | None = None
    best: tuple[int, str, Form, list[Note], Marks | None] | None = None
    marked = dialect.render_spans if dialect.marks_in_place and not add_generation_prompt else None
    for form in forms:
        marks: Marks | None = None
        try:
            if marked is not None:
                text, marks = marked(form.messages, form.tools, **kwargs)
            else:
                text = dialect.render(form.messages, form.tools, add_generation_prompt, **kwargs)
        except RenderError as refusal:
            error = error or refusal
            continue
        lost = _lost(dialect, form, text, add_generation_prompt, kwargs)
        if best is None or len(lost) < best[0]:
            best = len(lost), text, form, lost, marks
        if not lost:
            break
    if best is None:
        raise error or RenderError("there is nothing to write")
    _, text, form, notes, marks = best
    if form.merged:
        notes.append(Note("system_merged", "the template has no system role: its text goes into the first user turn"))
    notes += _lost_thinking(form, text)
    return text, form, int(form.merged), notes, marks


def _lost(
    dialect: Dialect, form: Form, text: str, add_generation_prompt: bool, kwargs: Mapping[str, Any]
) -> list[Note]:
    """What the template left out of `text` that another form of the same conversation might bring in."""
    lost = []
    calls = False
    for number, message in enumerate(form.messages, 1):
        role = message.get("role")
        calls = calls or bool(message.get("tool_calls"))
        if role in ("system", "developer") and text_of(message).strip() not in text:
            lost.append(Note("system_dropped", "the template leaves the system message out"))
        elif role in ("user", "assistant") and text_of(message).rpartition("</think>")[2].strip() not in text:
            lost.append(Note("content_dropped", f"the template leaves out or changes the text of message {number}"))
    if calls:
        others = [
            {**m, "tool_calls": [other_call(c) for c in m["tool_calls"]]} if m.get("tool_calls") else m
            for m in form.messages
        ]
        if _try(dialect, others, form.tools, add_generation_prompt, kwargs) == text:
            lost.append(Note("calls_dropped", "the template does not write tool calls"))
    return lost


def _lost_thinking(form: Form, text: str) -> list[Note]:
    numbers = [
        str(number)
        for number, message in enumerate(form.messages, 1)
        if (thinking := thinking_of(message)) and thinking not in text
    ]
    if not numbers:
        return []
    return [Note("thinking_dropped", f"the template leaves out the reasoning of message {', '.join(numbers)}")]


def _span(dialect: Dialect, form: Form, text: str, index: int, number: int, kwargs: Mapping[str, Any]) -> Span:
    """The span in `text` of message `index` of the form."""
    before, upto = form.messages[:index], form.messages[: index + 1]
    prompt = _try(dialect, before, form.tools, True, kwargs) if before else None
    whole = text if len(upto) == len(form.messages) else _try(dialect, upto, form.tools, False, kwargs)
    start = len(prompt) if prompt is not None and text.startswith(prompt) else None
    if start is not None and whole is not None and text.startswith(whole) and len(whole) >= start:
        end = len(whole)
    else:
        low, high = _differing(dialect, form, text, index, kwargs)
        if start is None or start > low:
            start = _header_end(dialect, text, prompt, low)
        end = high + _shared_tail(dialect, form, upto, text[high:], whole, index, kwargs)
    if empty := _EMPTY_THINKING.match(text, start, end):
        start = empty.end()
    return Span(start, _with_end_of_turn(dialect, text, start, end), number)


def _try(
    dialect: Dialect, messages: Sequence[Message], tools: Any, prompt: bool, kwargs: Mapping[str, Any]
) -> str | None:
    try:
        return dialect.render(messages, tools, prompt, **kwargs)
    except RenderError:
        return None


def _differing(dialect: Dialect, form: Form, text: str, index: int, kwargs: Mapping[str, Any]) -> tuple[int, int]:
    """Where `text` changes when message `index` says something else: from its first to its last own character."""
    messages = list(form.messages)
    messages[index] = other_words(messages[index])
    other = _try(dialect, messages, form.tools, False, kwargs)
    if other is None or other == text:
        content = text_of(form.messages[index]).strip()
        start = text.rfind(content) if content else -1
        if start < 0:
            raise RenderError(f"the template does not write message {index + 1}, so it cannot be trained")
        return start, start + len(content)
    low = _common(text, other)
    return low, len(text) - _common(text[low:][::-1], other[low:][::-1])


def _header_end(dialect: Dialect, text: str, prompt: str | None, low: int) -> int:
    """The end of the turn's header in `text`, at or before `low`, when the prompt is not a prefix of the text."""
    if prompt is None:
        return low
    shared = _common(prompt, text[:low])
    while shared and _inside_special(dialect, text, shared):
        shared -= 1
    header = _last_piece(dialect, prompt)
    if header and shared >= len(prompt) - len(header) + len(_special_at(dialect.special_tokens, header, 0)):
        # The generation prompt only goes on differently behind its last token: with an opened <think>, say.
        return shared
    found = text.rfind(header, 0, low) if header else -1
    return low if found < 0 else found + len(header)


def _last_piece(dialect: Dialect, prompt: str) -> str:
    """The prompt from its last special token on: "[/INST]", or "<|im_start|>assistant" and a line break."""
    for position in range(len(prompt) - 1, max(-1, len(prompt) - 200), -1):
        if _special_at(dialect.special_tokens, prompt, position):
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
    shared = _common(tail, whole[high:])
    while shared and _inside_special(dialect, tail, shared):
        shared -= 1
    return shared


def _with_end_of_turn(dialect: Dialect, text: str, start: int, end: int) -> int:
    """Leave out the line break after the end-of-turn; take in an end-of-turn that stands just after `end`."""
    specials = dialect.special_tokens
    bare = len(text[:end].rstrip())
    if bare > start and ends_with_special(text[:bare][-_longest(specials) :], specials):
        return bare
    after = end
    while after < len(text) and text[after].isspace():
        after += 1
    closing = _special_at(specials, text, after)
    return after + len(closing) if closing else end


def _marks(dialect: Dialect, form: Form, text: str, kwargs: Mapping[str, Any]) -> Marks | None:
    """The template's generation markers in `text`; None when it writes another text with them."""
    assert dialect.render_spans is not None
    try:
        marked_text, marks = dialect.render_spans(form.messages, form.tools, **kwargs)
    except RenderError:
        return None
    return marks if marked_text == text else None


def _narrowed(spans: list[Span], marks: Marks, notes: list[Note]) -> list[Span]:
    """Cut spans to the template's generation markers, and keep the end-of-turn in any case."""
    narrowed = []
    for span in spans:
        inside = [(max(a, span.start), min(b, span.end)) for a, b in marks if a < span.end and b > span.start]
        if not inside:
            notes.append(
                Note("markers_missed", "the template's generation markers miss an answer; ftui marks it by itself")
            )
            narrowed.append(span)
            continue
        narrowed.append(Span(inside[0][0], span.end, span.message))
    return narrowed


def _closed(
    dialect: Dialect, form: Form, text: str, spans: list[Span], shift: int, notes: list[Note]
) -> tuple[str, list[Span], list[Note]]:
    """Make sure that a final answer ends with a token that says so, and that begin-of-text is there once."""
    if spans and spans[-1].message - shift == len(form.messages) - 1:
        last = spans[-1]
        if not ends_with_special(text[last.start : last.end], dialect.special_tokens):
            if dialect.eos:
                text = text[: last.end] + dialect.eos
                spans = [*spans[:-1], Span(last.start, len(text), last.message)]
                notes.append(
                    Note("eos_appended", f"the template does not end an answer; {dialect.eos} is added and trained")
                )
            else:
                notes.append(
                    Note("no_end_of_turn", "neither template nor tokenizer ends an answer: the model cannot stop")
                )
    text, spans = _single_bos(dialect, text, spans, notes)
    return text, spans, notes


def _single_bos(dialect: Dialect, text: str, spans: list[Span], notes: list[Note]) -> tuple[str, list[Span]]:
    size = len(dialect.bos)
    while size and text.startswith(dialect.bos * 2):
        text = text[size:]
        spans = [Span(span.start - size, span.end - size, span.message) for span in spans]
        notes.append(Note("double_bos", f"{dialect.bos} stood twice at the beginning; one is left out"))
    return text, spans


def _common(one: str, other: str) -> int:
    """The length of the common beginning of two texts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@lru_cache(maxsize=8)
def _lengths(specials: frozenset[str]) -> tuple[int, ...]:
    return tuple(sorted({len(token) for token in specials if token}, reverse=True))


def _longest(specials: frozenset[str]) -> int:
    return max(_lengths(specials), default=1)


def _special_at(specials: frozenset[str], text: str, position: int) -> str:
    return next(
        (text[position : position + n] for n in _lengths(specials) if text[position : position + n] in specials), ""
    )


def _inside_special(dialect: Dialect, text: str, cut: int) -> bool:
    """Whether `cut` falls inside a special token of `text`."""
    specials = dialect.special_tokens
    for start in range(max(0, cut - _longest(specials)), cut):
        if start + len(_special_at(specials, text, start)) > cut:
            return True
    return False
