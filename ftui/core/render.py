"""How a row becomes tokens, and which are trained: one implementation for preview, lint, training and evaluation.

Pure: the chat template and the tokenizer come in as a `Dialect` of plain callables. A row that cannot be written, or
does not fit, is said so (`RenderError`, `Rendered.dropped`, `Rendered.notes`); nothing is ever cut in silence.

    chat         render_chat(dialect, messages, tools)       the assistant's turns are trained, with their end-of-turn
    completion   render_completion(dialect, prompt, answer)  raw text: the answer and the end-of-text are trained
    text         render_text(dialect, text)                  everything is trained
    preference   render_pair(dialect, row)                   two chats that share a prompt, cut to the same prompt
    KTO          render_row(dialect, row)                    a chat of which only the completion is trained
    prompt       render_prompt(dialect, messages, tools)     nothing is trained; ends where the model would go on

`render_row` picks by the row's keys (the canonical rows of `ftui.core.canonical`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ftui.core.render_dialect import Dialect, Message, Note, RenderError
from ftui.core.render_fit import Draft, cut_text, draft_of, leading_system, shorten
from ftui.core.render_prefixes import Span
from ftui.core.render_spans import before_answer, written, written_prompt
from ftui.core.render_write import (
    Written,
    edged,
    end_of_turn,
    starts_with_bos,
    trained_turns,
    unknown_row,
    write_row,
)

__all__ = [
    "Dialect", "Note", "Options", "RenderError", "Rendered", "Span", "Written", "end_of_turn", "render_chat",
    "render_completion", "render_pair", "render_prompt", "render_row", "render_text", "write_row",
]  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What to do with length and loss; the same in preview, training and evaluation.

    max_length: tokens per row; None is no limit.
    policy: a row that is too long: "keep_answer" shortens the prompt (oldest turns first, then the longest
        message from its left), "drop" leaves the row out. A text row is cut at its end.
    loss: "assistant" trains every assistant turn (a message's own `weight` 0 leaves it out), "last" only the last,
        "all" every token.
    """

    max_length: int | None = None
    policy: str = "keep_answer"
    loss: str = "assistant"


@dataclass(frozen=True)
class Rendered:
    """One row as the trainer sees it.

    text: the whole text; ids: its tokens; labels_mask: per token, whether it is trained; offsets: per token, its
    characters in `text`; spans: the trained stretches of `text`, with the number of the message each belongs to.
    total_tokens: the length before anything was cut. dropped: why the row is left out, "" when it is kept.
    """

    text: str
    ids: tuple[int, ...]
    labels_mask: tuple[bool, ...]
    offsets: tuple[tuple[int, int], ...]
    spans: tuple[Span, ...]
    notes: tuple[Note, ...]
    total_tokens: int
    dropped: str = ""

    @property
    def trained_tokens(self) -> int:
        return sum(self.labels_mask)

    @property
    def prompt_tokens(self) -> int:
        """How many tokens come before the first trained one (all of them when none is trained)."""
        return self.labels_mask.index(True) if True in self.labels_mask else len(self.ids)

    @property
    def pieces(self) -> list[tuple[str, int, bool]]:
        """Per token its characters, its id, and whether it is trained; a character in several tokens is the first's."""
        shown, last = [], (-1, -1)
        for token, offset, trained in zip(self.ids, self.offsets, self.labels_mask, strict=True):
            shown.append(("" if offset == last else self.text[offset[0] : offset[1]], token, trained))
            last = offset
        return shown

    @property
    def trained_text(self) -> tuple[str, ...]:
        return tuple(self.text[span.start : span.end] for span in self.spans)


def render_chat(
    dialect: Dialect,
    messages: Sequence[Message],
    tools: Sequence[Any] | None = None,
    options: Options = Options(),
    template_kwargs: Mapping[str, Any] | None = None,
    first_trained: int = 0,
) -> Rendered:
    """Write a conversation and mark its assistant turns; turns before `first_trained` are context only.

    Raises RenderError when the template refuses the conversation, in every form that means the same.
    """
    trained, lead = trained_turns(messages, options.loss, first_trained), leading_system(messages)

    def draft(some: Sequence[Message], skipped: int) -> Draft:
        chosen = [index - skipped for index in trained if index >= lead + skipped]
        text, spans, notes = written(dialect, some, tools, chosen, template_kwargs or {})
        if options.loss == "all":
            spans = [Span(0, len(text), -1)]
        return draft_of(dialect, text, spans, notes)

    return _fitted(dialect, messages, draft, options, first_trained)


