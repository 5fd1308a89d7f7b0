"""JSON Lines: rows with their physical lines, fast for good lines and tolerant with bad ones.

A record is a line that is not blank. Every record has a row number, a broken one too, so that "row 12" is the twelfth
thing in the file for every reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from ftui.core.conversations import type_name
from ftui.core.lint.model import Reporter
from ftui.services.dataset_keys import count_keys, plain_keys
from ftui.services.dataset_values import (
    Value,
    is_cut_off,
    python_literal,
    read_value,
    why_not_json,
)

MAX_LINE_BYTES = 10 << 20
AT_ONCE = 64
"""Lines that are read in one step: so few that they stay in the cache of a core."""
_CONFLICT = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")
_LINE_SEPARATORS = ((b"\xe2\x80\xa8", "U+2028"), (b"\xe2\x80\xa9", "U+2029"), (b"\xc2\x85", "NEL (U+0085)"))

Record = tuple[int, int | None, dict[str, Any]]
"""Row number (0-based), physical line (1-based), the row."""


@dataclass
class Tally:
    """What is said once per file: counts, with the first line of each. Stretches of a file add up with `merge`."""

    lines: int = 0
    records: int = 0
    readable: int = 0
    irregular: int = 0
    """Lines that are not simply one good row; where there is none, row n stands on line n + 1."""
    counts: dict[str, int] = field(default_factory=dict)
    first_line: dict[str, int] = field(default_factory=dict)
    conflict_lines: list[int] = field(default_factory=list)

    def count(self, kind: str, line: int, times: int = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + times
        self.first_line.setdefault(kind, line)

    def merge(self, later: Tally) -> None:
        """Add the stretch that follows; its lines and rows were counted from its own beginning."""
        for kind, line in later.first_line.items():
            self.first_line.setdefault(kind, line + self.lines)
        for kind, count in later.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        self.conflict_lines += [line + self.lines for line in later.conflict_lines[:64]]
        self.lines += later.lines
        self.records += later.records
        self.readable += later.readable
        self.irregular += later.irregular


def whole_lines(source: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Regroup blocks so that each ends where a line ends. True with a block: it stands for a line too long to keep."""
    pending: list[bytes] = []
    size = 0
    skipping = False
    for block in source:
        cut = block.rfind(b"\n") + 1
        if skipping:
            first = block.find(b"\n") + 1
            if not first:
                continue
            skipping = False
            yield b"\n", True
            block, cut = block[first:], cut - first
        if cut:
            yield b"".join((*pending, block[:cut])), False
            pending, size = [], 0
        rest = block[cut:]
        if rest:
            pending.append(rest)
            size += len(rest)
        if size > MAX_LINE_BYTES:
            pending, size, skipping = [], 0, True
    if skipping:
        yield b"", True
    elif pending:
        yield b"".join(pending), False


