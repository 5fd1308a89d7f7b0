"""Datasets as rows: any file, folder or glob, streamed, with every problem as a finding instead of an exception.

    data = open_dataset("train.jsonl")
    for row in data.rows():
        row.index, row.line, row.data
    data.findings, data.readable_rows

Nothing here loads a tokenizer, imports torch, or runs code that came with the data.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftui.core.canonical import canonical
from ftui.core.conversations import RowError
from ftui.core.formats import Format, detect_format, format_from_mapping
from ftui.core.lint.catalogue import all_rules
from ftui.core.lint.model import Finding, Reporter, Severity
from ftui.errors import FtuiError
from ftui.services.dataset_arrow import ArrowReader
from ftui.services.dataset_bytes import CorruptFile, DecompressionBomb
from ftui.services.dataset_csv import CsvReader
from ftui.services.dataset_fingerprint import Fingerprint, fingerprint
from ftui.services.dataset_json import ValueReader
from ftui.services.dataset_lines import LineReader, Record, Tally, whole_lines
from ftui.services.dataset_run import DataManifest, prepare_run_data
from ftui.services.dataset_sniff import Source, inspect
from ftui.services.dataset_sources import find_files

__all__ = [
    "DataManifest", "DataRow", "Dataset", "Fingerprint",
    "fingerprint", "open_dataset", "prepare_run_data", "read_source", "readable_dataset",
]  # fmt: skip

STDIN = "-"
CANNOT_READ = ("FIL001", "FIL006", "FIL007", "FIL008", "FIL010")
"""Findings that mean: there was nothing to look at (exit code 2)."""


@dataclass(slots=True)
class DataRow:
    """index: 0-based among all records of the dataset, broken ones included. line: physical, None in Arrow files."""

    index: int
    line: int | None
    data: dict[str, Any]


@dataclass
class Dataset:
    """What a path means. `findings` holds what opening and the last complete `rows()` met."""

    path: str
    sources: tuple[Source, ...]
    report: Reporter
    tally: Tally = field(default_factory=Tally)
    mapping: Mapping[str, str] | None = None
    task: str = ""
    _opened: int | None = None

    @property
    def findings(self) -> list[Finding]:
        return self.report.findings

    @property
    def readable_rows(self) -> int:
        """Rows that `rows()` gave; known when it has come to its end."""
        return self.tally.readable

    @property
    def size_bytes(self) -> int:
        return sum(source.size_bytes for source in self.sources)

    def rows(self) -> Iterator[DataRow]:
        """Every readable row of every source, in order. Can be called again: it reads from the start."""
        self.tally = Tally()
        if self._opened is None:
            self._opened = len(self.report.findings)
        del self.report.findings[self._opened :]
        for source in self.sources:
            base = self.tally.records
            for index, line, data in read_source(source, self.report, self.tally):
                yield DataRow(base + index, line, data)

    def only_split(self, *splits: str) -> Dataset:
        """The same dataset with the sources of these splits only."""
        kept = tuple(source for source in self.sources if source.split in splits)
        return Dataset(self.path, kept, self.report, Tally(), self.mapping, self.task)

    def format_of(self, row: Mapping[str, Any]) -> Format:
        """The format of a row: what the column mapping says, else what is detected."""
        return format_from_mapping(self.mapping) if self.mapping else detect_format(row, self.task)

    def canonical_rows(self, dropped: Callable[[DataRow, RowError], None] | None = None) -> Iterator[DataRow]:
        """Every row in canonical form; rows that have none are given to `dropped` with the reason."""
        for row in self.rows():
            try:
                yield DataRow(row.index, row.line, canonical(row.data, self.format_of(row.data)))
            except RowError as error:
                if dropped is not None:
                    dropped(row, error)


def open_dataset(
    path: str | Path,
    *,
    mapping: Mapping[str, str] | None = None,
    task: str = "",
    report: Reporter | None = None,
) -> Dataset:
    """Find and inspect what a path, folder, glob or "-" (standard input) means. Problems become findings.

    mapping: canonical column -> column of the file, for formats that are not recognised; FtuiError when it makes none.
    """
    if mapping:
        _checked_mapping(mapping)
    report = report or Reporter(all_rules())
    name = str(path)
    if name == STDIN:
        file = spool_stdin()
        source = inspect(file, "", report, named=False)
        return Dataset(STDIN, (source,) if source else (), report, Tally(), mapping, task)
    found = [inspect(file, split, report) for file, split in find_files(name, report)]
    return Dataset(name, tuple(source for source in found if source), report, Tally(), mapping, task)


_EMPTY = "Was it written to its end? Write it again, or name another file; rows are JSONL, JSON, CSV or Parquet."
WITHOUT_DATA = {
    "FIL001": "Is the path right? It is taken from the current folder.",
    "FIL002": _EMPTY,
    "FIL003": _EMPTY,
}
"""What to do about a dataset in which there is nothing, by the rule that says so."""


def readable_dataset(path: str | Path, *, mapping: Mapping[str, str] | None = None, task: str = "") -> Dataset:
    """As `open_dataset`, for commands that need the rows: FtuiError when there is nothing to read."""
    data = open_dataset(path, mapping=mapping, task=task)
    if not data.sources:
        first = next((f for f in data.findings if f.severity == Severity.ERROR), None)
        why = first.message if first else "no data file was found"
        look = f"Look at it: ftui lint {shlex.quote(str(path))}"
        hint = WITHOUT_DATA.get(first.code, look) if first is not None else look
        raise FtuiError("The dataset cannot be read", f"{path}: {why}", hint)
    return data


def _checked_mapping(mapping: Mapping[str, str]) -> None:
    try:
        format_from_mapping(mapping)
    except ValueError as error:
        raise FtuiError("The column mapping makes no format", str(error), "Example: --map prompt=question") from None


def read_source(source: Source, report: Reporter, tally: Tally, reader: LineReader | None = None) -> Iterator[Record]:
    """The rows of one source, numbered from 0; its problems go to `report`, its counts are added to `tally`.

    reader: a LineReader of the caller's own, for JSON Lines.
    """
    damage: list[Exception] = []
    used: LineReader | ValueReader | CsvReader | ArrowReader
    if source.kind == "jsonl":
        used = reader or LineReader(report)
        yield from _line_rows(used, _until_damage(source.content(), damage), damage)
    elif source.kind == "json":
        used = ValueReader(report)
        yield from used.rows(_until_damage(source.content(), damage))
    elif source.kind in ("csv", "tsv"):
        used = CsvReader(report, source.delimiter)
        yield from used.rows(_until_damage(source.content(), damage))
    else:
        used = ArrowReader(report, source.kind)
        yield from used.rows(source.path)
    if damage:
        used.tally.count("damaged", 0)
    for error in damage:
        report.at(None)
        if isinstance(error, CorruptFile):
            report("FIL013", "", f"the {source.compression} stream is damaged or cut off: {error}")
        elif isinstance(error, DecompressionBomb):
            report("FIL014", "", f"reading stopped: {error}")
        else:
            report("FIL008", "", f"{source.path.name} cannot be read any further: {error}")
    finish_tally(used.tally, source, report, used.top_level if isinstance(used, ValueReader) else "")
    tally.merge(used.tally)


def _until_damage(content: Iterator[bytes], damage: list[Exception]) -> Iterator[bytes]:
    """The blocks as far as they can be read; what stopped them is put into `damage`."""
    try:
        yield from content
    except (CorruptFile, DecompressionBomb, OSError) as error:
        damage.append(error)


def _line_rows(
    reader: LineReader, content: Iterator[bytes], damage: list[Exception], last: bool = True
) -> Iterator[Record]:
    previous = b""
    for block, overlong in whole_lines(content):
        yield from reader.rows(previous)
        previous = b"" if overlong else block
        if overlong:
            reader.overlong()
    if damage:  # the line at the break is no line
        previous = previous[: previous.rfind(b"\n") + 1]
    yield from reader.rows(previous, last=last)


def read_stretch(source: Source, start: int, end: int, last: bool, report: Reporter, tally: Tally) -> Iterator[Record]:
    """The rows of a stretch of an uncompressed JSON Lines file, between two line ends; numbered from 0.

    last: the stretch ends where the file ends. What is said once per file is left in `tally` for `finish_tally`.
    """
    reader = LineReader(report)
    damage: list[Exception] = []
    yield from _line_rows(reader, _until_damage(source.content(start, end), damage), damage, last)
    for error in damage:
        report.at(None)
        report("FIL008", "", f"{source.path.name} cannot be read any further: {error}")
    tally.merge(reader.tally)


def finish_tally(tally: Tally, source: Source, report: Reporter, top_level: str = "") -> None:
    """Report what is said once per file."""
    counts = tally.counts
    report.row = None

    def say(code: str, line: int | None, message: str) -> None:
        report.line = line
        report(code, "", message)

    if "ENC101" in counts:
        say("ENC101", tally.first_line["ENC101"], "a byte order mark stands in the middle of the file")
    for kind, line in tally.first_line.items():
        if kind.startswith("ENC102 "):
            say("ENC102", line, f"{kind[7:]} is not UTF-8; read with U+FFFD in its place")
    if "ENC104" in counts:
        say("ENC104", tally.first_line["ENC104"], f"{counts['ENC104']:,} lines end in CRLF (Windows)")
    if "ENC107" in counts:
        marks = ", ".join(kind[7:] for kind in counts if kind.startswith("ENC107 "))
        why = f"{counts['ENC107']:,} times {marks}: some tools take it for a line end and count lines differently"
        say("ENC107", tally.first_line["ENC107"], why)
    if "JSN211" in counts:
        say("JSN211", tally.first_line["JSN211"], f"{counts['JSN211']:,} blank lines between the rows")
    if tally.conflict_lines:
        places = ", ".join(f"{line:,}" for line in tally.conflict_lines[:8])
        say("FIL011", tally.conflict_lines[0], f"git conflict markers on lines {places}: both sides are in the file")
    named = source.path.name.lower()
    if top_level == "array" and ".jsonl" in named:
        say("JSN203", 1, "the file is one JSON array, .jsonl means one object per line")
    if top_level in ("objects", "object") and ".jsonl" in named and tally.lines > 1:
        say("JSN205", 1, "the objects are written over several lines, .jsonl means one object per line")
    if (
        source.kind == "jsonl"
        and tally.records > 1
        and named.removesuffix(".gz").removesuffix(".zst").endswith(".json")
    ):
        say("JSN204", 1, "the file is JSON Lines, .json means one JSON document")
    if not tally.records and "damaged" not in counts and not any(f.code == "ENC103" for f in report.findings):
        say("FIL002", None, "there is no row in it")
    report.line = None


def spool_stdin() -> Path:
    """Copy standard input to a temporary file that is removed when the process ends."""
    import atexit

    if sys.stdin.isatty():
        raise FtuiError("No data on standard input", "it is a terminal", "Pipe rows into it: cat F.jsonl | ftui lint -")
    handle = tempfile.NamedTemporaryFile(prefix="ftui-stdin-", delete=False)  # noqa: SIM115
    with handle:
        shutil.copyfileobj(sys.stdin.buffer, handle, 1 << 20)
    path = Path(handle.name)

    def remove() -> None:
        with contextlib.suppress(OSError):
            path.unlink()

    atexit.register(remove)
    return path
