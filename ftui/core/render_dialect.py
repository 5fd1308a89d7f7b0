"""The model's side of rendering, injected: its chat template and its tokenizer as plain callables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Message = Mapping[str, Any]


class RenderError(Exception):
    """The template refuses a conversation. The text is the template's own, for people; it is data, not ours."""


HALF_A_PAIR = "it holds half of a surrogate pair, which no tokenizer can encode (ENC106: `ftui lint --fix` replaces it)"
"""Why a row cannot be encoded, where the tokenizer will not take its text."""


@dataclass(frozen=True)
class Note:
    """Something about a row that a person should know.

    kind: system_merged, system_dropped, calls_dropped, content_dropped, thinking_dropped, eos_appended, no_end_of_turn,
    double_bos, boundary, markers_missed, turns_cut, prompt_cut, text_cut.
    """

    kind: str
    message: str


class Render(Protocol):
    """Write a conversation with the chat template. Raises RenderError when the template does, whatever it raised."""

    def __call__(
        self, messages: Sequence[Message], tools: Sequence[Any] | None, add_generation_prompt: bool, **kwargs: Any
    ) -> str: ...


class RenderSpans(Protocol):
    """As Render, with the (start, end) of every {% generation %} block in the text."""

    def __call__(
        self, messages: Sequence[Message], tools: Sequence[Any] | None, **kwargs: Any
    ) -> tuple[str, Sequence[tuple[int, int]]]: ...


Encode = Callable[[str], tuple[Sequence[int], Sequence[tuple[int, int]]]]
"""Text to token ids and their (start, end) characters; adds no token of its own, reads special tokens in the text."""


@dataclass(frozen=True)
class Dialect:
    """One model's way of writing.

    bos, eos: the tokens' texts, "" where the tokenizer has none. adds_bos: the tokenizer itself puts bos in front of a
    raw text (a chat template writes its own). special_tokens: all texts that the tokenizer reads as one control token.
    render_spans: only where the template has {% generation %} markers; None means ftui finds the answers by itself.
    marks_in_place: render_spans is known to write the very text of render, so that one rendering gives text and marks.
    """

    render: Render
    encode: Encode
    bos: str = ""
    eos: str = ""
    adds_bos: bool = False
    special_tokens: frozenset[str] = frozenset()
    render_spans: RenderSpans | None = None
    marks_in_place: bool = False
