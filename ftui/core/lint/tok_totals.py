"""What tokenizer and template make of a whole file: notes of the template, lengths, padding."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ftui.core.lint.model import Context, Facts, Reporter, Severity
from ftui.core.text import plural

if TYPE_CHECKING:  # imported where it is used: most runs of the linter have no model, and so no template to render
    from ftui.core.render import Dialect


MAX_LENGTHS = 20_000


@dataclass
class Totals:
    """Counters over rows. `notes`: kind of a render note -> rows, first row, message. `lengths`: tokens of a sample."""

    rows: int = 0
    tokens: int = 0
    characters: int = 0
    chat_rows: int = 0
    without_system: int = 0
    empty_thinking: int = 0
    foreign: int = 0
    foreign_first: tuple[int, str] = (-1, "")
    tools_ignored: tuple[int, str] = (-1, "")
    tools_tried: bool = False
    notes: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    byte_ids: frozenset[int] | None = None

    def merge(self, later: Totals, rows_before: int) -> None:
        for name in ("rows", "tokens", "characters", "chat_rows", "without_system", "empty_thinking", "foreign"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for name in ("foreign_first", "tools_ignored"):
            if getattr(self, name)[0] < 0 <= getattr(later, name)[0]:
                row, text = getattr(later, name)
                setattr(self, name, (row + rows_before, text))
        for kind, (count, first, message) in later.notes.items():
            known = self.notes.get(kind, (0, first + rows_before, message))
            self.notes[kind] = (known[0] + count, known[1], known[2])
        self.lengths = (self.lengths + later.lengths)[:MAX_LENGTHS]

    def noted(self, kind: str, row: int, message: str) -> None:
        count, first, text = self.notes.get(kind, (0, row, message))
        self.notes[kind] = (count + 1, first, text)


def finish(totals: Totals, report: Reporter, context: Context, facts: Facts) -> None:
    tokenizer = context.tokenizer
    if tokenizer is None or not totals.rows:
        return
    ours = context.trainer == "ftui"
    limit = context.max_length_tokens
    if limit is not None and tokenizer.context_tokens is not None and limit > tokenizer.context_tokens:
        report("TOK517", "", f"max_length is {limit:,}, the model's context {tokenizer.context_tokens:,}")
    if tokenizer.pad_token and tokenizer.pad_token == tokenizer.eos_token:
        report("TOK505", "", f"both are {tokenizer.pad_token}", severity=Severity.INFO if ours else None)
    if totals.chat_rows and tokenizer.dialect.render_spans is None and tokenizer.chat_template:
        text = "ftui finds the answers by rendering prefixes" if ours else "assistant-only loss needs them"
        report("TOK508", "", f"no markers in the template; {text}", severity=Severity.INFO if ours else None)
    _report_notes(totals, report)
    if totals.without_system and (added := _added_text(tokenizer.dialect)):
        report(
            "TOK513", "", f"{plural(totals.without_system, 'row')} without a system message: the template adds {added}"
        )
    if totals.empty_thinking:
        report("TOK520", "", f"{plural(totals.empty_thinking, 'row')}: the block is in the text and not trained")
    if totals.foreign:
        row, text = totals.foreign_first
        report(
            "TOK518", "", f'{plural(totals.foreign, "row")}, the first is row {row}: "{text}" is no turn of this model'
        )
    if totals.tools_ignored[0] >= 0:
        report(
            "TOL461",
            "",
            f"the template writes the same text with and without the tools of row {totals.tools_ignored[0]}",
        )
    if totals.characters > 1000 and totals.tokens > context.threshold("TOK516.ratio", 0.5) * totals.characters:
        report("TOK516", "", f"{totals.tokens / totals.characters:.2f} tokens per character; English has about 0.25")
    _report_padding(totals, report, context)


_NOTE_CODES = {
    "system_merged": "TOK507", "system_dropped": "TOK507", "thinking_dropped": "TOK512", "content_dropped": "TOK512",
    "calls_dropped": "TOK512", "eos_appended": "TOK504", "no_end_of_turn": "TOK504",
}  # fmt: skip


def _report_notes(totals: Totals, report: Reporter) -> None:
    for kind, (count, first, message) in totals.notes.items():
        code = _NOTE_CODES.get(kind)
        if code is None:
            continue
        severity = Severity.INFO if kind == "eos_appended" else None
        report(code, "", f"{plural(count, 'row')}, the first is row {first}: {message}", severity=severity)


@lru_cache(maxsize=4)
def _added_text(dialect: Dialect) -> str:
    """What a template writes before a lone question, when that is more than a header: in words, or ""."""
    from ftui.core.render import RenderError

    try:
        text = dialect.render([{"role": "user", "content": "\u2042"}], None, False)
    except RenderError:
        return ""
    lead = text.partition("\u2042")[0]
    for special in sorted(dialect.special_tokens, key=len, reverse=True):
        lead = lead.replace(special, "\n")
    words = re.findall(r"[A-Za-z]{2,}", lead)
    if len(words) < 5:
        return ""
    longest = max(lead.split("\n"), key=len).strip()
    dated = " and today's date" if re.search(r"\b20\d\d\b", lead) else ""
    return f'"{longest[:60]}"{dated}'


def _report_padding(totals: Totals, report: Reporter, context: Context) -> None:
    lengths = list(totals.lengths)
    limit = context.max_length_tokens
    if limit is not None:
        lengths = [min(length, limit) for length in lengths]
    batch = min(context.batch_rows or 8, 64)
    if len(lengths) < 4 * batch or batch < 2:
        return
    random.Random(0).shuffle(lengths)  # as the trainer shuffles; a fixed seed, so that the figure stays
    batches = [lengths[start : start + batch] for start in range(0, len(lengths), batch)]
    padded = sum(max(each) * len(each) for each in batches)
    waste = 1 - sum(lengths) / padded
    if waste > context.threshold("TOK515.share", 0.3):
        report("TOK515", "", f"in batches of {batch} rows {waste:.0%} of the positions are padding; packing saves them")
