"""What is kept of every row to find repeats: digests in row order, 44 bytes in all."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

MIN_AFFIX_CHARACTERS = 10
BUCKET_ROWS = 250_000
NO_KEY = 0
NO_DIGEST = bytes(8)


class Totals:
    """Digests of every row, in row order; eight zero bytes mean that a row has no such thing."""

    def __init__(self) -> None:
        self.contents = bytearray()
        self.prompt_digests = bytearray()
        self.answer_digests = bytearray()
        self.id_digests = bytearray()
        self.sizes = array("I")
        """Twice the characters of each row; one more where its first answer is long and free text."""
        self.beginnings = array("Q")
        """Hashes of conversations of several answers, cut after each answer but the last, with `beginning_rows`."""
        self.beginning_rows = array("L")
        self.wholes: dict[int, int] = {}
        self.documents: set[int] = set()
        self.affixes: list[str | None] = [None, None, None, None]
        self.affixes_vary = False
        """Nothing is common to all prompts or all answers any more."""
        self.prompt_only = 0
        self.pairs = 0

    @property
    def prompts(self) -> Sequence[int]:
        """A number per row that is equal for equal prompts; 0 for none."""
        return memoryview(bytes(self.prompt_digests)).cast("Q")

    @property
    def answers(self) -> Sequence[int]:
        """A number per row that is equal for equal first answers; 0 for none."""
        return memoryview(bytes(self.answer_digests)).cast("Q")

    @property
    def rows(self) -> int:
        return len(self.sizes)

    def merge(self, later: Totals, rows_before: int) -> None:
        missing = rows_before - self.rows
        if missing > 0:
            pad(self, missing)
        self.contents += later.contents
        self.prompt_digests += later.prompt_digests
        self.answer_digests += later.answer_digests
        self.id_digests += later.id_digests
        self.sizes += later.sizes
        self.beginnings += later.beginnings
        self.beginning_rows.extend(row + rows_before for row in later.beginning_rows)
        for key, row in later.wholes.items():
            self.wholes.setdefault(key, row + rows_before)
        self.documents |= later.documents
        self.affixes = [shorter(mine, theirs, end) for end, (mine, theirs)
                        in enumerate(zip(self.affixes, later.affixes, strict=True))]  # fmt: skip
        self.prompt_only += later.prompt_only
        self.pairs += later.pairs


def pad(totals: Totals, rows: int) -> None:
    """Stand-ins for records that could not be read, so that positions stay row numbers."""
    totals.contents += bytes(16 * rows)
    for digests in (totals.prompt_digests, totals.answer_digests, totals.id_digests):
        digests += bytes(8 * rows)
    totals.sizes.extend([0] * rows)


def shorter(common: str | None, text: str | None, end: int) -> str | None:
    """The common prefix (even `end`) or suffix (odd) of what was common so far and one more text; "" once it is too
    short to be worth a word."""
    if not common or text is None:
        return text if common is None else common
    if end % 2:
        shared = common if text.endswith(common) else same_start(common[::-1], text[::-1])[::-1]
    else:
        shared = common if text.startswith(common) else same_start(common, text)
    return shared if len(shared) >= MIN_AFFIX_CHARACTERS else ""


def same_start(one: str, other: str) -> str:
    """What both texts begin with."""
    length = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def standing_again(keys: Sequence[int], most: int = BUCKET_ROWS) -> set[int]:
    """The values that stand more than once.

    Memory is bounded: keys are counted in as many passes as keep about `most` of them in one table.
    """
    passes = max(1, -(-len(keys) // most))
    again: set[int] = set()
    for part in range(passes):
        mine = [key for key in keys if key % passes == part] if passes > 1 else keys
        counts = Counter(mine)
        if len(counts) < len(mine):
            again.update(key for key, count in counts.items() if count > 1)
    return again


def repeats(keys: Sequence[int], most: int = BUCKET_ROWS) -> dict[int, int]:
    """For each row whose key stood before: the row where it stood first; zero is no key."""
    again = standing_again(keys, most)
    again.discard(NO_KEY)
    found: dict[int, int] = {}
    first: dict[int, int] = {}
    for row in [row for row, key in enumerate(keys) if key in again] if again else ():
        earlier = first.setdefault(keys[row], row)
        if earlier != row:
            found[row] = earlier
    return found


def exact_repeats(totals: Totals) -> dict[int, int]:
    """For each row whose content stood before: the row where it stood first."""
    contents = bytes(totals.contents)
    found = repeats(memoryview(contents).cast("Q")[::2])
    return {
        row: earlier
        for row, earlier in found.items()
        if contents[16 * row : 16 * row + 16] == contents[16 * earlier : 16 * earlier + 16]
    }
