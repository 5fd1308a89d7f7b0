"""A recording of the demo: `python tests/tui/record_demo.py OUT.cast [--size 100x30] [--command "..."]`.

Writes asciinema's format (version 2: a header, then [seconds, "o", text] a line), made from a pseudo-terminal that
nobody types into. Play it with `asciinema play OUT.cast`.
"""

from __future__ import annotations

import argparse
import codecs
import fcntl
import json
import os
import pty
import select
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

DEMO = [sys.executable, "-m", "ftui", "demo"]
LONGEST_PAUSE_SECONDS = 2.0


def record(command: list[str], columns: int, rows: int, environment: dict[str, str]) -> list[tuple[float, str]]:
    """What the command writes, with the seconds since its start. Raises SystemExit where it could not be run."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
    os.close(slave)
    started, decoder, frames = time.monotonic(), codecs.getincrementaldecoder("utf-8")("replace"), []
    while True:
        if select.select([master], [], [], 0.1)[0]:
            try:
                data = os.read(master, 1 << 16)
            except OSError:  # the other end is closed
                break
            if not data:
                break
            frames.append((time.monotonic() - started, decoder.decode(data)))
        elif child.poll() is not None:
            break
    os.close(master)
    if child.wait() == 2:
        raise SystemExit("the command could not be run:\n" + "".join(text for _, text in frames)[-500:])
    return frames


def as_cast(frames: list[tuple[float, str]], columns: int, rows: int, title: str) -> str:
    """The recording as asciinema reads it; frames of the same instant are one."""
    header = {
        "version": 2, "width": columns, "height": rows, "title": title, "env": {"TERM": "xterm-256color"},
        "idle_time_limit": LONGEST_PAUSE_SECONDS,
    }  # fmt: skip
    lines = [json.dumps(header)]
    instant, text = 0.0, ""
    for seconds, more in frames:
        if text and seconds - instant > 0.05:
            lines.append(json.dumps([round(instant, 2), "o", text]))
            text = ""
        instant, text = (instant if text else seconds), text + more
    lines.append(json.dumps([round(instant, 2), "o", text]))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Record and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="100x30")
    parser.add_argument("--command", default=shlex.join(DEMO), help="what to record (default: ftui demo)")
    arguments = parser.parse_args()
    columns, rows = (int(part) for part in arguments.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="demo-") as home:
        environment = {**os.environ, "FTUI_HOME": home, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        frames = record(shlex.split(arguments.command), columns, rows, environment)
    title = "ftui demo" if arguments.command == shlex.join(DEMO) else arguments.command
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(as_cast(frames, columns, rows, title), encoding="utf-8")
    sys.stdout.write(f"{arguments.out}: {frames[-1][0]:.0f} s, {arguments.out.stat().st_size / 1024:.0f} KiB\n")


if __name__ == "__main__":
    main()
