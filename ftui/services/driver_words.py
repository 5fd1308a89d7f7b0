"""What the NVIDIA driver told the kernel's log when a GPU was lost: Xid numbers and their words."""

from __future__ import annotations

import subprocess

_PATIENCE_SECONDS = 5.0


def driver_words(limit: int = 3) -> str:
    """The last Xid lines of the kernel's log; empty where there are none, or where the log may not be read."""
    for command in (["dmesg"], ["journalctl", "-k", "-n", "2000", "--no-pager", "-o", "cat"]):
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        found = xid_lines(done.stdout.decode("utf-8", "replace"))
        if found:
            return " | ".join(found[-limit:])
    return ""


def xid_lines(log: str) -> list[str]:
    """The driver's own lines of a kernel log: `NVRM: Xid (PCI:0000:65:00): 79, GPU has fallen off the bus.`"""
    lines = [line[line.index("NVRM: ") :].strip() for line in log.splitlines() if "NVRM: Xid" in line]
    return list(dict.fromkeys(lines))
