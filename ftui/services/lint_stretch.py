"""One stretch of a JSON Lines file, checked in a process of its own: both cores read and check, one collects."""

from __future__ import annotations

import gc
import os
import threading
from array import array
from bisect import bisect_right
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.formats import Format
from ftui.core.lint.engine import Checker
from ftui.core.lint.model import Context, Finding, Rule, Severity
from ftui.services.dataset import read_stretch
from ftui.services.dataset_lines import Record, Tally
from ftui.services.dataset_sniff import Source
from ftui.services.near_duplicates import Sketches

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

STRETCH_BYTES = 4 << 20
BATCH_ROWS = 64
"""Rows that are checked in one step: so few that they stay in the cache of a core."""
PARALLEL_BYTES = 12 << 20
"""A smaller file is checked faster than a second process starts."""


@dataclass(frozen=True)
class How:
    """What a checker is made from; picklable. model: folder of the tokenizer, "" for none."""

    rules: Mapping[str, Rule]
    severities: Mapping[str, Severity]
    context: Context
    mapping: Mapping[str, str] | None
    always: tuple[str, ...]
    expected: Format | None
    near: bool
    model: str = ""

    def checker(self) -> Checker:
        context = self.context
        if self.model and context.tokenizer is None:
            from ftui.services.tokenizer import load_tokenizer

            context = replace(context, tokenizer=load_tokenizer(Path(self.model)))
        return Checker(self.rules, context, self.severities, self.mapping, self.always, self.expected)


class LineMap:
    """Which physical line a row stands on: kept only where the distance between the two changes."""

    def __init__(self) -> None:
        self.shift: int | None = None
        """Line minus row of the last row that was added."""
        self._rows = array("Q")
        self._lines = array("Q")

    def add(self, row: int, line: int) -> None:
        self.shift = line - row
        self._rows.append(row)
        self._lines.append(line)

    def extend(self, later: LineMap, rows_before: int, lines_before: int) -> None:
        """Append what another process found in the stretch that follows."""
        for row, line in zip(later._rows, later._lines, strict=True):
            self.add(row + rows_before, line + lines_before)

    def line(self, row: int) -> int | None:
        """The line of a row; None where rows have no lines."""
        place = bisect_right(self._rows, row) - 1
        return None if place < 0 else self._lines[place] + row - self._rows[place]


@dataclass
class Checked:
    """What came of a stretch. Rows and lines are numbered from the stretch's own beginning.

    lines: which line each row stands on. state: the families' totals.
    """

    findings: list[Finding] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    state: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    sketches: Sketches = field(default_factory=Sketches)
    lines: LineMap = field(default_factory=lambda: LineMap())
    failures: list[str] = field(default_factory=list)


def check_stretch(how: How, source: Source, start: int, end: int, last: bool) -> Checked:
    """Check the lines of `source` between two byte offsets. Runs in a worker process."""
    checker = how.checker()
    made = Checked()
    for records in batches(read_stretch(source, start, end, last, checker.report, made.tally)):
        if _given_up is not None and _given_up.is_set():
            break  # nobody waits for the rest
        check_rows(checker, made, how.near, records)
    checker.flush()
    made.sketches.pad_to(made.tally.records if how.near else 0)
    made.sketches.flush()
    made.findings = checker.take_findings()
    made.state, made.formats, made.failures = checker.state, checker.formats, checker.failures
    return made


def batches(records: Iterator[Record], first_row: int = 0) -> Iterator[list[Record]]:
    """Rows in short lists, their numbers moved by `first_row`."""
    while batch := list(islice(records, BATCH_ROWS)):
        yield [(first_row + row, line, data) for row, line, data in batch] if first_row else batch


def check_rows(checker: Checker, made: Checked, near: bool, records: Sequence[Record]) -> None:
    """Check some rows and note what the whole file needs of them."""
    texts = checker.rows(records)
    lines = made.lines
    for row, line, _ in records:
        if line is not None and line - row != lines.shift:
            lines.add(row, line)
    if near:
        sketches = made.sketches
        if sketches.count == records[0][0] and records[-1][0] - records[0][0] == len(records) - 1:
            sketches.extend_with(texts)
            return
        for (row, _, _), text in zip(records, texts, strict=True):
            sketches.pad_to(row)
            sketches.add(text)


def stretches(source: Source) -> Iterator[tuple[int, int, bool]]:
    """(start, end, last) of stretches of about 4 MiB, each ending where a line ends."""
    size = source.size_bytes
    start = 0
    with source.path.open("rb") as file:
        while start < size:
            end = min(size, start + STRETCH_BYTES)
            file.seek(end)
            while end < size:
                piece = file.read(1 << 16)
                place = piece.find(b"\n")
                if place >= 0 or not piece:
                    end += place + 1
                    break
                end += len(piece)
            yield start, end, end >= size
            start = end


def in_parallel(how: How, source: Source, workers: int) -> Generator[tuple[int, Checked], None, None]:
    """(bytes of the stretch, what came of it), in file order; at most two stretches per worker wait."""
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    processes = get_context("fork" if _has_one_thread() else "spawn")
    bare = replace(how, context=replace(how.context, tokenizer=None))
    given_up = processes.Event()
    with ProcessPoolExecutor(workers, processes, initializer=_begin, initargs=(given_up,)) as pool:
        waiting: list[tuple[int, Future[Checked]]] = []
        try:
            for start, end, last in stretches(source):
                waiting.append((end - start, pool.submit(check_stretch, bare, source, start, end, last)))
                if len(waiting) >= 2 * workers:
                    size, future = waiting.pop(0)
                    yield size, future.result()
            while waiting:
                size, future = waiting.pop(0)
                yield size, future.result()
        finally:
            given_up.set()
            pool.shutdown(cancel_futures=True)


def _has_one_thread() -> bool:
    """Whether forking is safe. Libraries in Rust keep threads that Python does not know of (rensa after the first
    sketch): a forked child has their locks and not them, and waits for ever."""
    try:
        return threading.active_count() == 1 and len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False  # no Linux


_given_up: Event | None = None
"""In a worker: set when the parent has been interrupted."""


def _begin(given_up: Event) -> None:
    """In a worker: the terminal's Ctrl-C is the parent's to handle, and rows make no reference cycles."""
    import signal

    global _given_up
    _given_up = given_up
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
