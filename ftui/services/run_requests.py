"""What is asked of a live run: files that its supervisor takes away, so that nobody needs to be connected to it."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import NoReturn

from ftui.errors import FtuiError
from ftui.services.files import write_json
from ftui.services.runs import SILENT_SECONDS, Run, read_state

REQUESTS = ("stop", "pause")


def request(run: Run, what: str) -> None:
    """Ask the run's supervisor to `stop` or `pause`. Raises FtuiError where it has none, or the folder refuses."""
    if read_state(run).elsewhere:
        refuse_elsewhere(run)
    try:
        run.requests.mkdir(mode=0o700, exist_ok=True)
        write_json(run.requests / f"{what}.json", {"request": what, "time": datetime.now(UTC).isoformat()})
    except OSError as error:
        raise FtuiError("The request cannot be written", f"{run.requests}: {error.strerror}") from None


def refuse_elsewhere(run: Run) -> NoReturn:
    """Raise FtuiError: the run is at work, and not in ftui's hands."""
    raise FtuiError(
        "Others started this run's processes",
        f"{run.name} is running, and no supervisor here hears what it is asked",
        f"End its job (scancel, say): it saves a checkpoint. After {SILENT_SECONDS / 60:.0f} min of silence it counts"
        " as interrupted.",
    )


def take_requests(run: Run) -> list[str]:
    """The requests that wait, oldest first, removed from the folder."""
    try:
        with os.scandir(run.requests) as entries:
            waiting = sorted((entry.stat().st_mtime, entry.name) for entry in entries if entry.name.endswith(".json"))
    except OSError:
        return []
    taken = []
    for _, name in waiting:
        with contextlib.suppress(OSError):
            (run.requests / name).unlink()
            if name.removesuffix(".json") in REQUESTS:
                taken.append(name.removesuffix(".json"))
    return taken
