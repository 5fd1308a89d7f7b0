"""Where ftui keeps its files. `FTUI_HOME` moves all of it."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder of everything that ftui remembers; not created here."""
    override = os.environ.get("FTUI_HOME")
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("ftui", appauthor=False))


def runs_folder() -> Path:
    return home() / "runs"


def make_private(folder: Path) -> Path:
    """Create `folder` (and its parents) readable by its owner only, and give it back."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def sample_data() -> Path:
    """The data and the tiny model that ship with ftui: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_sample_data"
    return inside if inside.is_dir() else package.parent / "sample_data"
