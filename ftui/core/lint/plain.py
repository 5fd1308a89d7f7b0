"""Runs of plain rows, looked at together.

Most rows of most files are messages with a role and a text and nothing else, in ordinary prose, of which hardly a rule
has anything to say. What can be asked of a hundred such rows in one step costs a fraction of asking each: so a family
may have `check_plain(run, report, totals, context)` beside `check`. It asks the run which rows are worth a closer look,
gives those to its own `check`, and counts the others. It must find and count what `check` does, row by row.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from ftui.core.formats import Format
from ftui.core.lint.model import Context, Reporter
from ftui.core.lint.row import ORDINARY, Row, Turn
from ftui.core.secrets import marks_of

PLAIN_CHAT = Format("chat", "chat", (("messages", "messages"),))
MAX_MESSAGES = 64
_PLACES = tuple(f"/messages/{index}/content" for index in range(MAX_MESSAGES))
_ROLES = ("system", "user", "assistant")
_LABELS = re.compile(rb"[A-Z]:|##")
Check = Callable[[Row, Reporter, Any, Context], None]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the roles of a plain row tell.

    start: index of the first answer, the number of messages where there is none. answers: index of each answer with
    those of the prompts before it: the user messages that stand together last. asked: indices of all user messages.
    one_answer: the first answer is the last message. system_first: a system message stands before others.
    """

    roles: tuple[str, ...]
    start: int
    answers: tuple[tuple[int, tuple[int, ...]], ...]
    asked: tuple[int, ...]
    one_answer: bool
    system_first: bool


_SHAPES: dict[tuple[str, ...], Shape] = {}
_MAX_SHAPES = 4096


def _shape(roles: tuple[Any, ...]) -> Shape | None:
    """The shape of these roles; None where one of them is not of a plain row."""
    if not 0 < len(roles) <= MAX_MESSAGES or not all(type(role) is str and role in _ROLES for role in roles):
        return None
    answers: list[tuple[int, tuple[int, ...]]] = []
    prompt: tuple[int, ...] = ()
    for place, role in enumerate(roles):
        if role == "user":
            prompt = (*prompt, place) if place and roles[place - 1] == "user" else (place,)
        elif role == "assistant":
            answers.append((place, prompt))
    start = answers[0][0] if answers else len(roles)
    asked = tuple(place for place, role in enumerate(roles) if role == "user")
    one_answer, system_first = start == len(roles) - 1, len(roles) > 1 and roles[0] == "system"
    shape = Shape(roles, start, tuple(answers), asked, one_answer, system_first)
    if len(_SHAPES) < _MAX_SHAPES:
        _SHAPES[roles] = shape
    return shape


def plain_parts(data: Mapping[str, Any]) -> tuple[Shape, list[str], str] | None:
    """The shape, the texts, and the texts joined by line ends of `{"messages": [{"role", "content"}, ...]}` with known
    roles and texts; None when the row is not just that. It runs for every row, so it tries before it looks."""
    messages = data.get("messages")
    if type(messages) is not list or len(data) != 1:
        return None
    try:
        roles = tuple([message["role"] for message in messages])
        shape = _SHAPES.get(roles) or _shape(roles)
        if shape is None or sum(map(len, messages)) != 2 * len(messages):
            return None
        texts = [message["content"] for message in messages]
        return shape, texts, "\n".join(texts)
    except (KeyError, TypeError):
        return None


PlainRecord = tuple[int | None, dict[str, Any], Shape, list[str], str]
"""The line of a plain row, the row, and what `plain_parts` gives of it."""


