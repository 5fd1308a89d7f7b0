"""JSON that is not one object per line: arrays, pretty-printed objects, one object that holds the rows.

The text is read in a window that moves along, so that an array of any size streams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from ftui.core.conversations import type_name
from ftui.core.formats import detect_format
from ftui.core.lint.model import Reporter
from ftui.services.dataset_lines import Record, Tally
from ftui.services.dataset_values import Fault, Value, is_cut_off, read_value, why_not_json

MAX_VALUE_CHARACTERS = 64 << 20
"""One row, or one object that holds all rows: beyond this it is not read."""
_FORGET_CHARACTERS = 1 << 20
_NEXT_OBJECT = re.compile(r"\}[\s,]*\{")
_ROW_LISTS = ("data", "rows", "train", "examples", "instances", "items", "records")


def is_lines(head: bytes) -> bool:
    """Whether JSON that begins with `head` (up to 1 MiB) is one value per line, good or bad."""
    head = head.lstrip()
    if not head.startswith((b"{", b"[")):
        return True
    first, newline, rest = head.partition(b"\n")
    following = rest.lstrip()
    if _loads(first):
        # One value on one line, and nothing after it: it may be an object that holds all rows.
        return bool(following) and (not first.startswith(b"[") or following.startswith((b"[", b"{")))
    if head.startswith(b"["):
        # A row that is an array on a line of its own would have parsed; what is left is an array over many lines,
        # or a long one of which only the head is known.
        return False
    text = head.decode("utf-8", "replace")
    read = read_value(text)
    if read.end >= 0:
        return read.end <= len(first.decode("utf-8", "replace"))
    bare = first.strip() in (b"{", b"{}") or first.rstrip().endswith((b"{", b"[", b","))
    return not (newline and bare and not following.startswith(b"{"))


def _loads(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True


class _Window:
    """The part of the text that is being looked at; knows its physical line."""

    def __init__(self, source: Iterator[bytes], tally: Tally) -> None:
        self._source = source
        self._undecoded = b""
        self.text = ""
        self.place = 0
        self.at_end = False
        self._line = 1
        self._counted = 0
        self.tally = tally
        self._read_bytes = 0

    def more(self) -> bool:
        """Read at least as much again as is still unread; False at the end of the file."""
        if self.place > _FORGET_CHARACTERS:
            self.line()
            self.text = self.text[self.place :]
            self._counted = self.place = 0
        wanted = max(1 << 16, len(self.text) - self.place)
        pieces: list[str] = []
        while wanted > 0 and not self.at_end:
            block = next(self._source, None)
            if block is None:
                self.at_end = True
                block = b""
            pieces.append(self._decoded(block))
            wanted -= len(pieces[-1])
        self.text += "".join(pieces)
        return any(pieces)

    def _decoded(self, block: bytes) -> str:
        data = self._undecoded + block
        self._undecoded = b""
        self._read_bytes += len(block)
        if b"\r" in block:
            windows = block.count(b"\r\n")
            if windows:
                self.tally.count("ENC104", 1, windows)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            if len(data) - error.start < 4 and not self.at_end:
                self._undecoded = data[error.start :]
                return data[: error.start].decode("utf-8")
            line = self._line + self.text.count("\n", self._counted) + data.count(b"\n", 0, error.start)
            offset = self._read_bytes - len(data) + error.start
            self.tally.count(f"ENC102 byte {offset:,} (0x{data[error.start]:02x})", line)
            return data.decode("utf-8", "replace")

    def line(self) -> int:
        """The physical line of `place`."""
        self._line += self.text.count("\n", self._counted, self.place)
        self._counted = self.place
        return self._line

    def skip(self, characters: str) -> str:
        """Go on to the next character that is none of these; gives it, or "" at the end."""
        while True:
            while self.place < len(self.text) and self.text[self.place] in characters:
                self.place += 1
            if self.place < len(self.text):
                return self.text[self.place]
            if not self.more():
                return ""

    def value(self) -> Value:
        """Read the value at `place`, reading on as long as it may only be cut by the window's edge."""
        while True:
            read = read_value(self.text, self.place)
            complete = read.end >= 0 and read.end < len(self.text)
            if complete or self.at_end or (read.end < 0 and self._broken_within(read)):
                return read
            if len(self.text) - self.place > MAX_VALUE_CHARACTERS:
                return Value(
                    faults=[Fault("JSN210", f"a value of more than {MAX_VALUE_CHARACTERS >> 20} MiB was not read")]
                )
            self.more()

    def _broken_within(self, read: Value) -> bool:
        """Whether a value is broken well before the window's edge, so that reading on would not mend it."""
        fault = read.faults[0]
        at_edge = fault.column is None or fault.column > len(self.text) - 64
        return fault.code != "JSN201" or not (at_edge or fault.message.startswith("Unterminated string"))


