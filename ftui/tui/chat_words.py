"""A conversation with two models in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ftui.core.text import plural, safe
from ftui.tui.glyphs import Glyphs
from ftui.tui.widgets.lines import Row

LONGEST_TEXT = 40_000
MOST_TURNS = 200


@dataclass
class Turn:
    """A question and what one model answered so far."""

    question: str
    answer: str = ""
    tokens: int = 0
    seconds: float = 0.0
    ended: bool = False
    stopped: bool = False
    error: str = ""


@dataclass
class Talk:
    """All that was said to and by one model."""

    model: str
    turns: list[Turn] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Begin a new turn; the oldest go when there are very many."""
        self.turns.append(Turn(question))
        del self.turns[:-MOST_TURNS]


def talk_rows(talk: Talk, glyphs: Glyphs) -> list[Row]:
    """The talk from its beginning, the newest at the end."""
    rows: list[Row] = []
    for turn in talk.turns:
        rows += [((f"{glyphs.here} ", "accent"), (line, "dim")) for line in _lines(turn.question)]
        rows += [((line, "text"),) for line in _lines(turn.answer)] if turn.answer else []
        rows += [(_ending(turn, glyphs),), (("", "text"),)]
    return rows


def _ending(turn: Turn, glyphs: Glyphs) -> tuple[str, str]:
    if turn.error:
        return f"{glyphs.bad} {safe(turn.error)}", "fail"
    if not turn.ended:
        return "...", "dim"
    rate = f", {turn.tokens / turn.seconds:.0f} tokens/s" if turn.seconds > 0 else ""
    nothing = "said nothing; " if not turn.answer else ""
    stopped = " (stopped)" if turn.stopped else ""
    return f"{nothing}{plural(turn.tokens, 'token')}{rate}{stopped}", "faint"


def _lines(text: str) -> list[str]:
    shown = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " ..."
    return safe(shown, newlines=True, tabs=True).split("\n")


def talk_text(talks: Sequence[Talk]) -> str:
    """The whole conversation as text, for a file."""
    lines = []
    for index, turn in enumerate(talks[0].turns):
        lines.append(f"> {turn.question}")
        lines += [f"\n{talk.model}:\n{talk.turns[index].answer}" for talk in talks if index < len(talk.turns)]
        lines.append("")
    return safe("\n".join(lines), newlines=True, tabs=True)
