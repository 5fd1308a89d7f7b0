"""Rows written as JSON Lines: to a temporary name first, so that a reader never sees half a file."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import orjson

from ftui.core.conversations import RowError


def row_bytes(row: dict[str, Any]) -> bytes:
    """One row as a line of JSON, with its line end. Raises RowError for text that cannot be encoded as UTF-8."""
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        pass  # a number beyond 64 bits, a key that is no text, or half of a surrogate pair
    try:
        return json.dumps(_finite(row), ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        raise RowError("", "a text holds half of a surrogate pair and cannot be written (ENC106)") from None


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return value


class RowWriter:
    """Writes rows to `path` (gzip where it ends in .gz); the file appears whole when the `with` block ends well."""

    def __init__(self, path: Path, *, mode: int = 0o600) -> None:
        self.path = path
        self.rows = 0
        self._mode = mode
        self._file: IO[bytes] | None = None
        self._packed: gzip.GzipFile | None = None
        self._temporary = path

    def __enter__(self) -> RowWriter:
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        if self.path.suffix == ".gz":
            self._packed = gzip.GzipFile("", "wb", 6, self._file, mtime=0)
        return self

    def write(self, row: dict[str, Any]) -> None:
        """Add one row. Raises RowError when it cannot be written; the file is as before then."""
        self.write_line(row_bytes(row))

    def write_line(self, line: bytes) -> None:
        """Add one row that is a line of JSON already."""
        target = self._packed or self._file
        assert target is not None, "a RowWriter is used in a `with` block"
        target.write(line)
        self.rows += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        try:
            with self._file:
                if self._packed is not None:
                    self._packed.close()
                if kind is None:
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                self._temporary.chmod(self._mode)
                self._temporary.replace(self.path)
        finally:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stored_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file that ftui wrote itself."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield orjson.loads(line)
