"""CPU time of light commands against an empty Python: `python tests/benchmarks/startup.py`.

Each is measured twice: with a bytecode cache, as an installed ftui has one (pip writes it), and without, as a checkout
on a read-only disk or under PYTHONDONTWRITEBYTECODE has none, so that every start compiles every module.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 15
COMMANDS = [
    ["--version"],
    ["--help"],
    ["runs", "list"],
    ["fit", "--help"],
    ["fit", "Qwen/Qwen3-8B", "--json"],
    ["fit", "Qwen/Qwen3-8B", "--vram-gib", "24", "--json"],
    ["fit", "Qwen/Qwen3-8B", "--gpu", "RTX 4090", "--json"],
]


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of one run of a command, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(environment: dict[str, str]) -> None:
    """Interleave the rounds, so that a busy machine slows all of them alike; take the minima."""
    ftui = shutil.which("ftui") or "ftui"
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        **{"ftui " + " ".join(c): [ftui, *c] for c in COMMANDS},
    }
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(ROUNDS):
        for name, command in commands.items():
            best[name] = min(best[name], cpu_seconds(command, environment))
    floor = best["python -c pass"]
    for name, seconds in best.items():
        print(f"{seconds * 1000:7.1f} ms CPU  {seconds / floor:5.1f}x  {name}")


def main() -> None:
    dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    base = {name: value for name, value in os.environ.items() if name not in dropped}
    with tempfile.TemporaryDirectory() as folder:
        base["FTUI_HOME"] = folder
        # A copy, because a checkout may hold caches of its own.
        package = Path(__file__).resolve().parents[2] / "ftui"
        shutil.copytree(package, Path(folder, "ftui"), ignore=shutil.ignore_patterns("__pycache__"))
        base["PYTHONPATH"] = folder
        print("with a bytecode cache (fit MODEL --json: target 6x)")
        measure({**base, "PYTHONPYCACHEPREFIX": str(Path(folder, "cache"))})
        print("without")
        measure({**base, "PYTHONDONTWRITEBYTECODE": "1"})


if __name__ == "__main__":
    main()
