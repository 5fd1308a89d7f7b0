"""The small text files in which Linux tells about itself: /proc, /sys, control groups."""

from __future__ import annotations

from pathlib import Path


def text_of(path: Path) -> str:
    """The file's text without the line's end; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def number_of(path: Path) -> int | None:
    """The whole number in the file; None where there is none."""
    text = text_of(path)
    return int(text) if text.isdigit() else None
