"""Long work in a child process, watched from here, so that Ctrl+C ends it and nothing heavy is imported."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TICK_SECONDS = 1.0
_LAST_BYTES = 8192


@dataclass(frozen=True)
class Finished:
    """How a child process ended: its exit code, what it printed, and the end of its complaints."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line of its complaints that says something."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


def run_watched(
    command: Sequence[str], environment: Mapping[str, str], on_tick: Callable[[], None] = lambda: None
) -> Finished:
    """Run `command` to its end and call `on_tick` about once a second; the child dies with an exception here.

    environment: added to this process's own. Output goes to temporary files, so a chatty child never blocks.
    Raises OSError where the command cannot be started.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=complaints, env={**os.environ, **environment}
        )
        try:
            told = time.monotonic()
            while True:
                try:
                    code = child.wait(timeout=0.1)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() - told >= TICK_SECONDS:
                        told = time.monotonic()
                        on_tick()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        texts = []
        for file in (out, complaints):
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST_BYTES))
            texts.append(file.read().decode("utf-8", "replace"))
    return Finished(code, *texts)
