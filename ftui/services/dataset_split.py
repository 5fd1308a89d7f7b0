"""Train and eval rows that share nothing: rows with the same prompt, the same content or nearly the same text stay
together, and class labels keep their shares. The same seed gives the same split, whatever the order of the rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ftui.core.canonical import canonical_kind

MAX_LABELS = 50
MAX_LABEL_CHARACTERS = 40


@dataclass
class Groups:
    """Which rows belong together, built row by row; rows are numbered in the order of `add`."""

    keys: list[bytes] = field(default_factory=list)
    labels: list[bytes] = field(default_factory=list)

    def add(self, row: dict[str, Any]) -> None:
        """Take in a canonical row."""
        self.keys.append(_digest(group_text(row)))
        label = label_of(row)
        self.labels.append(b"" if label is None else _digest(label))

    def join_all(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Put each pair of rows (near duplicates) into one group, and so whole chains of them."""
        parent: dict[bytes, bytes] = {}

        def root(key: bytes) -> bytes:
            while (above := parent.get(key, key)) != key:
                parent[key] = parent.get(above, above)  # halve the path
                key = above
            return key

        for row, other in pairs:
            old, new = root(self.keys[row]), root(self.keys[other])
            if old != new:
                parent[old] = new
        if parent:
            self.keys = [root(key) for key in self.keys]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def group_text(row: dict[str, Any]) -> str:
    """What rows that must stay together have in common: the prompt (up to the first answer), or the whole text."""
    kind = canonical_kind(row)
    if kind == "text":
        return f"text\0{_folded(row['text'])}"
    if kind in ("completion", "stepwise"):
        return f"prompt\0{_folded(row['prompt'])}"
    messages = row["messages"] if kind == "chat" else row["prompt"]
    said: list[str] = []
    for message in messages:
        if message["role"] == "assistant" and said:
            break
        if message["role"] != "system":
            said.append(_folded(str(message["content"])))
    return "prompt\0" + "\0".join(said)


def _folded(text: str) -> str:
    return " ".join(text.lower().split())


def label_of(row: dict[str, Any]) -> str | None:
    """A class label, where the row looks like classification: KTO's label, or a short last answer."""
    kind = canonical_kind(row)
    if kind == "kto":
        return str(row["label"])
    answer: Any = None
    if kind == "completion":
        answer = row["completion"]
    elif kind == "chat" and row["messages"]:
        answer = row["messages"][-1]["content"]
    if not isinstance(answer, str):
        return None
    answer = answer.strip()
    return answer if 0 < len(answer) <= MAX_LABEL_CHARACTERS else None


def choose_eval(groups: Groups, rows_wanted: int, seed: int) -> set[int]:
    """Row numbers for the eval split: whole groups, about `rows_wanted` rows, never all rows.

    Groups come in the order of a hash of seed and group, so that adding rows to a dataset moves few of the others.
    Where the rows have class labels, each label gives its share.
    """
    total = len(groups.keys)
    if rows_wanted <= 0 or total < 2:
        return set()
    labels = _strata(groups.labels)
    rows_of: dict[bytes, list[int]] = {}
    for row, key in enumerate(groups.keys):
        rows_of.setdefault(key, []).append(row)
    salt = seed.to_bytes(16, "little", signed=True)
    ordered = sorted(rows_of, key=lambda key: hashlib.blake2b(salt + key, digest_size=8).digest())
    wanted = {label: rows_wanted * count / total for label, count in Counter(labels).items()}
    chosen: set[int] = set()
    taken: Counter[bytes] = Counter()
    for key in ordered:
        rows = rows_of[key]
        label = Counter(labels[row] for row in rows).most_common(1)[0][0]
        room = wanted[label] - taken[label]
        fits = len(rows) <= max(1.0, room + 0.5) and room > 0
        if fits and len(chosen) + len(rows) < total and len(chosen) < rows_wanted:
            chosen.update(rows)
            for row in rows:
                taken[labels[row]] += 1
    return chosen or _smallest_group(rows_of.values(), total)


def _strata(labels: Sequence[bytes]) -> list[bytes]:
    """The labels to stratify by; one single stratum where the rows are not classification."""
    counts = Counter(labels)
    classes = len(counts) <= MAX_LABELS and counts[b""] * 10 <= len(labels) and len(labels) >= 4 * len(counts)
    return list(labels) if classes else [b""] * len(labels)


def _smallest_group(groups: Iterable[list[int]], total: int) -> set[int]:
    """When no group fits: the smallest, as long as training keeps something."""
    smallest = min(groups, key=len)
    return set(smallest) if len(smallest) < total else set()
