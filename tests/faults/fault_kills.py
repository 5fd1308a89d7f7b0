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
from fault_moments import busy_with, wait_for_a_moment

from ftui.services.adoption import adopt_orphans
from ftui.services.launch import resume_run
from ftui.services.runs import Run, read_state

WAYS = ("SIGKILL", "SIGHUP", "closed pty")


def kills(kind: str, count: int, stage: Stage, seed: int, per_run: int, until: float) -> Row:
    """Faults of one kind until `count` hit or the monotonic clock says `until`."""
    noise = random.Random(seed)
    row = Row(f"SIGKILL to the {kind}" if kind != "viewer" else "viewer gone (3 ways)")
    while row.tried < count and time.monotonic() < until:
        run = begin(stage.model, stage.rows, f"{kind}-{row.runs}")
        row.tried += disturb(kind, run, noise, min(per_run, count - row.tried), stage.calm_seconds, row, until)
        judge(row, run, stage, wait_for_end(run, resumes=per_run))
    return row


def disturb(kind: str, run: Run, noise: random.Random, count: int, span: float, row: Row, until: float) -> int:
    """Kill `count` processes of the kind at random moments; gives how many were hit."""
    hit = 0
    for _ in range(count):
        if time.monotonic() > until or not wait_for_a_moment(run, noise, span):
            break
        if kind == "viewer":
            hit += lose_viewer(run, noise, row)
            continue
        busy, at_work = busy_with(run), trainer_pid(run)
        if kind == "supervisor" and noise.random() < 0.4 and _kill(at_work):
            # Just after its trainer: while it notes the end and starts the next attempt.
            busy = "it starts a killed trainer anew"
            time.sleep(noise.uniform(0.0, 1.0))
        if _kill(at_work if kind == "trainer" else supervisor_pid(run)):
            hit += 1
            row.count(f"while {busy}")
        if kind == "supervisor":
            time.sleep(noise.uniform(0.0, 1.0))
            adopt_orphans()
            if read_state(run).status == "interrupted":
                # Killed when it had no trainer: nothing is lost, and a person says "go on".
                resume_run(run)
    return hit


def _kill(pid: int | None) -> bool:
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


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


def lose_viewer(run: Run, noise: random.Random, row: Row) -> bool:
    """Open a viewer and take it, or its terminal, away, half of them while they start; False where it had left."""
    viewer, master = open_viewer(run, plain=noise.random() < 0.5)
    shown = _read_for(master, noise.choice([noise.uniform(0.0, 0.5), noise.uniform(1.5, 4.0)]))
    if viewer.poll() is not None:
        os.close(master)
        if viewer.returncode or read_state(run).live:
            row.problems.append(f"{run.name}: a viewer left by itself ({viewer.returncode}): {shown[-300:]!r}")
        return False
    way = noise.choice(WAYS)
    if way == "closed pty":
        os.close(master)
    else:
        viewer.send_signal(signal.Signals[way])  # its terminal stays, so that it is this signal that ends it
    until = time.monotonic() + 20.0
    while viewer.poll() is None and time.monotonic() < until:
        if way == "closed pty":
            time.sleep(0.05)
        else:
            _read_for(master, 0.05)
    if way != "closed pty":
        os.close(master)
    if viewer.poll() is None:
        row.problems.append(f"{run.name}: a viewer outlived this: {way}, {shown[-300:]!r}")
        viewer.kill()
        viewer.wait()
    row.count(way)
    row.count("of all before they showed anything", not shown)
    return True


def _read_for(master: int, seconds: float) -> bytes:
    os.set_blocking(master, False)
    until, got = time.monotonic() + seconds, b""
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            got += os.read(master, 65536)
        time.sleep(0.02)
    return got
