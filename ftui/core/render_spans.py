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
from functools import lru_cache
from typing import Any

from ftui.core.render_dialect import Dialect, Message, Note, RenderError
from ftui.core.render_forms import REASONING, Form, equivalent_forms, other_call, text_of, thinking_of
from ftui.core.render_prefixes import EMPTY_THINKING, Span, attempted, span_of
from ftui.core.render_special import ends_with_special, special_at

_THOUGHT = re.compile(r"\s*</?think>\s*")

Marks = Sequence[tuple[int, int]]
"""The (start, end) of every {% generation %} block in a text."""


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
            span_of(dialect, form, text, index - shift, index, kwargs)
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
        first, last = (span_of(dialect, form, text, index, index, {}) for index in (1, 3))
        before, prompt = dialect.render(probe[:3], None, False), dialect.render(probe[:3], None, True)
    except RenderError:
        return None
    lead = prompt[len(before) :] if prompt.startswith(before) else ""
    said = text[first.start : first.end], text[last.start : last.end]
    if not lead or not special_at(dialect.special_tokens, lead.lstrip(), 0):
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
        if EMPTY_THINKING.match(content):  # whose thinking it is, only a second rendering tells
            return None
        start = text.find(lead, position) + len(lead)
        if not text.startswith(content, start) or not content:
            if empty := EMPTY_THINKING.match(text, start):
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
        if attempted(dialect, others, form.tools, add_generation_prompt, kwargs) == text:
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
