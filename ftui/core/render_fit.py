"""Making a row fit into max_length: oldest turns go first, then the longest message's left; the answer stays whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ftui.core.render_dialect import Dialect, Encode, Message, Note
from ftui.core.render_prefixes import Span


@dataclass(frozen=True)
class Draft:
    """A row as text and tokens, before it is final. `mask` is True for trained tokens."""

    text: str
    ids: list[int]
    mask: list[bool]
    offsets: list[tuple[int, int]]
    spans: list[Span]
    notes: list[Note]


def draft_of(dialect: Dialect, text: str, spans: Sequence[Span], notes: Sequence[Note]) -> Draft:
    """The tokens of a text, those within the spans trained."""
    ids, offsets = dialect.encode(text)
    mask = [False] * len(ids)
    notes = list(notes)
    position = 0
    for span in spans:
        while position < len(ids) and offsets[position][1] <= span.start:
            position += 1
        index = position
        if index < len(ids) and text[offsets[index][0] : span.start].strip():
            notes.append(Note("boundary", "one token holds the prompt's end and the answer's beginning; it is trained"))
        while index < len(ids) and offsets[index][0] < span.end:
            mask[index] = True
            index += 1
        position = index
    return Draft(text, list(ids), mask, list(offsets), list(spans), notes)


def shorten(
    prompt: Sequence[Message], draft: Callable[[Sequence[Message], int], Draft], encode: Encode, limit: int
) -> tuple[list[Message], tuple[Note, ...]]:
    """Shorten `prompt` until `draft(prompt, messages_left_out)` has at most `limit` tokens, or nothing is left to cut.

    Leading system messages and the last user message stay; what was done is in the notes. The caller checks the
    final length.
    """
    lead = leading_system(prompt)
    system, turns = list(prompt[:lead]), list(prompt[lead:])
    notes: list[Note] = []

    def length() -> int:
        kept = [*system, *turns]
        return len(draft(kept, len(prompt) - len(kept)).ids)

    excess, removed = length() - limit, 0
    while excess > 0:
        next_user = next((i for i in range(1, len(turns)) if turns[i].get("role") == "user"), None)
        if next_user is None:
            break
        turns = turns[next_user:]
        removed += next_user
        excess = length() - limit
    if removed:
        notes.append(
            Note("turns_cut", f"the {removed} oldest messages do not fit into {limit:,} tokens and are left out")
        )
    for _ in range(16):
        if excess <= 0:
            break
        longest = max(range(len(turns)), key=lambda i: _size(turns[i]), default=None)
        if longest is None or _size(turns[longest]) == 0:
            break
        turns[longest], cut = _without_left(turns[longest], excess, encode)
        notes = [note for note in notes if note.kind != "prompt_cut"]
        notes.append(Note("prompt_cut", f"the prompt's beginning, about {cut:,} tokens, does not fit into {limit:,}"))
        excess = length() - limit
    return [*system, *turns], tuple(notes)


def cut_text(draft: Draft, start: int, end: int, note: Note) -> Draft:
    """Take tokens `start` to `end` and their characters out of a draft."""
    if start >= len(draft.ids):
        return draft
    low = draft.offsets[start][0]
    high = len(draft.text) if end >= len(draft.ids) else draft.offsets[end][0]
    gone = high - low

    def moved(position: int) -> int:
        return position if position <= low else max(low, position - gone)

    spans = [Span(moved(s.start), moved(s.end), s.message) for s in draft.spans if moved(s.end) > moved(s.start)]
    offsets = [(moved(a), moved(b)) for a, b in draft.offsets[:start] + draft.offsets[end:]]
    return Draft(
        draft.text[:low] + draft.text[high:],
        draft.ids[:start] + draft.ids[end:],
        draft.mask[:start] + draft.mask[end:],
        offsets,
        spans,
        [*draft.notes, note],
    )


def leading_system(messages: Sequence[Message]) -> int:
    """How many system or developer messages a conversation begins with."""
    count = 0
    while count < len(messages) and messages[count].get("role") in ("system", "developer"):
        count += 1
    return count


def _size(message: Message) -> int:
    content = message.get("content")
    return len(content) if isinstance(content, str) and message.get("role") != "assistant" else 0


def _without_left(message: Message, tokens: int, encode: Encode) -> tuple[Message, int]:
    content = message["content"]
    _, offsets = encode(content)
    cut = min(tokens, len(offsets))
    rest = content[offsets[cut][0] :] if cut < len(offsets) else ""
    return {**message, "content": rest}, cut
