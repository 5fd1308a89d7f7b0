"""Near duplicates within the training rows (DUP702), near leaks into evaluation (DUP706), benchmarks (DUP707)."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from ftui.core.formats import detect_format, format_from_mapping
from ftui.core.lint import rules_dup
from ftui.core.lint.engine import Checker
from ftui.core.lint.model import Reporter, Severity
from ftui.core.lint.view import view
from ftui.services.dataset import Dataset, read_source, readable_dataset
from ftui.services.dataset_lines import Tally
from ftui.services.near_duplicates import SIMILARITY, confirmed

if TYPE_CHECKING:
    from ftui.services.lint import LintOptions
    from ftui.services.lint_stretch import Checked
    from ftui.services.lint_targets import Target

NGRAM_WORDS = 13
"""As in the GPT-3 paper's contamination study (Brown et al. 2020, appendix C)."""
MIN_ITEM_WORDS = 6
_WORD = re.compile(r"\w+")


def report_near_duplicates(
    report: Reporter,
    whole: Checked,
    target: Target,
    checker: Checker,
    evaluated: Checked | None,
    options: LintOptions,
    hear: Callable[[float], None] = lambda _: None,
) -> None:
    """Report DUP702 and DUP706. The eval split's sketches are put behind those of the training rows.

    hear: is told about what share of the work is done, 0 to 1.
    """
    train_rows = whole.tally.records
    sketches = whole.sketches
    totals = checker.state["DUP"]
    exact = set(rules_dup.exact_repeats(totals))
    known: set[int] = set()
    if evaluated is not None and not target.held_out:
        sketches.extend(evaluated.sketches)
        known = _leaked_already(totals, evaluated.state["DUP"])
    slots = sketches.candidates(exact | {train_rows + row for row in known}, lambda share: hear(share / 2))
    if all(place < 0 for place in slots[0]):
        return
    threshold = options.context.threshold("DUP702.similarity", SIMILARITY)

    shared = totals.affixes[0] or ""  # what all prompts begin with says nothing about two of them

    def texts(wanted: Container[int]) -> Iterator[tuple[int, str]]:
        for number, text in _texts(target.data, whole.tally, wanted, 0, options):
            hear(0.5 + number / train_rows / 2)
            yield number, text.removeprefix(shared)
        if target.eval_data is not None and evaluated is not None:
            for number, text in _texts(target.eval_data, evaluated.tally, wanted, train_rows, options):
                yield number, text.removeprefix(shared)

    # As with exact duplicates: a prompt that comes again is normal where rewards judge the answers.
    severity = Severity.INFO if totals.prompt_only * 2 > totals.rows else None
    for row, earlier, alike in confirmed(slots, texts, threshold):
        if row < train_rows:
            report.row, report.line = row, None
            report("DUP702", "", f"{100 * alike:.0f} % the same as row {earlier:,}", severity=severity)
        elif earlier < train_rows:
            report.row, report.line = earlier, None
            report("DUP706", "", f"eval row {row - train_rows:,} is {100 * alike:.0f} % the same as this row")


def _leaked_already(train: rules_dup.Totals, held_out: rules_dup.Totals) -> set[int]:
    """Eval rows that DUP705, or DUP706 by its prompt, has reported."""
    contents = {bytes(train.contents[16 * row : 16 * row + 16]) for row in range(train.rows)}
    prompts = set(train.prompts) - {rules_dup.NO_KEY}
    held_prompts = held_out.prompts
    return {
        row
        for row in range(held_out.rows)
        if bytes(held_out.contents[16 * row : 16 * row + 16]) in contents or held_prompts[row] in prompts
    }


def _texts(
    data: Dataset, known: Tally, wanted: Container[int], offset: int, options: LintOptions
) -> Iterator[tuple[int, str]]:
    """(number, text) of the wanted rows of a dataset, its rows numbered from `offset`. known: what reading it gave."""
    mapped = format_from_mapping(options.mapping) if options.mapping else None
    for row, content in _wanted_rows(data, known, wanted, offset):
        format = mapped or detect_format(content, options.context.task)
        yield row, rules_dup.near_text(view(row, None, content, format))


def _wanted_rows(
    data: Dataset, known: Tally, wanted: Container[int], offset: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The wanted rows; where every line of the file is a row, the others are not even parsed."""
    sources = data.sources
    if len(sources) == 1 and sources[0].is_plain_lines and not (sources[0].bom or known.irregular):
        with sources[0].path.open("rb") as file:
            for number, raw in enumerate(file, offset):
                if number in wanted:
                    yield number, orjson.loads(raw)
        return
    tally = Tally()
    for source in sources:
        first = offset + tally.records
        for row, _, content in read_source(source, Reporter({}), tally):
            if first + row in wanted:
                yield first + row, content


def report_contamination(report: Reporter, target: Target, options: LintOptions) -> None:
    """Report DUP707: rows that hold a passage of a benchmark file. Reads the rows once more."""
    passages = _benchmark_passages(options.benchmarks)
    lengths = {length for length, _ in passages}
    tally = Tally()
    for source in target.data.sources:
        first = tally.records
        for row, line, content in read_source(source, Reporter({}), tally):
            words = _WORD.findall(view(row, line, content, detect_format(content)).joined.lower())
            for length in lengths:
                found = next((passages[key] for key in _passages(words, length) if key in passages), None)
                if found is not None:
                    report.row, report.line = first + row, line
                    report("DUP707", "", f"shares {length} words in a row with {found}")
                    break


def _benchmark_passages(paths: Sequence[str]) -> dict[tuple[int, int], str]:
    """(words, hash) of all 13-word passages of the prompts in benchmark files, of a shorter prompt the whole."""
    passages: dict[tuple[int, int], str] = {}
    for path in paths:
        for row in readable_dataset(path).rows():
            turns = view(row.index, row.line, row.data, detect_format(row.data)).turns
            words = _WORD.findall(turns[0].text.lower()) if turns else []
            if len(words) >= MIN_ITEM_WORDS:
                for key in _passages(words, min(len(words), NGRAM_WORDS)):
                    passages.setdefault(key, f"row {row.index:,} of {path}")
    return passages


def _passages(words: Sequence[str], length: int) -> Iterator[tuple[int, int]]:
    for start in range(len(words) - length + 1):
        yield length, hash(tuple(words[start : start + length]))
