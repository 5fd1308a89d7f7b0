"""Rows of Parquet and Arrow files, batch by batch. Reading runs no code from the file."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftui.core.lint.model import Reporter
from ftui.errors import FtuiError
from ftui.services.dataset_lines import Record, Tally

BATCH_ROWS = 512
MAX_BATCH_BYTES = 2 << 30
"""A batch of 512 rows that takes more memory than this is a bomb: run-length encoding makes it out of a few bytes."""


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as missing:
        raise FtuiError(
            "Parquet and Arrow files need pyarrow",
            "it is not installed",
            "Run: pip install 'ftui-wizard[train]', or convert the file to JSON Lines first.",
        ) from missing
    return pyarrow


class ArrowReader:
    """Reads a Parquet file, an Arrow file or an Arrow stream; problems go to `report`, counts to `tally`."""

    def __init__(self, report: Reporter, kind: str) -> None:
        self.report = report
        self.kind = kind
        self.tally = Tally()

    def rows(self, path: Path) -> Iterator[Record]:
        """The rows of the file. There are no lines in it: a record's line is None."""
        pyarrow = _pyarrow()
        try:
            for batch in self._batches(pyarrow, path):
                batch.validate(
                    full=True
                )  # of a damaged file, offsets may point anywhere in memory; nbytes follows them
                if batch.nbytes > MAX_BATCH_BYTES:
                    self.report.at(None)
                    self.tally.count("damaged", 0)
                    self.report("FIL014", "", f"{batch.num_rows} rows take {batch.nbytes >> 20:,} MiB when unpacked")
                    return
                for row in batch.to_pylist():
                    yield self.tally.records, None, plain(row)
                    self.tally.records += 1
                    self.tally.readable += 1
        except (pyarrow.ArrowException, OSError, ValueError, SystemError) as error:
            self.report.at(None)
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self.tally.count("damaged", 0)
            self.report("FIL013", "", f"the {self.kind} file is damaged or cut off: {first[:200]}")

    def _batches(self, pyarrow: Any, path: Path) -> Iterator[Any]:
        if self.kind == "parquet":
            with pyarrow.parquet.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=BATCH_ROWS)
            return
        with path.open("rb") as raw:
            head = raw.read(6)
        with pyarrow.memory_map(str(path)) as source:
            if head == b"ARROW1":
                reader = pyarrow.ipc.open_file(source)
                batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
            else:
                batches = iter(pyarrow.ipc.open_stream(source))
            for batch in batches:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)


def plain(value: Any) -> Any:
    """A value of Arrow's as JSON has it: bytes as text, times as ISO 8601, decimals as numbers, maps as objects."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
