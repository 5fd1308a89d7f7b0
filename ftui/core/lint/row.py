"""What a rule sees of a row: its turns, and short stand-ins for quick searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftui.core.formats import Format
from ftui.core.secrets import marks_of


class Turn:
    """One text of a row with its place: a chat message, or a column of a flat row.

    role: "system", "user", "assistant" or "tool" after synonyms (human, gpt, bot ...) were resolved; "text" for a plain
    text row; the role as written, where it is no known one; "" where there is none.
    text: the content ("" where it is null or no string; the text parts joined where it is a list of parts).
    pointer: JSON Pointer of the content within the row as read ("/messages/0/content", "/conversations/3/value",
    "/instruction"). message: the message object as read, or None for a column.
    """

    __slots__ = ("message", "pointer", "role", "text")

    def __init__(self, role: str, text: str, pointer: str, message: dict[str, Any] | None = None) -> None:
        self.role = role
        self.text = text
        self.pointer = pointer
        self.message = message

    def __repr__(self) -> str:
        return f"Turn({self.role!r}, {self.text!r}, {self.pointer!r})"


ORDINARY = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?'\"\n"
"""What `Row.signs` leaves out of `Row.marks`."""


class Row:
    """One row as rules see it.

    index: 0-based row (within the stretch of the file that is being read; the engine corrects findings later).
    line: 1-based physical line or None. data: the row as read. format: which format it has.
    turns: what one training example is made of, in order: chat messages; prompt then answer; prompt, then the chosen
    side of a preference pair; prompt then completion of KTO; the prompt of a prompt-only row; one "text" turn.
    answer_start: index in `turns` where the answer begins for formats with a prompt and an answer (completion, Alpaca,
    preference, KTO, stepwise); for chat the index of the first assistant turn; len(turns) for prompt-only.
    rejected: the rejected side of a pair, else empty. For pairs with implicit prompt the common leading turns are the
    prompt, so a pair whose prompts differ has more than one turn left on a side.
    tools: the row's `tools` as read (list, or a string that holds JSON), or None. label: KTO label or stepwise labels
    as read. conversation: True where the row is made of messages with roles, so that rules about turn order apply.
    marks: `joined` as UTF-8 without lower-case letters and spaces: short, so a search in it costs little. What is left
    keeps its order: "AKIA" or "<|" of the text is found in it; of "sk-ab1" it keeps "-1".
    signs: `marks` without capitals, digits, line ends, ordinary punctuation: empty for most prose in ASCII. Brackets,
    operators, control bytes and every byte beyond ASCII are in it.
    plain: True where the row is nothing but messages, each with one of the roles system, user and assistant and a text:
    most rows are, and rules about keys, types, roles and tools can pass them by. False says nothing.
    tidy: True where the row is plain, and no text is empty or begins or ends with white space. False says nothing.
    """

    __slots__ = (
        "_lower",
        "answer_start",
        "conversation",
        "data",
        "format",
        "index",
        "joined",
        "label",
        "line",
        "marks",
        "plain",
        "rejected",
        "signs",
        "tidy",
        "tools",
        "turns",
    )

    def __init__(
        self,
        index: int,
        line: int | None,
        data: dict[str, Any],
        format: Format,
        turns: list[Turn],
        answer_start: int,
        rejected: Sequence[Turn] = (),
        tools: Any = None,
        label: Any = None,
        conversation: bool = False,
    ) -> None:
        self.index = index
        self.line = line
        self.data = data
        self.format = format
        self.turns = turns
        self.answer_start = answer_start
        self.rejected = rejected
        self.tools = tools
        self.label = label
        self.conversation = conversation
        texts = [turn.text for turn in turns]
        if rejected:
            texts += [turn.text for turn in rejected]
        self.joined = "\n".join(texts)
        self._lower: str | None = None
        self.marks = marks_of(self.joined)
        self.signs = self.marks.translate(None, ORDINARY)
        self.plain = self.tidy = False

    @property
    def lower(self) -> str:
        """`joined` in lower case, made once."""
        if self._lower is None:
            self._lower = self.joined.lower()
        return self._lower

    @property
    def prompt(self) -> list[Turn]:
        return self.turns[: self.answer_start]

    @property
    def answers(self) -> list[Turn]:
        """The turns that training teaches: assistant turns, or the text of a plain text row."""
        return [turn for turn in self.turns if turn.role in ("assistant", "text")]
