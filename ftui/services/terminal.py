"""What the terminal at hand can do, as far as the environment says."""

from __future__ import annotations

import os
import sys

WITHOUT_SCREENS = ("", "dumb", "unknown")
"""Values of TERM that promise no cursor addressing."""


def shows_screens() -> bool:
    """Whether somebody sits at a terminal that full screens can be drawn on."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "") not in WITHOUT_SCREENS
