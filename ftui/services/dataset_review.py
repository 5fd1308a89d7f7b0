"""A person's walk through a dataset: keep, drop or edit each row; every decision is on disk at once.

Decisions live in a journal beside the dataset (`train.review.jsonl`), one JSON object per line, the last one about a
row counts. A row is known by its content, so the walk survives re-ordering and added rows.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftui.errors import FtuiError
from ftui.services.dataset import DataRow, Dataset, readable_dataset
from ftui.services.dataset_fingerprint import row_digest
from ftui.services.dataset_write import RowWriter

KEEP, DROP, EDIT = "keep", "drop", "edit"
DECISIONS = (KEEP, DROP, EDIT)
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Decision:
    """What was decided about a row: keep, drop or edit; `row` is the new row of an edit. note: the reviewer's words."""

    decision: str
    row: dict[str, Any] | None = None
    note: str = ""


class Review:
    """The review of one dataset. Safe to stop at any moment and to go on later."""

    def __init__(self, path: str | Path, journal: Path | None = None) -> None:
        """Open a dataset and its journal. FtuiError when the dataset cannot be read."""
        self.data: Dataset = readable_dataset(path)
        source = self.data.sources[0].path
        self.journal = journal or source.with_name(f"{source.name.split('.')[0]}.review.jsonl")
        self.decisions: dict[str, Decision] = dict(_read(self.journal))

    def rows(self, *, undecided_only: bool = False) -> Iterator[tuple[DataRow, Decision | None]]:
        """Every row with the decision about it, None where there is none yet."""
        for row in self.data.rows():
            decision = self.decisions.get(key_of(row.data))
            if decision is None or not undecided_only:
                yield row, decision

    def decide(self, row: DataRow, decision: Decision) -> None:
        """Remember a decision: it is on the disk when this returns. Raises FtuiError when it cannot be written."""
        if decision.decision not in DECISIONS or (decision.decision == EDIT) != (decision.row is not None):
            raise ValueError(f"not a decision: {decision}")
        key = key_of(row.data)
        entry: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "row": row.index,
            "key": key,
            "decision": decision.decision,
        }
        if decision.row is not None:
            entry["edited"] = decision.row
        if decision.note:
            entry["note"] = decision.note
        try:
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FtuiError("The decision cannot be saved", f"{self.journal}: {error.strerror}") from None
        self.decisions[key] = decision

    def counts(self) -> Counter[str]:
        """How many rows are kept, dropped, edited, and still open."""
        return Counter("open" if decision is None else decision.decision for _, decision in self.rows())

    def export(self, out: Path, *, with_open: bool = True) -> int:
        """Write the kept and edited rows, with those not looked at yet unless told otherwise. Gives the row count."""
        with RowWriter(out, mode=0o644) as rows:
            for row, decision in self.rows():
                if decision is None:
                    if with_open:
                        rows.write(row.data)
                elif decision.decision == KEEP:
                    rows.write(row.data)
                elif decision.row is not None:
                    rows.write(decision.row)
            return rows.rows


def key_of(row: dict[str, Any]) -> str:
    return row_digest(row).hex()[:32]


def _read(journal: Path) -> Iterator[tuple[str, Decision]]:
    if not journal.is_file():
        return
    with journal.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a half-written last line
            if not isinstance(entry, dict) or entry.get("decision") not in DECISIONS:
                continue
            edited = entry.get("edited")
            if (entry["decision"] == EDIT) == isinstance(edited, dict):
                yield str(entry.get("key", "")), Decision(entry["decision"], edited, str(entry.get("note", "")))
