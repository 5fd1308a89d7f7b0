"""What `ftui data` does to datasets: convert, split, mix. Always into new files."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import tempfile
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any

import orjson

from ftui.core.canonical import canonical_kind
from ftui.core.conversations import RowError
from ftui.core.convert import convert
from ftui.core.lint.rules_dup import near_text, same_start
from ftui.core.lint.view import view
from ftui.errors import EXIT_NO, FtuiError
from ftui.services.dataset import DataRow, Dataset
from ftui.services.dataset_split import Groups, choose_eval
from ftui.services.dataset_write import RowWriter, row_bytes
from ftui.services.near_duplicates import Sketches, confirmed


@dataclass
class Outcome:
    """What was written. files: path -> rows. dropped: reason -> rows that are in none of them, examples: the first."""

    files: dict[str, int] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def drop(self, row: DataRow, error: RowError) -> None:
        reason = f"{error.pointer}: {error}" if error.pointer else str(error)
        self.dropped[reason] += 1
        if len(self.examples) < 5:
            self.examples.append(f"row {row.index:,}: {reason}")


class Output:
    """A writer for the format that a file name asks for: .jsonl, .jsonl.gz, .json, .csv, .tsv or .parquet."""

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        """FtuiError when the file exists and may not be overwritten, or its name says no known format."""
        self.path = path
        name = path.name.removesuffix(".gz")
        self.kind = Path(name).suffix.lstrip(".").lower()
        if self.kind not in ("jsonl", "json", "csv", "tsv", "parquet"):
            raise FtuiError(
                "Unknown kind of file", str(path), "Name it .jsonl, .jsonl.gz, .json, .csv, .tsv or .parquet."
            )
        if path.exists() and not overwrite:
            raise FtuiError("The file is there already", str(path), "Add --force to replace it, or name another.")
        if not path.parent.is_dir():
            raise FtuiError("No such folder", str(path.parent), "Make it first.")
        self._lines = RowWriter(path if self.kind == "jsonl" else path.with_name(f".{path.name}.rows"), mode=0o644)

    def __enter__(self) -> RowWriter:
        return self._lines.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.__exit__(kind, error, trace)
        if kind is not None or self.kind == "jsonl":
            return
        rows = self._lines.path
        try:
            _recode(rows, self.path, self.kind)
        finally:
            rows.unlink(missing_ok=True)


def _recode(rows: Path, path: Path, kind: str) -> None:
    """Write stored JSON Lines as another kind of file, under a temporary name first."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        if kind == "parquet":
            _parquet(rows, temporary)
        elif kind == "json":
            with rows.open("rb") as source, temporary.open("wb") as out:
                out.write(b"[\n")
                for number, line in enumerate(source):
                    out.write(b",\n" * bool(number) + line.rstrip(b"\n"))
                out.write(b"\n]\n")
        else:
            _delimited(rows, temporary, "\t" if kind == "tsv" else ",")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _parquet(rows: Path, path: Path) -> None:
    try:
        import pyarrow.json
        import pyarrow.parquet
    except ImportError as missing:
        raise FtuiError(
            "Parquet needs pyarrow", "it is not installed", "Run: pip install 'ftui-wizard[train]', or write .jsonl."
        ) from missing
    try:
        pyarrow.parquet.write_table(pyarrow.json.read_json(rows), path)
    except (pyarrow.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise FtuiError("The rows do not fit one Arrow table", first, "Write .jsonl instead.", EXIT_NO) from None


def _delimited(rows: Path, path: Path, delimiter: str) -> None:
    """Columns are those of all rows, in the order of their first coming; what is no text is written as JSON."""
    columns: dict[str, None] = {}
    with rows.open("rb") as source:
        for line in source:
            columns.update(dict.fromkeys(orjson.loads(line)))
    with rows.open("rb") as source, path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(columns), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        for line in source:
            writer.writerow({key: _cell(value) for key, value in json.loads(line).items()})


def _cell(value: Any) -> str:
    """A cell's text. What a spreadsheet would run as a formula is written as it is: this is data, not a sheet."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def never_the_input(out: Path, *inputs: Dataset) -> None:
    """FtuiError when `out` is a file that is read: --force replaces results, never data."""
    for source in (source for data in inputs for source in data.sources):
        if out.exists() and out.samefile(source.path):
            raise FtuiError("The input is never overwritten", str(out), "Name another file for the result.")


def convert_dataset(data: Dataset, to: str, out: Path, *, overwrite: bool = False) -> Outcome:
    """Write every row in another form. Rows that cannot be said in it are left out and counted."""
    outcome = Outcome()
    never_the_input(out, data)
    with Output(out, overwrite=overwrite) as rows:
        for row in data.canonical_rows(outcome.drop):
            try:
                for made in convert(row.data, to):
                    rows.write(made)
            except RowError as error:
                outcome.drop(row, error)
        count = rows.rows
    outcome.files[str(out)] = count
    return outcome


def split_dataset(
    data: Dataset, parts: Sequence[tuple[Path, float]], seed: int, *, near: bool = True, overwrite: bool = False
) -> Outcome:
    """Divide rows as they stand into files, each with its share (fractions; the first takes the rest).

    Rows with the same prompt or content, and near duplicates, go to the same file; class labels keep their shares.
    """
    outcome = Outcome()
    for path, _ in parts:
        never_the_input(path, data)
    groups, sketches, kept = Groups(), Sketches(), []
    shared: str | None = None
    """What all texts begin with: it says nothing about two of them."""
    for row in data.canonical_rows(outcome.drop):
        groups.add(row.data)
        kept.append(row.index)
        if near:
            text = view_text(row.data, data)
            sketches.add(text)
            if shared is None or not text.startswith(shared):
                shared = text if shared is None else same_start(shared, text)
    if len(kept) < len(parts):
        raise FtuiError("Too few rows to split", f"{len(kept)} rows for {len(parts)} files", "", EXIT_NO)
    if near:
        texts = functools.partial(_texts, data, shared or "")
        groups.join_all((row, earlier) for row, earlier, _ in confirmed(sketches.candidates(), texts, every=True))
    place_of = _placed(groups, [fraction for _, fraction in parts], seed)
    chosen = {index: place_of[number] for number, index in enumerate(kept)}
    for place, (path, _) in enumerate(parts):
        with Output(path, overwrite=overwrite) as rows:
            for row in data.rows():
                if chosen.get(row.index) == place:
                    rows.write(row.data)
            outcome.files[str(path)] = rows.rows
    return outcome


def view_text(row: dict[str, Any], data: Dataset) -> str:
    """All texts of a canonical row in one string, without a system prompt."""
    return near_text(view(0, None, row, data.format_of(row)))


def _texts(data: Dataset, shared: str, wanted: Container[int]) -> Iterator[tuple[int, str]]:
    for number, row in enumerate(data.canonical_rows()):
        if number in wanted:
            yield number, view_text(row.data, data).removeprefix(shared)


def _placed(groups: Groups, fractions: Sequence[float], seed: int) -> list[int]:
    """For each row the number of its file. Each file but the first is chosen out of what is left."""
    total = len(groups.keys)
    place_of = [0] * total
    left = list(range(total))
    for place in range(1, len(fractions)):
        rest = Groups([groups.keys[row] for row in left], [groups.labels[row] for row in left])
        wanted = max(1, round(fractions[place] * total))
        chosen = choose_eval(rest, wanted, seed + place)
        for number in chosen:
            place_of[left[number]] = place
        left = [row for number, row in enumerate(left) if number not in chosen]
    return place_of


def mix_datasets(
    main: Dataset, others: Sequence[tuple[Dataset, float]], out: Path, seed: int, *, overwrite: bool = False
) -> Outcome:
    """Write all rows of `main` with a share of each other dataset among them, in a random order that `seed` fixes.

    others: (dataset, share of the mixture, 0 to 1). A dataset that has too few rows is used whole. All become the
    canonical kind of `main`'s first row. Raises FtuiError when the shares leave nothing for `main`.
    """
    if not 0 < sum(share for _, share in others) < 1:
        raise FtuiError(
            "The shares make no mixture", "they must add up to more than 0 and less than 1", "Example: 0.05"
        )
    outcome = Outcome()
    never_the_input(out, main, *(data for data, _ in others))
    salt = seed.to_bytes(16, "little", signed=True)
    order: list[tuple[bytes, int, int]] = []
    kind = ""
    with tempfile.TemporaryFile(prefix="ftui-mix-") as spool:
        for number, (data, share) in enumerate([(main, 1.0), *others]):
            keyed: list[tuple[bytes, int, int]] = []
            for line in _lines(data, kind, outcome):
                kind = kind or canonical_kind(orjson.loads(line))
                place = spool.tell()
                keyed.append((_order(salt, number, len(keyed)), place, len(line)))
                spool.write(line)
            if number == 0:
                if not keyed:
                    raise FtuiError("No usable rows", main.path, f"Why: ftui lint {quote(str(main.path))}", EXIT_NO)
                whole = len(keyed) / (1 - sum(other_share for _, other_share in others))
            keyed.sort()
            taken = keyed if number == 0 else keyed[: round(share * whole)]
            order += taken
            outcome.files[data.path] = len(taken)
        order.sort()
        with Output(out, overwrite=overwrite) as rows:
            for _, place, size in order:
                spool.seek(place)
                rows.write_line(spool.read(size))
            outcome.files[str(out)] = rows.rows
    return outcome


def _lines(data: Dataset, kind: str, outcome: Outcome) -> Iterator[bytes]:
    for row in data.canonical_rows(outcome.drop):
        try:
            for made in convert(row.data, kind) if kind else [row.data]:
                yield row_bytes(made)
        except RowError as error:
            outcome.drop(row, error)


def _order(salt: bytes, number: int, place: int) -> bytes:
    return hashlib.blake2b(salt + f"{number}:{place}".encode(), digest_size=16).digest()


def as_text(row: dict[str, Any]) -> str:
    """A row as people read it: its columns, messages with their roles, texts as they are."""
    out = io.StringIO()
    for key, value in row.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
            out.write(f"{key}:\n")
            for message in value:
                flags = "" if message.get("weight", 1) else " (not trained)"
                out.write(f"  [{message['role']}{flags}] {_message_text(message)}\n")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
            out.write(f"{key}: {text}\n")
    return out.getvalue().rstrip("\n")


def _message_text(message: dict[str, Any]) -> str:
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    if message.get("tool_calls"):
        text += f" calls {json.dumps(message['tool_calls'], ensure_ascii=False)}"
    return text
