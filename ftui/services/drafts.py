"""What the wizard remembers between two starts: the draft that was being filled in, and the files used lately."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftui.services.files import read_json, write_atomic
from ftui.services.paths import home, make_private

DRAFT_VERSION = 1
MOST_RECENT = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """A wizard's state as it was saved last. stage and field: where the user was."""

    saved: datetime
    stage: str
    field: str
    state: dict[str, Any]


def drafts_folder() -> Path:
    """Where drafts lie; not created here."""
    return home() / "drafts"


def save_draft(stage: str, field: str, state: dict[str, Any]) -> None:
    """Replace the draft at once or not at all. Raises OSError."""
    folder = make_private(drafts_folder())
    saved = datetime.now(UTC).isoformat(timespec="seconds")
    draft = {"schema_version": DRAFT_VERSION, "saved": saved, "stage": stage, "field": field, "state": state}
    _write(folder / "wizard.json", draft)


def load_draft() -> Draft | None:
    """The draft, or None where there is none that this ftui can read."""
    data = read_json(drafts_folder() / "wizard.json")
    if not isinstance(data, dict) or not isinstance(data.get("state"), dict):
        return None
    version = data.get("schema_version")
    if not isinstance(version, int) or version > DRAFT_VERSION:
        return None
    try:
        saved = datetime.fromisoformat(str(data.get("saved")))
    except ValueError:
        return None
    return Draft(saved, str(data.get("stage", "")), str(data.get("field", "")), data["state"])


def remove_draft() -> None:
    """Forget the draft: its run was started, or the user gave it up."""
    with contextlib.suppress(OSError):
        (drafts_folder() / "wizard.json").unlink()


def recent_files() -> list[Path]:
    """Data files used lately that are still there, the newest first."""
    data = read_json(drafts_folder() / "recent.json")
    names = data.get("files", []) if isinstance(data, dict) else []
    found = []
    for name in names if isinstance(names, list) else []:
        with contextlib.suppress(OSError, ValueError):
            if isinstance(name, str) and Path(name).is_file():
                found.append(Path(name))
    return found


def remember_file(path: Path, found: str = "") -> None:
    """Put a data file at the head of the recent ones, with what its check found. A disk that refuses stops nothing."""
    with contextlib.suppress(OSError):
        name = str(path.absolute())
        known = [name, *(str(file) for file in recent_files() if file != path.absolute())][:MOST_RECENT]
        checks = {file: check for file, check in _checks().items() if file in known}
        if found:
            checks[name] = {**_stamp(path), "found": found}
        _write(make_private(drafts_folder()) / "recent.json", {"schema_version": 1, "files": known, "checks": checks})


def last_found(path: Path) -> str:
    """What the last check of a file found; empty where there was none, or the file has changed since."""
    check = _checks().get(str(path.absolute()))
    with contextlib.suppress(OSError):
        if isinstance(check, dict) and all(check.get(key) == value for key, value in _stamp(path).items()):
            return str(check.get("found", ""))
    return ""


def _checks() -> dict[str, Any]:
    data = read_json(drafts_folder() / "recent.json")
    checks = data.get("checks") if isinstance(data, dict) else None
    return checks if isinstance(checks, dict) else {}


def _stamp(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}


def _write(path: Path, value: dict[str, Any]) -> None:
    # In ASCII: a file name that is not UTF-8 holds lone surrogates, which UTF-8 cannot write.
    write_atomic(path, json.dumps(value, indent=1) + "\n")
