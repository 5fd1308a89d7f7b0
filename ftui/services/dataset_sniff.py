"""What a data file really is: by its first bytes, whatever its name says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ftui.core.lint.model import Reporter, Severity
from ftui.services.dataset_bytes import CorruptFile, DecompressionBomb, as_utf8, blocks, wide_encoding
from ftui.services.dataset_csv import DELIMITERS, delimiter_of
from ftui.services.dataset_json import is_lines

HEAD_BYTES = 1 << 20
KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
         ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow"}  # fmt: skip
COMPRESSIONS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_LFS = b"version https://git-lfs.github.com/spec/"
_CONFLICT_FIRST = b"<<<<<<<"
_MAGIC = (
    (b"PK\x03\x04", "a zip archive (or an Excel workbook)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word document"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x80\x02", "a Python pickle (which can run code when it is opened)"),
    (b"\x80\x03", "a Python pickle (which can run code when it is opened)"),
    (b"\x80\x04", "a Python pickle (which can run code when it is opened)"),
    (b"\x80\x05", "a Python pickle (which can run code when it is opened)"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
)


@dataclass(frozen=True)
class Source:
    """One data file and how to read it. kind: jsonl, json, csv, tsv, parquet, arrow. delimiter is for csv and tsv.

    encoding: "utf-8", or what the content must be recoded from. bom: whether a UTF-8 byte order mark comes first.
    """

    path: Path
    kind: str
    split: str = ""
    compression: str = ""
    encoding: str = "utf-8"
    bom: bool = False
    delimiter: str = ","
    named: bool = True
    """False for standard input: there is no name that could disagree with the content."""
    size_bytes: int = 0

    @property
    def is_plain_lines(self) -> bool:
        """Whether the bytes of the file are its lines, so that a stretch of it can be read by itself."""
        return self.kind == "jsonl" and not self.compression and self.encoding == "utf-8"

    def content(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The text of the file as UTF-8 blocks without byte order mark; not for Parquet and Arrow."""
        source = blocks(self.path, self.compression, start, end)
        if self.encoding != "utf-8":
            source = as_utf8(source, self.encoding)
        first = True
        for block in source:
            yield block.removeprefix(b"\xef\xbb\xbf") if first and start == 0 else block
            first = first and not block


def kind_by_name(name: str) -> str:
    path = Path(name.lower())
    if path.suffix in COMPRESSIONS:
        path = path.with_suffix("")
    return KINDS.get(path.suffix, "")


def inspect(path: Path, split: str, report: Reporter, *, named: bool = True) -> Source | None:
    """Look at the beginning of a file and say how to read it; None, with a finding, when it is no data."""
    report.at(None)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        report("FIL008", "", f"{path.name} cannot be read: {error.strerror}")
        return None
    if not head:
        report("FIL002", "", "the file is empty (0 bytes)")
        return None
    source = Source(path, "", split, size_bytes=size, named=named)
    if head.startswith(_LFS):
        report("FIL005", "", "this is a Git LFS pointer, not the data: fetch it with `git lfs pull`", text=_text(head))
        return None
    compression = "gzip" if head.startswith(b"\x1f\x8b") else "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else ""
    by_name = COMPRESSIONS.get(path.suffix.lower(), "")
    if compression:
        if named and by_name != compression:
            why = f"the content is compressed ({compression}), the name says {path.suffix or 'nothing'}"
            report("FIL004", "", f"{why}; it was read all the same", severity=Severity.WARNING)
        opened = _opened_head(replace(source, compression=compression), report)
        if opened is None:
            return None
        head, source = opened, replace(source, compression=compression)
    elif by_name:
        why = f"the name ends in {path.suffix}, but the content is not compressed"
        report("FIL004", "", f"{why}; it was read all the same", severity=Severity.WARNING)
    return _by_content(source, head, report)


def _opened_head(source: Source, report: Reporter) -> bytes | None:
    head = b""
    try:
        for block in source.content():
            head += block
            if len(head) >= HEAD_BYTES:
                break
    except CorruptFile as error:
        if not head:
            report("FIL013", "", f"the {source.compression} stream is damaged or cut off: {error}")
            return None  # otherwise reading says so, after the rows that came before
    except DecompressionBomb as error:
        report("FIL014", "", f"not read: {error}")
        return None
    return head


