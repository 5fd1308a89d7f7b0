"""CSV and TSV rows with their physical lines: any delimiter, quoted line breaks, ragged rows said and left out."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from ftui.core.formats import detect_format
from ftui.core.lint.model import Reporter, pointer_step
from ftui.services.dataset_lines import Record, Tally, guessed_encoding

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
MAX_FIELD_CHARACTERS = 10 << 20
NA_STRINGS = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null"]
)  # fmt: skip
"""Texts that pandas.read_csv turns into missing values by default (pandas documentation, `na_values`)."""


def delimiter_of(header: str) -> str | None:
    """The delimiter of a header line: the one that gives known columns, else the one that gives most; None for none."""
    best, best_score = None, (False, 1)
    for delimiter in DELIMITERS:
        try:
            columns = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            continue
        score = (bool(detect_format(dict.fromkeys(columns)).kind), len(columns))
        if score > best_score:
            best, best_score = delimiter, score
    return best


class CsvReader:
    """Reads delimited text; problems go to `report`, counts to `tally`."""

    def __init__(self, report: Reporter, delimiter: str) -> None:
        self.report = report
        self.delimiter = delimiter
        self.tally = Tally()
        self._line = 0

    def rows(self, source: Iterator[bytes]) -> Iterator[Record]:
        csv.field_size_limit(MAX_FIELD_CHARACTERS)
        # Not strict: a quote within a field is common in hand-made files and does no harm.
        reader = csv.reader(self._lines(source), delimiter=self.delimiter)
        header: list[str] | None = None
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader, None)
            except csv.Error as error:
                self._say("CSV222", line, f"reading stopped, a quoted field does not end: {error}")
                break
            if fields is None:
                break
            if not fields:
                self.tally.count("JSN211", line)
            elif header is None:
                header = self._header(fields)
            else:
                yield from self._row(header, fields, line, reader.line_num)
        self.tally.lines = self._line

    def _header(self, fields: list[str]) -> list[str]:
        """Column names, each once: the second of two equal ones gets a number (the rows stay readable)."""
        header: list[str] = []
        for name in fields:
            unique, number = name, 2
            while unique in header:
                unique, number = f"{name} ({number})", number + 1
            if unique != name:
                self._say("SCH306", 1, f"two columns have the name {name!r}; the second is read as {unique!r}")
            header.append(unique)
        return header

    def _row(self, header: list[str], fields: list[str], line: int, last_line: int) -> Iterator[Record]:
        if len(fields) != len(header):
            code, why = "CSV221", f"{len(fields)} fields where the header has {len(header)}"
            if last_line - line > 20 or (last_line == self._line and "\n" in fields[-1] and last_line - line > 1):
                code, why = "CSV222", f"a quote that opens on this line swallows the text up to line {last_line}"
            self._say(code, line, why, self.delimiter.join(fields))
            self.tally.records += 1
            return
        row = dict(zip(header, fields, strict=True))
        for name, value in row.items():
            if value and value in NA_STRINGS:
                why = f"a reader like pandas takes {value!r} for a missing value and drops the row"
                self._say("CSV225", line, why, value, (0, len(value)), "/" + pointer_step(name))
        yield self.tally.records, line, row
        self.tally.records += 1
        self.tally.readable += 1

    def _say(
        self, code: str, line: int, message: str, text: str = "", span: tuple[int, int] | None = None, pointer: str = ""
    ) -> None:
        self.report.row, self.report.line = self.tally.records, line
        self.report(code, pointer, message, text=text, span=span)

    def _lines(self, source: Iterator[bytes]) -> Iterator[str]:
        """Physical lines as text, with their ends (a quoted field may hold them)."""
        pending = b""
        for block in source:
            pending += block
            if len(pending) > 2 * MAX_FIELD_CHARACTERS and b"\n" not in block:
                self._say(
                    "JSN210", self._line + 1, f"a line of more than {MAX_FIELD_CHARACTERS >> 19} MiB; reading stopped"
                )
                return
            lines = pending.split(b"\n")
            pending = lines.pop()
            for raw in lines:
                yield from self._split_at_bare_returns(self._text(raw) + "\n")
        if pending:
            yield from self._split_at_bare_returns(self._text(pending))

    def _split_at_bare_returns(self, line: str) -> Iterator[str]:
        """Old Macintosh files end lines with a carriage return alone; within quotes it may be part of a text."""
        body = line.rstrip("\r\n")
        if "\r" not in body or '"' in body:
            yield line
            return
        pieces = body.split("\r")
        self.tally.count("ENC107", self._line, len(pieces) - 1)
        self.tally.counts.setdefault("ENC107 bare carriage return", 1)
        for piece in pieces:
            yield piece + "\n"

    def _text(self, raw: bytes) -> str:
        self._line += 1
        if raw.endswith(b"\r"):
            self.tally.count("ENC104", self._line)
        if b"\0" in raw:
            self._say("ENC103", self._line, f"{raw.count(0):,} NUL bytes")
            raw = raw.replace(b"\0", b"")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            guess, text = guessed_encoding(raw)
            where = f"byte {error.start + 1:,} of the line (0x{raw[error.start]:02x}) is not UTF-8"
            self._say("ENC102", self._line, f"{where}; {guess}", text, (error.start, error.start + 1))
            return text