class LineReader:
    """Reads blocks of whole lines; problems go to `report`, counts to `tally`.

    repair: read what the unsafe fixes would make of a broken line (Windows-1252 text, a Python repr) as a row.
    unreadable: called with each line that is a record and gave no row. keep_raw: let `raw` be the line of the row just
    given, empty where the line holds more than that row.
    """

    def __init__(
        self,
        report: Reporter,
        *,
        repair: bool = False,
        unreadable: Callable[[bytes], None] | None = None,
        keep_raw: bool = False,
    ) -> None:
        self.report = report
        self.repair = repair
        self.unreadable = unreadable
        self.keep_raw = keep_raw
        self.raw = b""
        self.tally = Tally()

    def rows(self, block: bytes, *, last: bool = False) -> Iterator[Record]:
        """The rows of a block of whole lines; `last` says that nothing follows it, so a cut line is a cut file."""
        tally = self.tally
        if not block.isascii():
            self._line_separators(block)
        if b"\r" in block:
            windows = block.count(b"\r\n")
            if windows:
                tally.count("ENC104", tally.lines + 1, windows)
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for start in range(0, len(lines), AT_ONCE):
            yield from self._lines(lines[start : start + AT_ONCE], last and start + AT_ONCE >= len(lines))

    def _lines(self, lines: list[bytes], last: bool) -> Iterator[Record]:
        tally = self.tally
        line, row = tally.lines, tally.records
        values = None if self.keep_raw else _all_good(lines)
        if values is not None:
            yield from zip(range(row, row + len(lines)), range(line + 1, line + 1 + len(lines)), values, strict=True)
            tally.lines, tally.records = line + len(lines), row + len(lines)
            tally.readable += len(lines)
            return
        loads = orjson.loads
        for raw in lines:
            line += 1
            try:
                value = loads(raw)
                good = type(value) is dict and _has_every_key(raw, value)
            except ValueError:
                good = False
            self.raw = raw
            if good:
                yield row, line, value
                row += 1
                tally.readable += 1
            else:
                tally.lines, tally.records = line, row
                tally.irregular += 1
                readable = tally.readable
                yield from self._careful(raw, line, last and raw is lines[-1])
                row = tally.records
                if self.unreadable is not None and tally.readable == readable and raw.strip(b"\0 \t\r"):
                    self.unreadable(raw)
        tally.lines, tally.records = line, row

    def overlong(self) -> None:
        """A line was too long to be read."""
        tally = self.tally
        tally.lines += 1
        tally.irregular += 1
        self._say("JSN210", tally.lines, f"the line is longer than {MAX_LINE_BYTES >> 20} MiB and was not read")
        tally.records += 1

    def _say(self, code: str, line: int, message: str, text: str = "", span: tuple[int, int] | None = None) -> None:
        self.report.row, self.report.line = self.tally.records, line
        self.report(code, "", message, text=text, span=span)

    def _line_separators(self, block: bytes) -> None:
        for mark, name in _LINE_SEPARATORS:
            place = block.find(mark)
            while place >= 0:
                line = self.tally.lines + block.count(b"\n", 0, place) + 1
                self.tally.count("ENC107", line)
                self.tally.counts.setdefault(f"ENC107 {name}", 1)
                place = block.find(mark, place + 1)

    def _careful(self, raw: bytes, line: int, last: bool) -> Iterator[Record]:
        """One line that is not simply a good row: blank, broken, or worth a second look."""
        stripped = raw.strip(b" \t\r\n")
        if not stripped:
            self.tally.count("JSN211", line)
            return
        if stripped.startswith(_CONFLICT) and (stripped[:8].strip() in _CONFLICT):
            self.tally.conflict_lines.append(line)
            return
        if b"\0" in stripped:
            self._say("ENC103", line, f"{stripped.count(0):,} NUL bytes: the file was cut off or damaged when written")
            stripped = stripped.replace(b"\0", b"").strip()
            if not stripped:
                return
        pieces = [piece for piece in stripped.split(b"\r") if piece.strip()]
        if len(pieces) > 1:
            self.raw = b""
            self.tally.count("ENC107", line, len(pieces) - 1)
            self.tally.counts.setdefault("ENC107 bare carriage return", 1)
        for number, piece in enumerate(pieces):
            yield from self._record(piece, line, last and number == len(pieces) - 1)

    def _record(self, raw: bytes, line: int, last: bool) -> Iterator[Record]:
        text = self._decoded(raw, line)
        if text is None:
            self.tally.records += 1
            return
        read = read_value(text)
        rest = text[read.end :].strip() if read.end >= 0 else ""
        if not rest:
            yield from self._taken(read, text, line, last)
            return
        values, whole = [read], True
        while rest and len(values) < 100_000:
            more = read_value(text, values[-1].end)
            if more.end < 0:
                whole = False
                break
            values.append(more)
            rest = text[more.end :].strip() if len(text) - more.end < 64 else text[more.end : more.end + 64].strip()
        if whole and all(isinstance(value.value, dict) for value in values):
            self.raw = b""
            self._say("JSN212", line, f"{len(values):,} objects on one line", text, (read.end, read.end + 1))
            for value in values:
                yield from self._taken(value, text, line, False)
        else:
            self._say("JSN201", line, f"something follows the object (column {read.end + 1:,})", text,
                      (read.end, read.end + 1))  # fmt: skip
            self.tally.records += 1

    def _decoded(self, raw: bytes, line: int) -> str | None:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            guess, text = guessed_encoding(raw)
            where = f"byte {error.start + 1:,} of the line (0x{raw[error.start]:02x}) is not UTF-8"
            self._say("ENC102", line, f"{where}; {guess}", text, (error.start, error.start + 1))
            if not self.repair:
                return None
        if text.startswith("\ufeff"):
            self.tally.count("ENC101", line)
            self.raw = b""
            text = text[1:]
        return text

    def _taken(self, read: Value, text: str, line: int, last: bool) -> Iterator[Record]:
        """Report the faults of one value and give its row, if it is one."""
        for fault in read.faults:
            code, message = fault.code, fault.message
            if code == "JSN201":
                code, message = self._cause(text, fault, last)
                fixed = python_literal(text) if code == "JSN215" and self.repair else None
                if fixed is not None:
                    self._say(code, line, message, text)
                    yield self._row(line, fixed)
                    return
            column = fault.column
            self._say(code, line, message, text, None if column is None else (column, column + 1))
        if read.end < 0:
            self.tally.records += 1
            return
        value = read.value
        if isinstance(value, str):
            inner = read_value(value)
            if isinstance(inner.value, dict) and not value[inner.end :].strip():
                self._say("JSN214", line, "the row is a text that holds JSON: it was encoded twice", text)
                value = inner.value
        if not isinstance(value, dict):
            self._say("JSN213", line, f"a row must be an object, this is {type_name(value)}", text)
            self.tally.records += 1
            return
        yield self._row(line, value)

    def _row(self, line: int, value: dict[str, Any]) -> Record:
        record = (self.tally.records, line, value)
        self.tally.records += 1
        self.tally.readable += 1
        return record

    def _cause(self, text: str, fault: Any, last: bool) -> tuple[str, str]:
        if is_cut_off(text, fault):
            if last:
                return "JSN202", "the last line is cut off: the file was truncated while it was written or copied"
            return "JSN201", f"the line ends in the middle of a value (column {len(text):,})"
        if python_literal(text) is not None:
            return "JSN215", "this is Python's str() of a dict, not JSON: write rows with json.dumps"
        return "JSN201", why_not_json(text, fault)


