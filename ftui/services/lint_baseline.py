"""A baseline: findings that are accepted, so that only new ones count. Known by the content of their rows, so that
re-ordering or adding rows does not bring old findings back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftui.core.lint.model import Finding
from ftui.errors import FtuiError
from ftui.services.files import read_json, write_json

SCHEMA_VERSION = 1
DEFAULT_NAME = "ftui-lint-baseline.json"


@dataclass
class Baseline:
    """The accepted findings of one file: (code, content key) -> how many. sha256: of the file when it was written."""

    sha256: str = ""
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def accepts(self, finding: Finding, content_key: str) -> bool:
        """Whether a finding is accepted; each entry accepts as many findings as it counts."""
        key = (finding.code, content_key or place_key(finding))
        if self.accepted[key] <= 0:
            return False
        self.accepted[key] -= 1
        return True

    @property
    def unused(self) -> int:
        """Entries that no finding has matched."""
        return sum(count for count in self.accepted.values() if count > 0)


def place_key(finding: Finding) -> str:
    """The key of a finding that has no readable row: what it says and shows."""
    text = f"{finding.pointer}\0{finding.excerpt or finding.message}"
    return "f" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def load_baseline(path: Path) -> dict[str, Baseline]:
    """Baselines by file. Raises FtuiError when the file is missing, or is no baseline of this version."""
    if not path.is_file():
        raise FtuiError("No such baseline", str(path), "Write one: ftui lint F --add-baseline --baseline B")
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
        raise FtuiError("Not a baseline", str(path), "Write a new one: ftui lint F --add-baseline --baseline B")
    if document.get("schema_version", 0) > SCHEMA_VERSION:
        raise FtuiError("The baseline is from a newer ftui", str(path), "Update ftui: pip install -U ftui-wizard")
    return {name: _baseline(entry) for name, entry in document["files"].items() if isinstance(entry, dict)}


def _baseline(entry: dict[str, Any]) -> Baseline:
    accepted: Counter[tuple[str, str]] = Counter()
    for item in entry.get("accepted", []):
        if isinstance(item, list) and len(item) == 3 and isinstance(item[2], int):
            accepted[(str(item[0]), str(item[1]))] += item[2]
    return Baseline(str(entry.get("sha256", "")), accepted)


def write_baseline(path: Path, files: Iterable[tuple[str, str, Iterable[Finding], Callable[[int | None], str]]]) -> int:
    """Write a baseline that accepts the findings given as (file, sha256, findings, content key of a row).

    Entries of other files that are in the baseline already stay. Gives the number of findings accepted.
    """
    document = read_json(path) if path.exists() else None
    entries: dict[str, Any] = document.get("files", {}) if isinstance(document, dict) else {}
    total = 0
    for name, sha256, findings, content_key in files:
        accepted: Counter[tuple[str, str]] = Counter()
        for finding in findings:
            accepted[(finding.code, content_key(finding.row) or place_key(finding))] += 1
        total += accepted.total()
        entries[name] = {
            "sha256": sha256,
            "accepted": [[code, key, count] for (code, key), count in sorted(accepted.items())],
        }
    write_json(path, {"schema_version": SCHEMA_VERSION, "files": entries})
    return total