class ValueReader:
    """Reads JSON values one after another, in an array or not; problems go to `report`, counts to `tally`."""

    def __init__(self, report: Reporter) -> None:
        self.report = report
        self.tally = Tally()
        self.top_level = ""
        """What the file is: "array", "object" (it holds the rows, or is the row), "objects" (one after another)."""

    def rows(self, source: Iterator[bytes]) -> Iterator[Record]:
        window = _Window(source, self.tally)
        first = window.skip(" \t\r\n\ufeff")
        if first == "[":
            self.top_level = "array"
            window.place += 1
            yield from self._elements(window)
        elif first:
            yield from self._objects(window)
        window.place = len(window.text)
        self.tally.lines = window.line() - (1 if window.text.endswith("\n") else 0)

    def _say(self, code: str, line: int, message: str, text: str = "", span: tuple[int, int] | None = None) -> None:
        self.report.row, self.report.line = self.tally.records, line
        self.report(code, "", message, text=text, span=span)

    def _elements(self, window: _Window) -> Iterator[Record]:
        while True:
            character = window.skip(" \t\r\n,")
            if character == "]":
                window.place += 1
                if window.skip(" \t\r\n"):
                    self._say("JSN201", window.line(), "something follows the array", window.text, _here(window))
                return
            if not character:
                self._say("JSN202", window.line(), "the array is not closed: the file was truncated")
                return
            line, start = window.line(), window.place
            read = window.value()
            yield from self._taken(read, window, line)
            if read.end < 0 and not self._resync(window):
                return
            if read.end == start:
                return

    def _objects(self, window: _Window) -> Iterator[Record]:
        line = window.line()
        read = window.value()
        if read.end >= 0:
            window.place = read.end
            if not window.skip(" \t\r\n"):
                self.top_level = "object"
                yield from self._single(read, line)
                return
        self.top_level = "objects"
        yield from self._taken(read, window, line)
        if read.end < 0 and not self._resync(window):
            return
        while window.skip(" \t\r\n,"):
            line = window.line()
            read = window.value()
            yield from self._taken(read, window, line)
            if read.end < 0 and not self._resync(window):
                return

    def _taken(self, read: Value, window: _Window, line: int) -> Iterator[Record]:
        for fault in read.faults:
            code, message, place = fault.code, fault.message, fault.column
            if code == "JSN201":
                code, message = self._cause(window, fault)
            if place is not None:
                line = line + window.text.count("\n", window.place, place)
            self._say(code, line, message, window.text, None if place is None else (place, place + 1))
        if read.end < 0:
            self.tally.records += 1
            return
        window.place = read.end
        yield from self._row(read.value, line)

    def _row(self, value: Any, line: int | None) -> Iterator[Record]:
        if isinstance(value, str):
            inner = read_value(value)
            if isinstance(inner.value, dict) and not value[inner.end :].strip():
                self._say("JSN214", line or 1, "the row is a text that holds JSON: it was encoded twice", value)
                value = inner.value
        if not isinstance(value, dict):
            self._say("JSN213", line or 1, f"a row must be an object, this is {type_name(value)}", str(value)[:200])
            self.tally.records += 1
            return
        yield self.tally.records, line, value
        self.tally.records += 1
        self.tally.readable += 1

    def _single(self, read: Value, line: int) -> Iterator[Record]:
        """One object is the whole file: the row itself, or what holds the rows."""
        for fault in read.faults:
            self._say(fault.code, line, fault.message)
        value = read.value
        rows = rows_within(value) if isinstance(value, dict) else None
        if rows is None:
            yield from self._row(value, line)
            return
        for row in rows:
            yield from self._row(row, None)

    def _cause(self, window: _Window, fault: Any) -> tuple[str, str]:
        rest = window.text[window.place :] if window.at_end else window.text[window.place : fault.column + 64]
        column = fault.column - window.place
        moved = type(fault)(fault.code, fault.message, column)
        if window.at_end and is_cut_off(rest, moved):
            return "JSN202", "the last value is cut off: the file was truncated while it was written or copied"
        return "JSN201", why_not_json(rest, moved)

    def _resync(self, window: _Window) -> bool:
        """After a broken value: go on at the next object, where there is one."""
        while True:
            found = _NEXT_OBJECT.search(window.text, window.place)
            if found:
                window.place = found.end() - 1
                return True
            if len(window.text) - window.place > MAX_VALUE_CHARACTERS or not window.more():
                window.place = len(window.text)
                return False


def _here(window: _Window) -> tuple[int, int]:
    return window.place, window.place + 1


def rows_within(value: Mapping[str, Any]) -> list[Any] | None:
    """The rows that one object holds: a list under a usual name, or columns as lists. None when it is a row itself."""
    if detect_format(value).kind and not _is_columns(value):
        return None
    named = [value[name] for name in _ROW_LISTS if isinstance(value.get(name), list)]
    lists = named or [inner for inner in value.values() if isinstance(inner, list)]
    if len(lists) == 1 and lists[0] and all(isinstance(row, dict) for row in lists[0]):
        return list(lists[0])
    if _is_columns(value):
        return [dict(zip(value, cells, strict=True)) for cells in zip(*value.values(), strict=True)]
    return None


def _is_columns(value: Mapping[str, Any]) -> bool:
    """`{"prompt": [...], "completion": [...]}`: every value a list of texts, all of one length, two columns or more."""
    columns = list(value.values())
    if len(columns) < 2 or not all(isinstance(column, list) and column for column in columns):
        return False
    texts = all(isinstance(cell, (str, int, float)) for column in columns for cell in column[:8])
    return texts and len({len(column) for column in columns}) == 1 and "input_ids" not in value
