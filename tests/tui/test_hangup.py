"""A terminal that goes without a signal takes the program with it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_that_sends_no_signal_ends_the_program(tmp_path: Path, ignored: bool) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "FTUI_HOME": str(tmp_path), "TERM": "xterm-256color"}
    program = subprocess.Popen(
        [sys.executable, "-m", "ftui"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        preexec_fn=(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) if ignored else None,
    )  # fmt: skip
    os.close(theirs)
    try:
        seen = b""
        while b"ftui" not in seen:
            seen += os.read(ours, 65536)
        os.close(ours)
        assert program.wait(timeout=60) in (-signal.SIGHUP, 128 + signal.SIGHUP)
    finally:
        program.kill()
        program.wait()