class PlainRun:
    """Consecutive plain rows, column by column; the n-th of each list is of row `first` + n of the file.

    joined, marks, signs: as in `Row`. No text may have a NUL in it: see `plain_run`.
    """

    def __init__(self, first: int, records: Sequence[PlainRecord]) -> None:
        self.first = first
        self.records = records
        self.shapes: Sequence[Shape]
        self.texts: Sequence[list[str]]
        self.joined: Sequence[str]
        _, _, self.shapes, self.texts, self.joined = zip(*records, strict=True)
        self._all_marks = marks_of("\0".join(self.joined))
        self._ends: list[int] = []
        self._rows: dict[int, Row] = {}
        self.marks = self._all_marks.split(b"\0")
        self.signs = self.marks_without(ORDINARY)
        self.signed = [place for place, signs in enumerate(self.signs) if signs]
        """Rows with a sign that ordinary prose has not."""
        self.labelled = self.with_marks(_LABELS)
        """Rows with a capital before a colon, or ##: the names of speakers and the headings of templates are among
        them."""
        self.untidy: list[int] = []
        """Rows with a text that is empty, or begins or ends with white space."""
        texts = list(chain.from_iterable(self.texts))
        if not all(texts) or texts != list(map(str.strip, texts)):
            self.untidy = [place for place, texts in enumerate(self.texts) if not _tidy(texts)]

    def __len__(self) -> int:
        return len(self.records)

    def marks_without(self, unwanted: bytes) -> list[bytes]:
        """The marks of every row without these bytes, of which NUL is none."""
        return self._all_marks.translate(None, unwanted).split(b"\0")

    def with_marks(self, pattern: re.Pattern[bytes]) -> list[int]:
        """The rows whose marks hold a pattern. It must not match a NUL: that is what stands between the rows."""
        found = []
        match = pattern.search(self._all_marks)
        while match:
            if not self._ends:
                self._ends = list(accumulate(len(marks) + 1 for marks in self.marks))
            place = bisect_right(self._ends, match.start())
            found.append(place)
            match = pattern.search(self._all_marks, self._ends[place])
        return found

    def near_texts(self) -> list[str]:
        """What near duplicates are judged by, as `near_text` gives it of a row."""
        return [joined[len(texts[0]) + 1 :] if shape.system_first else joined
                for joined, texts, shape in zip(self.joined, self.texts, self.shapes, strict=True)]  # fmt: skip

    def row(self, place: int) -> Row:
        """One row as rules see it."""
        row = self._rows.get(place)
        if row is None:
            row = plain_row(self.first + place, *self.records[place], self.marks[place], self.signs[place])
            self._rows[place] = row
        return row

    def look_closer(self, places: Iterable[int], check: Check, report: Reporter, totals: Any, context: Context) -> None:
        """Give some rows to a family's `check`, in order."""
        for place in sorted(set(places)):
            row = self.row(place)
            report.at(row)
            check(row, report, totals, context)


def plain_run(first: int, records: Sequence[PlainRecord]) -> PlainRun | None:
    """These rows as a run; None where one has a NUL in it: they must then be looked at one by one."""
    return None if any("\0" in joined for *_, joined in records) else PlainRun(first, records)


def plain_chat(index: int, line: int | None, data: dict[str, Any]) -> Row | None:
    """The view of a plain row, None of any other."""
    parts = plain_parts(data)
    if parts is None:
        return None
    shape, texts, joined = parts
    marks = marks_of(joined)
    return plain_row(index, line, data, shape, texts, joined, marks, marks.translate(None, ORDINARY))


def _tidy(texts: Sequence[str]) -> bool:
    return all(text and text.strip() == text for text in texts)


def plain_row(
    index: int,
    line: int | None,
    data: dict[str, Any],
    shape: Shape,
    texts: Sequence[str],
    joined: str,
    marks: bytes,
    signs: bytes,
) -> Row:
    """The view of a row of which these things are known."""
    row = Row.__new__(Row)
    row.index, row.line, row.data, row.format = index, line, data, PLAIN_CHAT
    row.turns = [Turn(role, text, place, message) for role, text, place, message
                 in zip(shape.roles, texts, _PLACES, data["messages"], strict=False)]  # fmt: skip
    row.answer_start = shape.start
    row.rejected = ()
    row.tools = row.label = row._lower = None
    row.conversation = row.plain = True
    row.tidy = _tidy(texts)
    row.joined, row.marks, row.signs = joined, marks, signs
    return row
