"""CPU time of light commands against an empty Python: `python tests/benchmarks/startup.py`."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile

ROUNDS = 15
COMMANDS = [["--version"], ["--help"], ["runs", "list"], ["fit", "Qwen/Qwen3-8B", "--vram-gib", "24", "--json"]]


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run of a command, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Interleave the rounds, so that a busy machine slows all of them alike; take the minima."""
    os.environ["FTUI_HOME"] = tempfile.mkdtemp()
    ftui = shutil.which("ftui") or "ftui"
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        **{"ftui " + " ".join(c): [ftui, *c] for c in COMMANDS},
    }
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(ROUNDS):
        for name, command in commands.items():
            best[name] = min(best[name], cpu_seconds(command))
    floor = best["python -c pass"]
    for name, seconds in best.items():
        print(f"{seconds * 1000:7.1f} ms CPU  {seconds / floor:5.1f}x  {name}")


if __name__ == "__main__":
    main()
