"""Keep the traceback of a bug in a file, off the user's screen."""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from ftui.services.paths import home, make_private


def save_traceback(error: BaseException) -> Path:
    """Write the traceback of `error` below the ftui home (or the temporary folder) and give the file's path."""
    from ftui.core.secrets import redact, secrets_of

    text = redact("".join(traceback.format_exception(error)), known=secrets_of(os.environ))
    name = f"crash-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
    with contextlib.suppress(OSError):
        path = make_private(home() / "crashes") / name
        return _write_private(path, text)
    return _write_private(Path(tempfile.gettempdir()) / f"ftui-{name}", text)


def _write_private(path: Path, text: str) -> Path:
    """Write a file that was not there before: in a shared folder somebody may have put a link in its place."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path
