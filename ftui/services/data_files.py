"""Data files as a picker offers them: those used lately, those of a folder, and what is in one at a glance."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ftui.core.text import gib, plural
from ftui.services.drafts import recent_files
from ftui.services.paths import sample_data

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".ndjson")
PACKED = (".gz", ".zst", ".bz2", ".xz")
MOST_ENTRIES = 500
MOST_SEEN, DEEPEST = 5_000, 4
"""How many entries of folders, and how many levels below this one, are looked through for a name."""
_NOTES_OF_OURS = (".changes.jsonl", ".review.jsonl")
_COUNTED_BYTES = 64 << 20
_GLANCE_ROWS = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that can be picked. kind: recent, sample, folder, file, or below (a file in a folder further down)."""

    path: Path
    kind: str
    size_bytes: int = 0


def candidates(typed: str) -> list[Candidate]:
    """What fits the text typed so far: recent files, this folder and the sample data, or the folder that was typed.

    Names match where they hold what was typed after the last slash, in any case; those that begin with it come first.
    """
    folder_text, slash, name = typed.strip().rpartition("/")
    name = name.lower()
    if slash:
        return _entries(Path(folder_text + slash).expanduser(), name)
    recent = [Candidate(path, "recent", _size(path)) for path in recent_files()]
    samples = sorted((sample_data() / "tickets").glob("train*.jsonl"))
    shipped = [Candidate(path, "sample", _size(path)) for path in samples]
    below = _below(Path.cwd(), name) if name else []
    found = _without_doubles([*recent, *_entries(Path.cwd(), name), *below, *shipped])
    fitting = [candidate for candidate in found if name in str(candidate.path).lower()]
    return sorted(fitting, key=lambda candidate: {"folder": 1, "sample": 2}.get(candidate.kind, 0))


def short(path: Path | str) -> str:
    """A path as people write it: from the home folder on with `~`."""
    text, own = str(path), str(Path.home())
    return "~" + text[len(own) :] if own != "/" and text.startswith(own + "/") else text


def _below(folder: Path, name: str) -> list[Candidate]:
    """Data files in the folders of this one whose names hold `name`, the nearest first."""
    found: list[Candidate] = []
    level, seen = [folder], 0
    for depth in range(DEEPEST):
        deeper: list[Path] = []
        for each in level:
            try:
                entries = sorted(os.scandir(each), key=lambda entry: entry.name.lower())
            except OSError:
                continue
            for entry in entries:
                seen += 1
                if seen > MOST_SEEN or len(found) >= MOST_ENTRIES:
                    return found
                if entry.name.startswith(".") or entry.is_symlink():
                    continue
                if entry.is_dir():
                    deeper.append(each / entry.name)
                elif depth and name in entry.name.lower() and _is_offered(entry.name):
                    found.append(Candidate(each / entry.name, "below", _size(each / entry.name)))
        level = deeper
    return found


def _entries(folder: Path, name: str) -> list[Candidate]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") and not name.startswith("."):
                    continue
                if name not in entry.name.lower():
                    continue
                if entry.is_dir():
                    found.append(Candidate(folder / entry.name, "folder"))
                elif _is_offered(entry.name):
                    found.append(Candidate(folder / entry.name, "file", _size(folder / entry.name)))
                if len(found) >= MOST_ENTRIES:
                    break
    except OSError:
        return []
    return sorted(
        found, key=lambda c: (not c.path.name.lower().startswith(name), c.kind != "file", c.path.name.lower())
    )


def _is_offered(name: str) -> bool:
    return is_data_name(name) and not name.endswith(_NOTES_OF_OURS)


def is_data_name(name: str) -> bool:
    """Whether a file of this name may hold rows."""
    name = name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES)


def glance(path: Path) -> str:
    """Format, rows, size and (where it was checked as it is) findings of a data file in a few words. Never raises."""
    from ftui.services.drafts import last_found

    found = last_found(path)
    return f"{_content(path)}; checked: {found}" if found else _content(path)


def _content(path: Path) -> str:
    """Format, rows and size; counts rows only where that is quick."""
    from ftui.errors import FtuiError
    from ftui.services.dataset import open_dataset

    size = _size(path)
    try:
        data = open_dataset(path)
        if not data.sources:
            return data.findings[0].message if data.findings else "no rows"
        rows = iter(data.rows())
        first = next(rows, None)
        if first is None:
            return f"no readable rows, {gib(size)}"
        format_name = data.format_of(first.data).name
        if size > _COUNTED_BYTES or path.suffix in PACKED:
            return f"{format_name}, {gib(size)}"
        counted = 1
        for _ in rows:
            counted += 1
            if counted >= _GLANCE_ROWS and path.suffix == ".jsonl":
                counted = _newlines(path)
                break
        return f"{format_name}, about {plural(counted, 'row')}, {gib(size)}"
    except (FtuiError, OSError, ValueError) as error:
        return str(error)


def _newlines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def stamp(path: Path | str) -> tuple[int, int] | None:
    """What changes when a file is written to: its size and the time of the last write; None where it cannot be seen."""
    try:
        seen = Path(path).stat()
    except OSError:
        return None
    return seen.st_size, seen.st_mtime_ns


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _without_doubles(found: list[Candidate]) -> list[Candidate]:
    seen: dict[Path, Candidate] = {}
    for candidate in found:
        seen.setdefault(candidate.path.absolute(), candidate)
    return list(seen.values())
