"""What lies beside a training file: its held-out rows (eval.jsonl), general rows against forgetting (general.jsonl)."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from ftui.errors import FtuiError
from ftui.services.data_files import is_data_name
from ftui.services.dataset_sources import split_of, without_split

_MOST_NAMES = 1000
_MADE = re.compile(r"\.(fixed|reviewed)(-[0-9]+)?(?=\.jsonl$)")
"""What ftui puts into the name of a file that it made from another: its held-out rows are the other's."""


def held_out_beside(train: str) -> Path | None:
    """The file in the same folder whose name differs from this one's in the split alone, or None.

    A file counts only if its first row is of the same kind: preferences say nothing about a chat.
    """
    path = Path(train)
    if not path.is_file() or split_of(path.name) in ("validation", "test"):
        return None
    mine = without_split(_MADE.sub("", path.name))
    try:
        names = sorted(entry.name for entry in islice(path.parent.iterdir(), _MOST_NAMES))
    except OSError:
        return None
    for split in ("validation", "test"):
        for name in names:
            if split_of(name) == split and without_split(name) == mine and is_data_name(name) and name != path.name:
                other = path.with_name(name)
                kind = _kind(other)
                if kind and kind == _kind(path):
                    return other
    return None


def general_beside(train: str) -> Path | None:
    """General rows to mix in against forgetting: general.* or replay.* in the folder of the rows, or in a folder
    `general` beside that one, as the sample data has it. None where there are none, or none of the same kind.
    """
    path = Path(train)
    if not path.is_file():
        return None
    for folder in (path.parent, path.parent / "general", path.parent.parent / "general"):
        try:
            names = sorted(entry.name for entry in islice(folder.iterdir(), _MOST_NAMES))
        except OSError:
            continue
        for name in names:
            if name.partition(".")[0].lower() in _GENERAL and is_data_name(name) and name != path.name:
                kind = _kind(folder / name)
                if kind and kind == _kind(path):
                    return folder / name
    return None


_GENERAL = ("general", "replay")


def _kind(path: Path) -> frozenset[str]:
    """The keys of the first canonical row; none where there is no row."""
    from ftui.services.dataset import readable_dataset

    try:
        row = next(iter(readable_dataset(str(path)).canonical_rows()), None)
    except (FtuiError, OSError, ValueError):
        return frozenset()
    return frozenset(row.data) & _TELLING if row is not None else frozenset()


_TELLING = frozenset({"messages", "prompt", "completion", "completions", "chosen", "rejected", "label", "text"})
