"""Screens that a command opens by itself, where its output is a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftui.services.runs import Run


def can_show() -> bool:
    """Whether there is a terminal that screens can be shown on."""
    terminal = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return terminal and sys.stdin.isatty() and sys.stdout.isatty()


def show_chat(run: Run, others: Mapping[str, Path], *, system: str | None, max_new_tokens: int, keep: bool) -> int:
    """Talk to base and tuned side by side; the exit code. system: None for that of the training rows."""
    from ftui.tui.app import run_screen
    from ftui.tui.screens.chat import ChatScreen

    def first() -> ChatScreen:
        return ChatScreen(run, others, system=system, max_new_tokens=max_new_tokens, keep=keep)

    return run_screen(first, instead="ftui chat RUN --plain asks and answers in lines.")


def show_rating(run: Run, rater: str, *, seed: int | None, rows_max: int | None) -> int:
    """Rate blind; the exit code."""
    from ftui.tui.app import run_screen
    from ftui.tui.screens.rate import RateScreen

    def first() -> RateScreen:
        return RateScreen(run, rater, seed=seed, rows_max=rows_max)

    return run_screen(first, instead="ftui rate RUN --plain asks in lines.")


def show_review(path: Path, *, everything: bool) -> int:
    """Walk the rows of a dataset; the exit code."""
    from ftui.tui.app import run_screen
    from ftui.tui.screens.review import ReviewScreen

    def first() -> ReviewScreen:
        return ReviewScreen(path, everything=everything)

    return run_screen(first, instead="ftui data review FILE --plain walks in lines.")
