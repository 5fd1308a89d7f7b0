"""The walk through the rows of a dataset under review: forwards, to the next open one, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from ftui.services.dataset import DataRow
from ftui.services.dataset_review import Decision, Review, key_of

MOST_BEHIND = 2_000
"""How far back one can go; rows further behind are let go, so that memory does not grow with the file."""


class Walk:
    """Where in the file the reviewer is. Rows are read as they are come to.

    only: the numbers of the rows to walk; empty for all. ended: whether the walk is past its last row.
    """

    def __init__(self, path: Path, only: Collection[int] = ()) -> None:
        """Open the dataset and what was decided about it. Raises FtuiError where it cannot be read."""
        self.review = Review(path)
        self._only, self._last = frozenset(only), max(only, default=-1)
        self._ahead = self.review.data.rows()
        self._behind: list[DataRow] = []
        self._at = -1

    @property
    def row(self) -> DataRow | None:
        """The present row; None before the first and after the last."""
        return self._behind[self._at] if 0 <= self._at < len(self._behind) else None

    @property
    def decision(self) -> Decision | None:
        """What was decided about the present row."""
        return self.review.decisions.get(key_of(self.row.data)) if self.row is not None else None

    def forward(self, *, to_open: bool, stop: Callable[[], bool] = lambda: False) -> bool:
        """Go to the next row, or to the next that nothing was decided about. False past the last row, or when stopped
        (a long file takes a while)."""
        while not stop():
            if self._at + 1 < len(self._behind):
                self._at += 1
            elif not self._read():
                self._at = len(self._behind)
                return False
            if not to_open or self.decision is None:
                return True
        return False

    def back(self) -> bool:
        """Go to the row before; False where there is none (any more)."""
        if self._at <= 0:
            return False
        self._at -= 1
        return True

    def _read(self) -> bool:
        for row in self._ahead:
            if self._only and row.index > self._last:
                return False
            if self._only and row.index not in self._only:
                continue
            self._behind.append(row)
            if len(self._behind) > MOST_BEHIND:
                del self._behind[0]
            self._at = len(self._behind) - 1
            return True
        return False

    def decide(self, decision: Decision) -> str:
        """Remember a decision about the present row, on the disk. Gives what was decided before ("open" for nothing).
        Raises FtuiError where the disk refuses."""
        assert self.row is not None
        before = self.decision
        self.review.decide(self.row, decision)
        return before.decision if before else "open"


def count(path: Path, only: Collection[int], stop: Callable[[], bool]) -> Counter[str]:
    """How many of the rows are kept, dropped, edited and open; what it has so far when it is stopped."""
    counted: Counter[str] = Counter()
    wanted = frozenset(only)
    for row, decision in Review(path).rows():
        if stop():
            break
        if not wanted or row.index in wanted:
            counted[decision.decision if decision else "open"] += 1
    return counted
