"""Standard streams as a caller may leave them: closed (`ftui ... >&-`), or of an encoding that knows ASCII only."""

from __future__ import annotations

import codecs
import io
import os
import sys

RAISING = ("strict", "surrogateescape")
"""Error handlers that raise: the second one is Python's own choice in the C locale."""
STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


def mend_streams() -> None:
    """Make the three standard streams usable: what is closed leads nowhere, what stdout cannot encode is escaped."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        for number, name, mode in STREAMS:
            if getattr(sys, name) is None:
                setattr(sys, name, open(_nowhere(number), mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper) and out.encoding.lower() not in ("utf-8", "utf8") and out.errors in RAISING:
        codecs.register_error("ftui-escape", _escape)
        out.reconfigure(errors="ftui-escape")


def _nowhere(number: int) -> int:
    """A file number that leads to the null device: this one where it is free, so that no other file takes its place."""
    handle = os.open(os.devnull, os.O_RDWR)
    try:
        os.fstat(number)
    except OSError:
        os.dup2(handle, number)
        os.close(handle)
        return number
    if handle == number:
        os.set_inheritable(number, True)
    return handle


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Three dots for the sign of what was cut off, a JSON escape for any other character: JSON stays JSON."""
    import json

    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join("..." if character == "…" else json.dumps(character)[1:-1] for character in text), error.end
