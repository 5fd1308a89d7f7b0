"""What a worker is busy with, on stderr: a line for each phase; progress goes over itself on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ftui.core.events import Event, Phase
from ftui.core.text import clip

QUARTERS = 4
CELLS = 78


def teller() -> Callable[[Event], None]:
    """A listener for a worker's events. Into a file or a pipe, progress is told a quarter at a time."""
    on_terminal = sys.stderr.isatty()
    told: tuple[str, int] | None = None
    open_line = False

    def tell(event: Event) -> None:
        nonlocal told, open_line
        if not isinstance(event, Phase):
            return
        line = clip(f"… {event.name.replace('_', ' ')}: {event.detail}", CELLS if on_terminal else 110)
        if event.fraction is None:
            sys.stderr.write(("\n" if open_line else "") + line + "\n")
            told, open_line = None, False
        elif on_terminal:
            done = event.fraction >= 1.0
            sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if done else ""))
            open_line = not done
        elif told != (now := (event.name, int(event.fraction * QUARTERS))):
            sys.stderr.write(line + "\n")
            told = now
        sys.stderr.flush()

    return tell
