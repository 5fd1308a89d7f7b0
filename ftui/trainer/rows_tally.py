"""What happened to the rows of a file on their way to tokens, and how it is told: nothing goes missing in silence."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ftui.core.events import Alert
from ftui.core.render import Rendered
from ftui.core.text import plural
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job

NAMED_ROWS = 5


@dataclass
class Tally:
    """What happened to the rows of one file. Lists hold 0-based row numbers."""

    rows: int = 0
    kept: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest_tokens: int = 0
    shortened: int = 0
    pieces: int = 0
    """Rows that plain texts became: a long text is cut into several, and nothing of it is lost."""
    too_long: list[int] = field(default_factory=list)
    untrained: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    refused_why: str = ""
    left_out: int = 0

    def add(self, other: Tally) -> None:
        """Take in what happened to the rows after these."""
        self.longest_tokens = max(self.longest_tokens, other.longest_tokens)
        self.refused_why = self.refused_why or other.refused_why
        for name in (f.name for f in fields(self) if f.name not in ("longest_tokens", "refused_why")):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def count(sides: tuple[Rendered, ...], tally: Tally) -> None:
    """Add a row that is kept, with its sides."""
    tally.kept += 1
    tally.tokens += sum(len(side.ids) for side in sides)
    tally.trained_tokens += sum(side.trained_tokens for side in sides)
    tally.longest_tokens = max(tally.longest_tokens, *(len(side.ids) for side in sides))
    tally.shortened += any(len(side.ids) < side.total_tokens for side in sides)


def report(job: Job, name: str, tally: Tally) -> None:
    """Say what was cut and left out of NAME.jsonl, and keep the figures for effective.json."""
    limit = f"{job.plan.data.max_length_tokens:,} tokens"
    share = f"{tally.shortened} of {plural(tally.rows, 'row')} of {name}.jsonl"
    if tally.pieces > tally.kept:
        words = f"{name}.jsonl: {plural(tally.kept, 'text')} became {tally.pieces:,} rows of at most {limit}"
        job.emit(Alert("info", "pieces", f"{words}: nothing of the longer ones is lost."))
    if tally.shortened:
        job.warn("truncation", f"{share} are longer than {limit}: their prompt's beginning was cut, the answer kept.")
    if tally.too_long:
        job.warn("truncation", f"{name}.jsonl: {named(tally.too_long)} do not fit into {limit} and were left out.")
    if tally.untrained:
        job.warn("untrained", f"{name}.jsonl: {named(tally.untrained)} have nothing to learn from and were left out.")
    if tally.refused:
        why = f"the chat template says: {tally.refused_why}"
        job.warn("template", f"{name}.jsonl: {named(tally.refused)} cannot be written ({why}) and were left out.")
    job.effective[f"data.{name}"] = {
        key: value for key, value in asdict(tally).items() if not isinstance(value, list | str)
    }


def nothing_left(source: Path, tally: Tally) -> TrainerError:
    """The error for a file of which no row is left."""
    if tally.refused:
        why = f"the chat template refuses every row: {tally.refused_why}"
        plain = Path(__file__).with_name("templates") / "plain.jinja"
        hint = f"Set model.chat_template ({plain} suits any base model), or use a model that was tuned for chat."
    elif tally.too_long:
        why, hint = "no row fits into data.max_length_tokens", "Raise data.max_length_tokens."
    else:
        why, hint = "no row has a token that would be trained", "Look at data/preview.json and data.train_on."
    return TrainerError("Nothing to train on", f"{source.name}: {why}", hint, reason="data")


def named(rows: list[int]) -> str:
    """Row numbers in words, the first few of them."""
    shown = ", ".join(str(row) for row in rows[:NAMED_ROWS])
    more = f" and {len(rows) - NAMED_ROWS:,} more" if len(rows) > NAMED_ROWS else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more}"
