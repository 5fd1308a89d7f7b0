"""Rating sessions on disk: eval/ratings.jsonl of the run, one line per word of a rater, written at once.

A session can be left at any time and goes on where it was. A rating belongs to the two texts that were rated: after
the models were scored again and answered otherwise, it no longer counts.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftui.core.rating import Rating, RatingSummary, presentation, summarize, toward_tuned
from ftui.errors import FtuiError
from ftui.services.report import read_samples
from ftui.services.runs import Run

_NAME = re.compile(r"[^\w .@+-]+")


@dataclass(frozen=True, slots=True)
class Item:
    """Two answers to one prompt, blind. id: the held-out row. place: 1-based, out of total."""

    id: int
    place: int
    total: int
    prompt: str
    reference: str
    left: str
    right: str


@dataclass
class Session:
    """One rater's way through the rows where the two answers differ. same: rows where they do not."""

    run: Run
    rater: str
    seed: int
    same: int
    _items: list[Item]
    _sides: dict[int, bool]
    _texts: dict[int, str]
    _rated: set[int]
    _skipped: set[int] = field(default_factory=set)
    _history: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Rows to rate."""
        return len(self._items)

    @property
    def done(self) -> int:
        """Rows that this rater has rated, in this session and before."""
        return len(self._rated)

    def next_item(self) -> Item | None:
        """The first row that is neither rated nor skipped; None when all are."""
        return next((i for i in self._items if i.id not in self._rated and i.id not in self._skipped), None)

    def rate(self, item: Item, keys: Mapping[str, int], comment: str = "") -> None:
        """Keep a rating; it is on the disk when this returns. Raises ValueError for a missing key, FtuiError."""
        scores = toward_tuned(keys, self._sides[item.id])
        self._append({"toward_tuned": scores, "comment": comment[:2000]}, item.id)
        self._rated.add(item.id)
        self._skipped.discard(item.id)
        self._history.append(item.id)

    def skip(self, item: Item) -> None:
        """Leave the row for a later session."""
        self._skipped.add(item.id)

    def undo(self) -> Item | None:
        """Take back the last rating of this session and give its row; None where there is none."""
        if not self._history:
            return None
        row = self._history.pop()
        self._append({"undone": True}, row)
        self._rated.discard(row)
        return next(item for item in self._items if item.id == row)

    def _append(self, words: dict[str, Any], row: int) -> None:
        record = {
            "schema_version": 1,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "rater": self.rater,
            "id": row,
            "answers": self._texts[row],
            **words,
        }
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        path = ratings_file(self.run.path)
        try:
            # One write at the end of the file: two raters in two terminals do not mix their lines.
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                if os.write(handle, line) != len(line):
                    raise OSError(28, "No space left on device", str(path))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise FtuiError("The rating cannot be kept", f"{path}: {error.strerror}", "Free some space.") from None


def default_rater() -> str:
    """The login name; `rater` where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "rater"


def ratings_file(folder: Path) -> Path:
    """Where the ratings of a run (or of its scores on other rows) lie."""
    return folder / "eval" / "ratings.jsonl"


def open_session(run: Run, rater: str = "", *, seed: int | None = None, rows_max: int | None = None) -> Session:
    """Begin or go on. seed: of the order and the sides (default: the plan's). rows_max: rate this many rows only.

    Raises FtuiError where the run has no compared answers, or all of them are equal.
    """
    rows = _answers(run)
    named = _NAME.sub(" ", rater or default_rater()).strip()[:40]
    if not named:
        raise FtuiError("Who rates?", f"--rater {rater!r} is no name", "Give one with letters.")
    if rows_max is not None and rows_max < 1:
        raise FtuiError("Wrong number of rows", f"{rows_max}; at least one is needed")
    differing = {row["id"]: row for row in rows if row["base"].strip() != row["tuned"].strip()}
    if not differing:
        raise FtuiError(
            "There is nothing to rate", f"base and tuned gave the same answer to all {len(rows)} held-out prompts"
        )
    chosen = seed if seed is not None else run.plan().train.seed
    order = presentation(list(differing), chosen, named, rows_max)
    items, texts = [], {}
    for place, (row, tuned_on_right) in enumerate(order, 1):
        answers = differing[row]
        left, right = (answers["base"], answers["tuned"]) if tuned_on_right else (answers["tuned"], answers["base"])
        items.append(Item(row, place, len(order), answers["prompt"], answers.get("reference") or "", left, right))
        texts[row] = _fingerprint(answers)
    rated = {rating.row for rating in read_ratings(run.path, rows) if rating.rater == named}
    return Session(
        run, named, chosen, len(rows) - len(differing), items, dict(order), texts, rated & {item.id for item in items}
    )


def summary(run: Run) -> RatingSummary | None:
    """What all raters said; None where nobody rated."""
    rows = read_samples(run.path / "eval" / "samples.jsonl")
    return summarize(read_ratings(run.path, rows)) if rows else None


def read_ratings(folder: Path, samples: Sequence[Mapping[str, Any]]) -> list[Rating]:
    """The ratings that stand: not taken back, and of the texts that the samples hold. A broken line is passed over."""
    try:
        lines = ratings_file(folder).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    texts = {row.get("id"): _fingerprint(row) for row in samples}
    standing: dict[tuple[str, int], Rating] = {}
    for line in lines:
        try:
            record = json.loads(line)
            key = (str(record["rater"]), int(record["id"]))
            if record["answers"] != texts.get(key[1]):
                continue
            if record.get("undone"):
                standing.pop(key, None)
                continue
            scores = {str(name): float(value) for name, value in record["toward_tuned"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        standing[key] = Rating(*key, scores, str(record.get("comment", "")))
    return list(standing.values())


def _answers(run: Run) -> list[dict[str, Any]]:
    rows = read_samples(run.path / "eval" / "samples.jsonl")
    usable = [
        row
        for row in rows
        if isinstance(row.get("id"), int) and all(isinstance(row.get(key), str) for key in ("prompt", "base", "tuned"))
    ]
    if not usable:
        raise FtuiError(
            "There are no answers to rate", f"{run.name} was not scored yet", f"Score it first: ftui eval {run.name}"
        )
    return usable


def _fingerprint(row: Mapping[str, Any]) -> str:
    """Of the two texts of a row, so that a rating of other texts is told apart."""
    whole = json.dumps([row.get("base"), row.get("tuned")], ensure_ascii=False)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]
