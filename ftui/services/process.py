"""Processes by identity: a pid alone is not one, since pids are reused and a reboot starts them over."""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process of this boot. start_ticks: its start in clock ticks since boot (field 22 of /proc/PID/stat)."""

    pid: int
    start_ticks: int
    boot_id: str


def short_id(process: ProcessId | None) -> str:
    """The process as one word for a command line: "PID:START_TICKS", or "-" for none."""
    return "-" if process is None else f"{process.pid}:{process.start_ticks}"


@functools.cache
def boot_id() -> str:
    """An id of this boot of this machine; empty where the system gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def identify(pid: int) -> ProcessId | None:
    """The identity of a live process, or None where there is none (a zombie counts as none)."""
    status = _stat(pid)
    return None if status is None or status[0] in "ZX" else ProcessId(pid, status[1], boot_id())


def is_alive(process: ProcessId | None) -> bool:
    """Whether this very process still runs."""
    return process is not None and process.boot_id == boot_id() and identify(process.pid) == process


def send(process: ProcessId, signal_number: signal.Signals) -> bool:
    """Send a signal to this very process, never to another that took its pid. False where it is gone."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, signal_number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def send_group(process: ProcessId, signal_number: signal.Signals) -> bool:
    """Send a signal to the process group that this process leads (its children too). False where it is gone."""
    try:
        if not is_alive(process) or os.getpgid(process.pid) != process.pid:
            return send(process, signal_number)
        os.killpg(process.pid, signal_number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def processes_with(*words: str) -> list[int]:
    """The pids of processes whose command lines hold all of these words; looks at every process of the machine."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        if all(word in line for word in words) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(int(process.pid))
    return found


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _stat_psutil(pid) if not Path("/proc/self/stat").exists() else None
    # The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    words = text[text.rindex(")") + 2 :].split()
    return words[0], int(words[19])


def _stat_psutil(pid: int) -> tuple[str, int] | None:
    import psutil

    try:
        process = psutil.Process(pid)
        state = "Z" if process.status() == psutil.STATUS_ZOMBIE else "R"
        return state, int(process.create_time() * 100)
    except psutil.Error:
        return None
