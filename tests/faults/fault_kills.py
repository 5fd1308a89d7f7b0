"""SIGKILL to trainers and supervisors, and viewers that lose their terminal, at random moments."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import termios
import time

from fault_kit import Row, Stage, begin, judge, supervisor_pid, trainer_pid, wait_for_end

from ftui.services.adoption import adopt_orphans
from ftui.services.runs import Run, read_state

WAYS = ("SIGKILL", "SIGHUP", "closed pty")


def kills(kind: str, count: int, stage: Stage, seed: int, per_run: int, until: float) -> Row:
    """Faults of one kind until `count` hit or the monotonic clock says `until`."""
    noise = random.Random(seed)
    row = Row(f"SIGKILL to the {kind}" if kind != "viewer" else "viewer gone (3 ways)")
    ways: list[str] = []
    while row.tried < count and time.monotonic() < until:
        run = begin(stage.model, stage.rows, f"{kind}-{row.runs}")
        row.tried += disturb(kind, run, noise, min(per_run, count - row.tried), stage.calm_seconds, ways, until)
        judge(row, run, stage, wait_for_end(run, resumes=per_run))
    if ways:
        row.note = ", ".join(f"{ways.count(way)} {way}" for way in WAYS)
    return row


def disturb(kind: str, run: Run, noise: random.Random, count: int, span: float, ways: list[str], until: float) -> int:
    """Kill `count` processes of the kind, each within half of a run's usual length; gives how many were hit."""
    hit = 0
    for _ in range(count):
        # Half of them early, where state changes hands; the others anywhere.
        wait = noise.uniform(0.0, span / 2 if noise.random() < 0.5 else 1.5)
        if time.monotonic() > until or not _sleep_while_live(run, wait):
            break
        if kind == "viewer":
            ways.append(lose_viewer(run, noise, plain=bool(hit % 2)))
            hit += 1
            continue
        pid = trainer_pid(run) if kind == "trainer" else supervisor_pid(run)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                hit += 1
        if kind == "supervisor":
            time.sleep(noise.uniform(0.0, 1.0))
            adopt_orphans()
            if read_state(run).status == "interrupted":
                # Killed before it had a trainer: nothing is lost, and a person says "go on".
                from ftui.services.launch import resume_run

                resume_run(run)
    return hit


def _sleep_while_live(run: Run, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not read_state(run).live:
            return False
        time.sleep(0.05)
    return read_state(run).live


def open_viewer(run: Run, plain: bool) -> tuple[subprocess.Popen[bytes], int]:
    """`ftui watch` as the leader of a session with a terminal of its own, as a shell over SSH would start it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [sys.executable, "-m", "ftui", "watch", str(run.path), *(["--plain"] if plain else [])]
    viewer = subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=slave, stdout=slave, stderr=slave,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    return viewer, master


def lose_viewer(run: Run, noise: random.Random, plain: bool) -> str:
    """Open a viewer and take it, or its terminal, away."""
    viewer, master = open_viewer(run, plain)
    _read_for(master, noise.uniform(0.2, 2.0))
    way = noise.choice(WAYS)
    if way != "closed pty":
        viewer.send_signal(signal.Signals[way])
    os.close(master)
    try:
        viewer.wait(10)
    except subprocess.TimeoutExpired:
        viewer.kill()
        viewer.wait()
        raise AssertionError(f"a viewer outlived this: {way}") from None
    return way


def _read_for(master: int, seconds: float) -> bytes:
    os.set_blocking(master, False)
    until, got = time.monotonic() + seconds, b""
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            got += os.read(master, 65536)
        time.sleep(0.02)
    return got
