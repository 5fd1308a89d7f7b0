"""Work on a finished run as a process of its own: `python -m ftui.trainer.X RUN_DIR REQUEST_JSON`, events on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftui.core.events import Event, to_line


def emit(event: Event) -> None:
    """One event as a line on stdout, at once."""
    sys.stdout.write(to_line(event))
    sys.stdout.flush()


def serve(do: Callable[[Path, Mapping[str, Any]], None], arguments: list[str]) -> int:
    """Do what REQUEST_JSON asks of RUN_DIR; the exit code. A failure is the last event."""
    from ftui.trainer.failure import as_failed

    try:
        do(Path(arguments[0]), json.loads(Path(arguments[1]).read_text(encoding="utf-8")))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # whatever a model or a library raises: the caller gets one sentence
        emit(as_failed(error))
        return 1
    return 0
