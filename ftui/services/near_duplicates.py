"""Near-duplicate texts among millions, in memory that does not depend on how long they are.

A text is the set of its 8-byte pieces (lower case, every offset). MinHash sketches of these sets (rensa) are cut into
8 bands of 4 values; texts that agree in a band are candidates, and candidates are compared on the texts themselves, so
that a reported similarity is exact. Two texts of Jaccard similarity s become candidates with probability
1 - (1 - s^4)^8: 0.985 at 0.8, 0.9999 at 0.9, 0.06 at 0.3 (Leskovec et al., Mining of Massive Datasets, 3.4).
Kept per text: 64 bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftui.core.lint.dup_totals import standing_again
from ftui.errors import FtuiError

PIECE_BYTES = 8
BANDS = 8
ROWS_PER_BAND = 4
SIMILARITY = 0.8
MIN_TEXT_BYTES = 40
"""A shorter text has too few pieces for a share of them to mean anything."""
MAX_TEXT_BYTES = 1 << 18
_SEED = 1
_BATCH_TEXTS = 64
_SLOTS = 4
"""Earlier texts that one text is compared with, at most."""
_KEPT_BYTES = 64 << 20


def _pieces(text: str) -> bytes:
    """The 8-byte pieces of a text, one after another: at offset 0, 8, 16 ..., then 1, 9, 17 ... and so on.

    Up to seven pieces near the end are left out, the last one is not; written out, because it runs for every row.
    """
    data = text[:MAX_TEXT_BYTES].lower().encode("utf-8", "surrogatepass")
    if len(data) < MIN_TEXT_BYTES:
        return b""
    m = len(data) // 8 * 8 - 8
    return b"".join(
        (data[: m + 8], data[1 : m + 1], data[2 : m + 2], data[3 : m + 3], data[4 : m + 4], data[5 : m + 5],
         data[6 : m + 6], data[7 : m + 7], data[-8:])
    )  # fmt: skip


def similarity(one: str, other: str) -> float:
    """The exact Jaccard similarity of the piece sets of two texts, 0 to 1; 0 where either is too short."""
    return _jaccard(_piece_set(one), _piece_set(other))


def _piece_set(text: str) -> frozenset[int]:
    return frozenset(memoryview(_pieces(text)).cast("Q"))


def _jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    together = len(one & other)
    return together / (len(one) + len(other) - together) if together else 0.0


@dataclass
class Sketches:
    """Bands of every text that was added, in order. Picklable; a stretch of a file comes back and is appended."""

    bands: list[array[int]] = field(default_factory=lambda: [array("q") for _ in range(BANDS)])
    count: int = 0
    """How many texts were added."""
    _waiting: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def add(self, text: str) -> None:
        """Add the next text."""
        self.extend_with([text])

    def extend_with(self, texts: Sequence[str]) -> None:
        """Add the next texts."""
        self.count += len(texts)
        self._waiting += map(_pieces, texts)
        if len(self._waiting) >= _BATCH_TEXTS:
            self.flush()

    def pad_to(self, count: int) -> None:
        """Let rows that have no text count as texts that resemble nothing."""
        missing = max(0, count - self.count)
        self._waiting += [b""] * missing
        self.count += missing

    def flush(self) -> None:
        """Sketch what waits for a full batch."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        ends, end = [0], 0
        for pieces in waiting:
            end += len(pieces) // PIECE_BYTES
            ends.append(end)
        flat = memoryview(b"".join(waiting)).cast("Q")
        matrix = _rensa().RMinHash.digest_matrix_from_flat_token_hashes(flat, ends, BANDS * ROWS_PER_BAND, _SEED)
        columns = list(zip(*matrix.to_rows(), strict=True))
        empty = [place for place, pieces in enumerate(waiting) if not pieces]
        for number, band in enumerate(self.bands):
            start = len(band)
            parts = columns[ROWS_PER_BAND * number : ROWS_PER_BAND * (number + 1)]
            band.extend(map(hash, zip(*parts, strict=True)))  # the hash of a tuple of ints is the same in every process
            for place in empty:
                band[start + place] = 0

    def extend(self, later: Sketches) -> None:
        """Append the texts that another process sketched."""
        self.flush()
        later.flush()
        self.count += later.count
        for mine, theirs in zip(self.bands, later.bands, strict=True):
            mine.extend(theirs)

    def candidates(self, skip: Container[int] = (), hear: Callable[[float], None] = lambda _: None) -> list[array[int]]:
        """For each text up to four earlier texts that may resemble it (-1: none); `skip` takes part in nothing.

        hear: is told the share that is done, 0 to 1.
        """
        self.flush()
        count = len(self)
        slots = [array("q", [-1]) * count for _ in range(_SLOTS)]
        for number, band in enumerate(self.bands):
            hear(number / BANDS)
            again = standing_again(band)
            again.discard(0)
            if not again:
                continue
            first: dict[int, int] = {}
            last: dict[int, int] = {}
            for text in [text for text, value in enumerate(band) if value in again]:
                if text not in skip:
                    value = band[text]
                    earlier = first.setdefault(value, text)
                    if earlier != text:
                        _remember(slots, text, earlier)
                        _remember(slots, text, last[value])
                    last[value] = text
        return slots


def _remember(slots: list[array[int]], text: int, earlier: int) -> None:
    for slot in slots:
        if slot[text] == earlier:
            return
        if slot[text] < 0:
            slot[text] = earlier
            return


def _rensa() -> Any:
    try:
        import rensa
    except ImportError as missing:
        raise FtuiError(
            "Near duplicates cannot be looked for",
            "the package rensa is not installed",
            "Run: pip install rensa, or leave them out: --ignore DUP702,DUP706",
        ) from missing
    return rensa


Texts = Callable[[Container[int]], Iterable[tuple[int, str]]]
"""Gives (number, text) of the texts that are asked for, in order; called again for every pass."""


def confirmed(
    slots: list[array[int]], texts: Texts, threshold: float = SIMILARITY, passes: int = 4, every: bool = False
) -> Iterator[tuple[int, int, float]]:
    """Compare candidates on their texts; gives (text, earlier text, similarity) of those at or above `threshold`.

    Of several earlier texts that resemble a text only the most similar is given, unless `every` one is asked for.
    Earlier texts are kept within 64 MiB; what does not fit is compared in another pass, `passes` at most.
    """
    left: dict[int, list[int]] = {}
    for place in range(len(slots[0]) if slots else 0):
        earlier = [slot[place] for slot in slots if slot[place] >= 0]
        if earlier:
            left[place] = earlier
    while left and passes:
        passes -= 1
        targets = {target for earlier in left.values() for target in earlier}
        kept: dict[int, str] = {}
        kept_bytes = 0
        postponed: dict[int, list[int]] = {}
        for number, text in texts(targets | left.keys()):
            if number in left:
                pieces = _piece_set(text)
                best, similar = -1, 0.0
                for target in left[number]:
                    if target in kept:
                        alike = _jaccard(pieces, _piece_set(kept[target]))
                        if every and alike >= threshold:
                            yield number, target, alike
                        if alike > similar:
                            best, similar = target, alike
                if similar >= threshold:
                    if not every:
                        yield number, best, similar
                elif missing := [target for target in left[number] if target not in kept]:
                    postponed[number] = missing
            if number in targets and kept_bytes < _KEPT_BYTES:
                kept[number] = text[:MAX_TEXT_BYTES]
                kept_bytes += 2 * len(kept[number])
        if postponed == left:
            return
        left = postponed