def render_prompt(
    dialect: Dialect,
    messages: Sequence[Message],
    tools: Sequence[Any] | None = None,
    options: Options = Options(),
    template_kwargs: Mapping[str, Any] | None = None,
    like: Message | None = None,
) -> Rendered:
    """Write a conversation up to where the model goes on; nothing is trained. For generation and for RL prompts.

    like: an answer of the kind that is wanted. The prompt then ends where that answer would begin in training: a
    template that thinks writes an empty thought in front of an answer without reasoning, and a model that has learned
    to answer behind it must be asked with it, or it begins to think.
    """

    def draft(some: Sequence[Message], skipped: int) -> Draft:
        text, notes = written_prompt(dialect, some, tools, template_kwargs or {})
        if like is not None:
            text = before_answer(dialect, some, tools, like, template_kwargs or {}, text)
        return draft_of(dialect, text, [], notes)

    return _fitted(dialect, messages, draft, options, len(messages))


def render_completion(dialect: Dialect, prompt: str, completion: str, options: Options = Options()) -> Rendered:
    """Write prompt and answer as they stand, with the end-of-text token after the answer; no chat template."""
    start = 0 if options.loss == "all" else len(prompt)
    raw = prompt + completion
    draft = _with_edges(dialect, raw, start)
    limit = options.max_length
    if limit is None or len(draft.ids) <= limit:
        return _done(draft, len(draft.ids))
    if options.policy == "drop":
        return _done(draft, len(draft.ids), dropped=_too_long(len(draft.ids), limit))
    excess, bos_tokens = len(draft.ids) - limit, 1 if starts_with_bos(dialect, draft.text) else 0
    prompt_tokens = draft.mask.index(True) if True in draft.mask else len(draft.ids)
    if options.loss == "all" or excess >= prompt_tokens - bos_tokens:
        return _done(draft, len(draft.ids), dropped=_answer_too_long(len(draft.ids) - prompt_tokens, limit))
    note = Note("prompt_cut", f"the first {excess:,} tokens of the prompt do not fit into {limit:,}")
    return _done(cut_text(draft, bos_tokens, bos_tokens + excess, note), len(draft.ids))


def render_text(dialect: Dialect, text: str, options: Options = Options()) -> Rendered:
    """Write a text as it stands between begin-of-text and end-of-text, all trained; too long: cut at its end."""
    draft = _with_edges(dialect, text, 0)
    limit, total = options.max_length, len(draft.ids)
    if limit is None or total <= limit:
        return _done(draft, total)
    if options.policy == "drop":
        return _done(draft, total, dropped=_too_long(total, limit))
    note = Note("text_cut", f"the last {total - limit:,} of {total:,} tokens do not fit into {limit:,}")
    return _done(cut_text(draft, limit, total, note), total)


def render_pair(dialect: Dialect, row: Mapping[str, Any], options: Options = Options()) -> tuple[Rendered, Rendered]:
    """Write both sides of a preference row after one and the same prompt: what is cut for one is cut for the other.

    Either side being left out leaves out the row; both then carry the reason.
    """
    prompt, tools = list(row.get("prompt") or ()), row.get("tools")
    kwargs = row.get("chat_template_kwargs")
    sides = [list(row["chosen"]), list(row["rejected"])]
    free = replace(options, max_length=None)
    whole = [render_chat(dialect, [*prompt, *side], tools, free, kwargs, len(prompt)) for side in sides]
    limit = options.max_length
    longest = max(len(side.ids) for side in whole)
    if limit is None or longest <= limit:
        return whole[0], whole[1]
    if options.policy == "keep_answer":
        long = 0 if len(whole[0].ids) == longest else 1
        kept, notes = shorten(
            prompt,
            lambda some, _: _cut_to(dialect, some, sides[long], tools, kwargs, free),
            dialect.encode,
            limit,
        )
        cut = [render_chat(dialect, [*kept, *side], tools, free, kwargs, len(kept)) for side in sides]
        if all(len(side.ids) <= limit for side in cut):
            pair = [
                replace(side, notes=side.notes + notes, total_tokens=before.total_tokens)
                for side, before in zip(cut, whole, strict=True)
            ]
            return pair[0], pair[1]
        reason = f"with its prompt cut as far as it goes, the longer answer still does not fit into {limit:,} tokens"
    else:
        reason = _too_long(longest, limit)
    return replace(whole[0], dropped=reason), replace(whole[1], dropped=reason)


