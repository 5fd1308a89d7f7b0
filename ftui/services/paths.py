"""Where ftui keeps its files. `FTUI_HOME` moves all of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ftui.errors import FtuiError

ON_LINUX = sys.platform == "linux"


def home() -> Path:
    """The folder of everything that ftui remembers; not created here."""
    override = os.environ.get("FTUI_HOME")
    if override:
        return _own(override).absolute()
    if ON_LINUX:
        # What platformdirs says here; importing it would take a tenth of a short command's time.
        data = Path(os.environ.get("XDG_DATA_HOME", ""))
        return (data if data.is_absolute() else _own("~/.local/share")) / "ftui"
    import platformdirs

    return Path(platformdirs.user_data_dir("ftui", appauthor=False))


def _own(place: str) -> Path:
    """`~` spelled out. Raises FtuiError where the system knows no home folder of this user."""
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise FtuiError(
            "No place for files",
            f"{place}: this user has no home folder",
            "Set HOME to a folder of yours, or FTUI_HOME for runs and HF_HOME for models.",
        ) from None


def runs_folder() -> Path:
    return home() / "runs"


def hub_cache() -> Path:
    """Where huggingface_hub keeps models, by its own rules: HF_HUB_CACHE, then HF_HOME/hub, then XDG_CACHE_HOME."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(name):
            return _own(os.environ[name])
    cache = _own(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return _own(os.environ.get("HF_HOME") or str(cache / "huggingface")) / "hub"


def make_private(folder: Path) -> Path:
    """Create `folder` (and its parents) readable by its owner only, and give it back."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def sample_data() -> Path:
    """The data and the tiny model that ship with ftui: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_sample_data"
    return inside if inside.is_dir() else package.parent / "sample_data"


def hub_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids asking the hub, as huggingface_hub reads it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
