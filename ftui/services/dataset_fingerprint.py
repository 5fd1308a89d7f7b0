"""What a dataset holds, as two hashes: for versioning it, and for saying exactly what a run was trained on.

`ordered` is SHA-256 over the rows as they come, `unordered` over the same rows in any order. A row counts as its
canonical form in compact JSON with sorted keys, so that the file format, key order, white space between values and
compression do not matter, and every character of every text does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fingerprint:
    """Hexadecimal SHA-256 sums and the number of rows they cover."""

    ordered: str
    unordered: str
    rows: int


def row_digest(row: dict[str, Any]) -> bytes:
    """32 bytes that are equal for equal canonical rows."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def fingerprint(rows: Iterable[dict[str, Any]]) -> Fingerprint:
    """Hash canonical rows. Keeps 32 bytes per row."""
    in_order = hashlib.sha256()
    digests: list[bytes] = []
    for row in rows:
        digest = row_digest(row)
        in_order.update(digest)
        digests.append(digest)
    digests.sort()
    return Fingerprint(in_order.hexdigest(), hashlib.sha256(b"".join(digests)).hexdigest(), len(digests))
