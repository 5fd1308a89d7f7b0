"""Which data files a path means: a file, a folder with splits, what `save_to_disk` left, a glob."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
from pathlib import Path
from typing import Any

from ftui.core.lint.model import Reporter, Severity
from ftui.services.dataset_sniff import KINDS, kind_by_name
from ftui.services.files import read_json

MAX_FOLDER_DEPTH = 4
EVAL_SPLITS = ("validation", "valid", "val", "eval", "evaluation", "test", "dev", "heldout")
_NOT_DATA = frozenset({"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json",
                       "package.json", "manifest.json", "schema.json", "tokenizer.json",
                       "tokenizer_config.json"})  # fmt: skip
_OURS = (".changes.jsonl", ".review.jsonl")
"""Files that ftui writes beside a dataset."""
_SPLIT = re.compile(rf"(?:^|[/._-])(train|training|{'|'.join(EVAL_SPLITS)})(?:[/._-]|$)", re.IGNORECASE)


def split_of(name: str) -> str:
    """The split that a file name tells: "train", "validation" (in any spelling), "test", or "" for none."""
    found = _SPLIT.findall(name)
    if not found:
        return ""
    word = found[-1].lower()
    if word.startswith("train"):
        return "train"
    return "test" if word == "test" else "validation"


def without_split(name: str) -> str:
    """A file name without the words that tell its split: equal for train.jsonl and eval.jsonl."""
    return _SPLIT.sub(".", name).strip("._-").lower()


def find_files(argument: str, report: Reporter) -> list[tuple[Path, str]]:
    """The files that a path, folder or glob names, with their splits; what is in the way is reported."""
    path = Path(argument)
    if glob.has_magic(argument) and not os.path.lexists(path):
        matches = sorted(Path(match) for match in glob.glob(argument, recursive=True))  # noqa: PTH207
        if not matches:
            report("FIL001", "", f"nothing matches {argument}")
        found = [found for match in matches for found in find_files(str(match), report)]
        return [(file, split or split_of(file.name)) for file, split in found]
    problem = _unusable(path)
    if problem:
        report(problem[0], "", problem[1])
        return []
    if not path.is_dir():
        return [(path, "")]
    try:
        found = _in_folder(path, report)
    except OSError as error:
        report("FIL008", "", f"{error.filename or path}: {error.strerror}")
        return []
    if not found and not report.findings:
        report("FIL006", "", f"the folder {path.name} holds no data file (looked for {', '.join(sorted(KINDS))})")
    return found


def _unusable(path: Path) -> tuple[str, str] | None:
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            return "FIL001", f"the link {path.name} points to {os.readlink(path)}, which is not there"  # noqa: PTH115
        near = _similar(path)
        return "FIL001", f"there is no file {path}" + (f"; did you mean {near}?" if near else "")
    except PermissionError:
        return "FIL008", f"no permission to look at {path}"
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            return "FIL007", f"{path.name} is a link that leads back to itself"
        return "FIL001", f"{path.name} cannot be opened: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISDIR(kind):
        return None if os.access(path, os.R_OK | os.X_OK) else ("FIL008", f"no permission to list {path}")
    if not stat.S_ISREG(kind):
        names = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
        return "FIL010", f"{path.name} is {names.get(stat.S_IFMT(kind), 'no regular file')}: reading it might never end"
    if not os.access(path, os.R_OK):
        return "FIL008", f"no permission to read {path}"
    return None


def _similar(path: Path) -> str:
    import difflib

    try:
        names = [entry.name for entry, _ in zip(path.parent.iterdir(), range(10_000), strict=False)]
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, names, n=1)
    return str(path.parent / close[0]) if close else ""


def _in_folder(folder: Path, report: Reporter) -> list[tuple[Path, str]]:
    if (folder / "state.json").is_file():
        return [(path, "") for path in _saved_files(folder, report)]
    if (folder / "dataset_dict.json").is_file():
        splits = read_json(folder / "dataset_dict.json")
        names = splits.get("splits") if isinstance(splits, dict) else None
        return [
            (path, split_of(name) or name)
            for name in (names if isinstance(names, list) else [])
            if isinstance(name, str) and _inside(name) and (folder / name / "state.json").is_file()
            for path in _saved_files(folder / name, report)
        ]
    found = _walk(folder, folder, report, set(), 0)
    for script in sorted(folder.glob("*.py")):
        if found or script.stem == folder.name:
            report(
                "FIL016", "", f"the folder ships the program {script.name}; ftui reads the data files and never runs it"
            )
            break
    return found


def _saved_files(folder: Path, report: Reporter) -> list[Path]:
    """The files of `Dataset.save_to_disk`: those that state.json names, which must lie beside it."""
    state: Any = read_json(folder / "state.json")
    entries = state.get("_data_files") if isinstance(state, dict) else None
    files: list[Path] = []
    for entry in entries if isinstance(entries, list) else []:
        name = entry.get("filename") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not _inside(name):
            report("FIL013", "", f"state.json points outside its folder ({str(name)[:80]}): not followed")
        elif not (folder / name).is_file():
            report("FIL013", "", f"state.json names {name[:80]}, which is not there")
        else:
            files.append(folder / name)
    if not entries:
        report("FIL013", "", "state.json names no data files")
    return files


def _inside(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name and "\0" not in name


def _walk(folder: Path, top: Path, report: Reporter, seen: set[tuple[int, int]], depth: int) -> list[tuple[Path, str]]:
    here = folder.stat()
    seen.add((here.st_dev, here.st_ino))
    found: list[tuple[Path, str]] = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        try:
            there = entry.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                report("FIL007", "", f"{entry.name} is a link that leads back to itself", severity=Severity.WARNING)
            continue
        if stat.S_ISDIR(there.st_mode):
            if (there.st_dev, there.st_ino) in seen:
                if entry.is_symlink():
                    report("FIL007", "", f"{entry.name} leads back to a folder that is read already",
                           severity=Severity.WARNING)  # fmt: skip
            elif depth < MAX_FOLDER_DEPTH:
                found += _walk(entry, top, report, seen, depth + 1)
        elif stat.S_ISREG(there.st_mode) and kind_by_name(entry.name) and entry.name not in _NOT_DATA:
            if entry.name.endswith(_OURS):
                continue
            if (there.st_dev, there.st_ino) in seen:
                continue
            seen.add((there.st_dev, there.st_ino))
            found.append((entry, split_of(str(entry.relative_to(top)))))
    return found
