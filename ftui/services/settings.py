"""What a person chose for the program as a whole, kept from one start to the next."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from ftui.services.paths import home

_FILE = "settings.json"


def saved_theme() -> str:
    """The name of the chosen theme, or empty."""
    theme = _settings().get("theme")
    return theme if isinstance(theme, str) else ""


def save_theme(name: str) -> None:
    """Keep the chosen theme. A disk that refuses is no reason to stop."""
    from ftui.services.files import write_atomic
    from ftui.services.paths import make_private

    with contextlib.suppress(OSError):
        text = json.dumps({**_settings(), "schema_version": 1, "theme": name}, indent=1)
        write_atomic(make_private(home()) / _FILE, text + "\n")


def _settings() -> dict[str, Any]:
    # Read by itself: what services.files imports would delay the first picture.
    data = None
    with contextlib.suppress(OSError, ValueError, RecursionError):
        data = json.loads((home() / _FILE).read_bytes())
    return data if isinstance(data, dict) else {}
