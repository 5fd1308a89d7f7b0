"""Files that a viewer writes for the user: charts and texts of a run's panes. Never into the run's own directory."""

from __future__ import annotations

import re
from pathlib import Path

from ftui.services.files import write_atomic
from ftui.services.paths import home, make_private


def exports_folder() -> Path:
    """Where exported panes lie."""
    return home() / "exports"


def write_export(run_name: str, file_name: str, text: str) -> Path:
    """Write one exported pane of a run and give its path; an older one of the same name is replaced. Raises OSError."""
    folder = make_private(exports_folder() / (re.sub(r"[^A-Za-z0-9._-]+", "-", run_name).strip(".") or "run"))
    path = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", file_name)
    write_atomic(path, text)
    return path