def _all_good(lines: list[bytes]) -> list[dict[str, Any]] | None:
    """The rows of some lines, if each is simply a good row; None where one of them needs a look of its own."""
    try:
        values = list(map(orjson.loads, lines))
    except ValueError:
        return None
    if any(type(value) is not dict for value in values):
        return None
    if [line.count(b'":') for line in lines] == list(map(plain_keys, values)):
        return values
    return values if all(map(_has_every_key, lines, values)) else None


def _has_every_key(raw: bytes, value: dict[str, Any]) -> bool:
    """Whether no key of a line was repeated, which orjson does not say. A quote before a colon ends a key, or stands
    escaped inside a text: more of them than there are keys means that the line needs a careful look."""
    keys = raw.count(b'":')
    return keys == plain_keys(value) or keys == count_keys(value, 0)


def guessed_encoding(raw: bytes) -> tuple[str, str]:
    """What the encoding of bytes that are not UTF-8 probably is, in words, and the text that it gives."""
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        return "no guess", raw.decode("utf-8", "replace")
    high = [character for character in text if ord(character) > 127]
    letters = sum(character.isalpha() or character in "‘’“”–—…€°§«»" for character in high)
    if high and letters >= len(high) * 0.6:
        return "it looks like Windows-1252 (Latin-1)", text
    return "it is damaged, or in an encoding that ftui does not guess", raw.decode("utf-8", "replace")
