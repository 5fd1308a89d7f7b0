"""Keep the traceback of a bug in a file, off the user's screen."""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from ftui.services.paths import home, make_private


def save_traceback(error: BaseException) -> Path:
    """Write the traceback of `error` below the ftui home (or the temporary folder) and give the file's path."""
    text = "".join(traceback.format_exception(error))
    name = f"crash-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
    with contextlib.suppress(OSError):
        path = make_private(home() / "crashes") / name
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path
    path = Path(tempfile.gettempdir()) / f"ftui-{name}"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