def render_row(dialect: Dialect, row: Mapping[str, Any], options: Options = Options()) -> tuple[Rendered, ...]:
    """Write any canonical row: two results for a preference pair, otherwise one. RenderError for an unknown row."""
    tools, kwargs = row.get("tools"), row.get("chat_template_kwargs")
    if "messages" in row:
        return (render_chat(dialect, row["messages"], tools, options, kwargs),)
    if "chosen" in row and "rejected" in row:
        return render_pair(dialect, row, options)
    if "completion" in row and isinstance(row["completion"], str):
        return (render_completion(dialect, row["prompt"], row["completion"], options),)
    if "completion" in row:
        prompt = list(row["prompt"])
        both = [*prompt, *row["completion"]]
        return (render_chat(dialect, both, tools, options, kwargs, len(prompt)),)
    if "text" in row:
        return (render_text(dialect, row["text"], options),)
    if "prompt" in row and not isinstance(row["prompt"], str):
        return (render_prompt(dialect, row["prompt"], tools, options, kwargs),)
    raise unknown_row(row)


def _with_edges(dialect: Dialect, raw: str, start: int) -> Draft:
    made = edged(dialect, raw, start)
    return draft_of(dialect, made.text, made.spans, made.notes)


def _fitted(dialect: Dialect, messages: Sequence[Message], draft: Any, options: Options, answer: int) -> Rendered:
    whole = draft(messages, 0)
    limit, total = options.max_length, len(whole.ids)
    if limit is None or total <= limit:
        return _done(whole, total)
    if options.policy == "drop":
        return _done(whole, total, dropped=_too_long(total, limit))
    keep_from = _answer_from(messages, answer)
    tail = list(messages[keep_from:])

    def again(some: Sequence[Message], skipped: int) -> Draft:
        made: Draft = draft([*some, *tail], skipped)
        return made

    kept, notes = shorten(messages[:keep_from], again, dialect.encode, limit)
    cut = again(kept, keep_from - len(kept))
    if len(cut.ids) > limit:
        return _done(whole, total, dropped=_answer_too_long(sum(whole.mask), limit))
    return _done(replace(cut, notes=[*cut.notes, *notes]), total)


def _answer_from(messages: Sequence[Message], answer: int) -> int:
    """Where the part begins that is never cut: the turns after the last user message, or after the prompt."""
    if answer:
        return answer
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            return index + 1
    return 0


def _cut_to(
    dialect: Dialect, some: Sequence[Message], side: list[Message], tools: Any, kwargs: Any, options: Options
) -> Draft:
    made = render_chat(dialect, [*some, *side], tools, options, kwargs, len(some))
    return Draft(made.text, list(made.ids), list(made.labels_mask), list(made.offsets), list(made.spans), [])


def _done(draft: Draft, total: int, dropped: str = "") -> Rendered:
    return Rendered(
        draft.text, tuple(draft.ids), tuple(draft.mask), tuple(draft.offsets), tuple(draft.spans),
        tuple(draft.notes), total, dropped,
    )  # fmt: skip


def _too_long(total: int, limit: int) -> str:
    return f"{total:,} tokens do not fit into {limit:,}"


def _answer_too_long(answer: int, limit: int) -> str:
    return f"the answer alone, {answer:,} tokens with its frame, leaves no room for a prompt within {limit:,}"