def _by_content(source: Source, head: bytes, report: Reporter) -> Source | None:
    by_name = kind_by_name(source.path.name)
    for kind, magic in (("parquet", b"PAR1"), ("arrow", b"ARROW1"), ("arrow", b"\xff\xff\xff\xff")):
        if head.startswith(magic):
            return _named_otherwise(replace(source, kind=kind), by_name, report)
    for magic, what in _MAGIC:
        if head.startswith(magic):
            report("FIL004", "", f"this is {what}, not a dataset; export the rows as JSON Lines or CSV")
            return None
    wide = wide_encoding(head)
    if wide:
        report.line = 1
        report("ENC105", "", f"the text is {wide.upper()}, not UTF-8; it was read all the same")
        report.line = None
        source = replace(source, encoding=wide)
        head = b"".join(as_utf8(iter([head[: len(head) // 4 * 4]]), wide))
    if head.startswith(b"\xef\xbb\xbf"):
        source, head = replace(source, bom=not wide), head[3:]
        if not wide:
            report.line = 1
            report(
                "ENC101",
                "",
                "the file begins with a byte order mark; some readers make it part of the first column or fail",
            )
            report.line = None
    start = head.lstrip()
    if not start:
        if not head.strip(b"\0 \t\r\n") and b"\0" in head:
            report("ENC103", "", "the file begins with nothing but NUL bytes: it was damaged when written")
        elif source.size_bytes <= HEAD_BYTES or source.compression:
            report(
                "FIL003" if head else "FIL002",
                "",
                "the file holds only blank lines" if head else "there is no row in it",
            )
            return None
    if start[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        report("FIL012", "", "this is a web page, saved in place of the data: the download failed", text=_text(start))
        return None
    return _text_kind(source, start, by_name, report)


def _text_kind(source: Source, start: bytes, by_name: str, report: Reporter) -> Source | None:
    jsonish = start.startswith((b"{", b"[", b'"', b"\0", _CONFLICT_FIRST))
    if by_name in ("csv", "tsv") and not _json_object(start):
        return _delimited(source, start, by_name, report)
    if jsonish or by_name in ("json", "jsonl"):
        kind = "jsonl" if is_lines(start) else "json"
        return _named_otherwise(replace(source, kind=kind), by_name, report)
    if by_name in ("parquet", "arrow"):
        looks_text = b"\0" not in start[:4096]
        reason = "the content is text, not " if looks_text else "the file is damaged: it does not begin as "
        report("FIL004" if looks_text else "FIL013", "", f"{reason}{by_name}")
        return None
    first, second = [*start.decode("utf-8", "replace").splitlines()[:2], "", ""][:2]
    delimiter = delimiter_of(first)
    if delimiter and second and second.count(delimiter) >= first.count(delimiter) > 0 and b"\0" not in start[:4096]:
        return _named_otherwise(replace(source, kind="csv", delimiter=delimiter), by_name, report)
    what = "binary data" if b"\0" in start[:4096] else "plain text"
    report("FIL004", "", f"this is {what}, not rows: ftui reads JSON Lines, JSON, CSV, TSV, Parquet and Arrow",
           text=_text(start))  # fmt: skip
    return None


def _json_object(start: bytes) -> bool:
    return bool(re.match(rb'\[?\s*\{\s*"', start))


def _delimited(source: Source, start: bytes, by_name: str, report: Reporter) -> Source:
    expected = "\t" if by_name == "tsv" else ","
    header = start.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    found = delimiter_of(header) or expected
    if found != expected and expected not in header:
        report.line = 1
        report("CSV224", "", f"the columns are separated by a {DELIMITERS[found]}, where .{by_name} means a"
               f" {DELIMITERS[expected]}; it was read all the same", text=header)  # fmt: skip
        report.line = None
        expected = found
    return replace(source, kind=by_name, delimiter=expected)


def _named_otherwise(source: Source, by_name: str, report: Reporter) -> Source:
    """Say when name and content disagree. JSON against JSON Lines is JSN203 and JSN204, which reading reports."""
    kind = source.kind
    suffix = Path(source.path.name).suffix or "no extension"
    if not source.named:
        return source
    if not by_name:
        report("FIL004", "", f"the content is {kind.upper()}, the name says {suffix}; it was read all the same",
               severity=Severity.INFO)  # fmt: skip
    elif by_name != kind and {by_name, kind} != {"json", "jsonl"}:
        missing = " (it does not begin with PAR1)" if by_name == "parquet" else ""
        report(
            "FIL004", "", f"the name says {by_name}, the content is {kind.upper()}{missing}; it was read all the same"
        )
    return source


def _text(head: bytes) -> str:
    return head[:200].decode("utf-8", "replace")
