"""What the terminal program costs: first paint, bytes and CPU while watching, key latency, long runs.

    python tests/benchmarks/terminal.py [paint] [watch] [idle] [million] [hours]      (all of them without a name)

Everything is measured from outside, through a pseudo-terminal, as a user's terminal would see it. On a busy machine
wall-clock figures grow; the ratios and the CPU times stay.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import pty
import random
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tui"))

from fake_runs import empty_run

from ftui.core.events import Memory, Phase, Step, to_line

TICKS = os.sysconf("SC_CLK_TCK")
FTUI = [sys.executable, "-m", "ftui"]
HELLO_SOURCE = """
from textual.app import App
from textual.widgets import Footer, Header, Static
class Hello(App):
    BINDINGS = [('q', 'quit', 'Quit')]
    def compose(self):
        yield Header()
        yield Static('Hello, world')
        yield Footer()
Hello().run()
"""
HELLO = [sys.executable, "-c", HELLO_SOURCE]


class Terminal:
    """A program in a pseudo-terminal that answers nothing: it is read, timed and measured."""

    def __init__(self, command: list[str], home: Path, size: tuple[int, int] = (80, 24)) -> None:
        self.master, slave = pty.openpty()
        width, height = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        environment = {**os.environ, "FTUI_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        self.started = time.perf_counter()
        self.child = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.total_bytes = 0
        self.tail = b""

    def read(self, seconds: float) -> bytes:
        """What comes within `seconds` (the first of it, as soon as it comes)."""
        ready, _, _ = select.select([self.master], [], [], max(0.0, seconds))
        if not ready:
            return b""
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return b""
        self.total_bytes += len(data)
        self.tail = (self.tail + data)[-65536:]
        return data

    def wait_for(self, marker: bytes, seconds: float = 60.0) -> float:
        """Seconds since the start until `marker` was written."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self.read(0.2)
            if marker in self.tail:
                return time.perf_counter() - self.started
        raise TimeoutError(f"{marker!r} never came; last was {self.tail[-300:]!r}")

    def wait_for_rest(self, quiet: float = 1.5) -> float:
        """Seconds since the start until the last byte, when nothing came for `quiet` seconds after it."""
        last = time.perf_counter()
        while time.perf_counter() - last < quiet:
            if self.read(0.1):
                last = time.perf_counter()
        return last - self.started

    def drain(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Read for so long, and call `each` in between."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.read(min(0.02, left))
            each()

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    @property
    def cpu_seconds(self) -> float:
        words = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def memory_mib(self, name: str = "VmRSS") -> float:
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        return math.nan

    def close(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        os.close(self.master)


def say(name: str, value: float, unit: str, budget: float) -> None:
    """One line: the figure, what it may be, and whether it is."""
    print(f"{name:<44} {value:10.2f} {unit:<8} <= {budget:g}   {'ok' if value <= budget else 'OVER'}", flush=True)


def paint(folder: Path, rounds: int = 9) -> None:
    """First paint of `ftui` against that of a Textual hello world, one after the other."""
    wall: dict[str, list[float]] = {"hello": [], "ftui": []}
    cpu: dict[str, list[float]] = {"hello": [], "ftui": []}
    for _ in range(rounds):
        for name, command, marker in (("hello", HELLO, b"Hello, world"), ("ftui", FTUI, b"from the question")):
            terminal = Terminal(command, folder)
            wall[name].append(terminal.wait_for(marker))
            cpu[name].append(terminal.cpu_seconds)
            terminal.close()
    for name in wall:
        print(f"{name:<8} first paint: {min(wall[name]):.2f} s (median {statistics.median(wall[name]):.2f}), "
              f"CPU {min(cpu[name]):.2f} s (median {statistics.median(cpu[name]):.2f})")  # fmt: skip
    say("first paint, ftui / hello world (minimum)", min(wall["ftui"]) / min(wall["hello"]), "x", 1.3)
    ratio = statistics.median(cpu["ftui"]) / statistics.median(cpu["hello"])
    say("first paint, CPU, ftui / hello world (median)", ratio, "x", 1.3)


def step_line(step: int, total: int, noise: random.Random, time: datetime) -> str:
    metrics = {
        "loss": 2.5 * math.exp(-step / (total / 4)) + 0.6 + noise.gauss(0, 0.08),
        "learning_rate": 2e-4 * (1 - step / total),
        "grad_norm": abs(noise.gauss(0.8, 0.2)),
        "tokens_per_second": noise.gauss(4200, 100),
        "step_seconds": 0.05,
    }
    return to_line(Step(step, total, step / total * 3, step * 2048, metrics), time)


def memory_line(noise: random.Random, time: datetime) -> str:
    gpu = {"index": 0, "used_bytes": 9.2e9 + noise.random() * 1e8, "total_bytes": 24e9, "utilization_percent": 97.0}
    return to_line(Memory(gpus=(gpu,), host_rss_bytes=int(3e9 + noise.random() * 1e7), host_total_bytes=64 << 30), time)


def watch(folder: Path, seconds: float = 20.0) -> None:
    """The dashboard at 20 events a second, 120x40: bytes, CPU, and how soon a key is answered."""
    run = empty_run(folder / "runs", status="running")
    run.path.chmod(0o700)
    noise, total = random.Random(1), 4000
    done = 1800
    run.trainer_events.write_text(
        to_line(Phase("training")) + "".join(step_line(n, total, noise, datetime.now(UTC)) for n in range(1, done + 1))
    )
    terminal = Terminal([*FTUI, "watch", run.path.as_posix()], folder, (120, 40))
    terminal.wait_for(b"of 4,000")
    terminal.drain(2.0)
    state = {"next": time.perf_counter(), "memory": time.perf_counter(), "step": done}
    trainer, supervisor = run.trainer_events.open("a"), run.supervisor_events.open("a")

    def feed() -> None:
        now = time.perf_counter()
        while now >= state["next"]:
            state["step"] += 1
            state["next"] += 1 / 20
            trainer.write(step_line(int(state["step"]), total, noise, datetime.now(UTC)))
            trainer.flush()
        if now >= state["memory"]:
            state["memory"] += 1.0
            supervisor.write(memory_line(noise, datetime.now(UTC)))
            supervisor.flush()

    terminal.drain(3.0, feed)
    bytes_before, cpu_before, started = terminal.total_bytes, terminal.cpu_seconds, time.perf_counter()
    terminal.drain(seconds, feed)
    took = time.perf_counter() - started
    say("watching 20 events/s: to the terminal", (terminal.total_bytes - bytes_before) / took / 1024, "KB/s", 3)
    say("watching 20 events/s: of one core", (terminal.cpu_seconds - cpu_before) / took * 100, "%", 5)
    delays = []
    for number in range(40):
        terminal.drain(0.3 + 0.013 * (number % 7), feed)
        while terminal.read(0.06):
            pass
        pressed = time.perf_counter()
        terminal.press(b"\x1b[D" if number % 2 else b"\x1b[C")
        while not terminal.read(1.0) and time.perf_counter() - pressed < 2:
            pass
        delays.append(time.perf_counter() - pressed)
        feed()
    ordered = sorted(delays)
    say("watching 20 events/s: a key, p95", ordered[int(len(ordered) * 0.95)] * 1000, "ms", 50)
    print(f"{'':<44} {statistics.median(ordered) * 1000:10.2f} ms       median")
    terminal.close()


def idle(folder: Path, seconds: float = 15.0) -> None:
    """The dashboard of a run in which nothing happens."""
    run = empty_run(folder / "runs", name="20261122-040000-idle", status="finished")
    run.path.chmod(0o700)
    noise = random.Random(1)
    run.trainer_events.write_text("".join(step_line(n, 500, noise, datetime.now(UTC)) for n in range(1, 501)))
    terminal = Terminal([*FTUI, "watch", run.path.as_posix()], folder, (120, 40))
    terminal.wait_for(b"of 500")
    terminal.drain(3.0)
    bytes_before, cpu_before = terminal.total_bytes, terminal.cpu_seconds
    terminal.drain(seconds)
    say("idle: to the terminal", (terminal.total_bytes - bytes_before) / seconds / 1024, "KB/s", 0.2)
    say("idle: of one core", (terminal.cpu_seconds - cpu_before) / seconds * 100, "%", 1)
    terminal.close()


def million(folder: Path, count: int = 1_000_000) -> None:
    """How long a run of a million events takes to open, and what it holds."""
    run = empty_run(folder / "runs", name="20261122-040000-million", status="finished")
    run.path.chmod(0o700)
    noise, time_then = random.Random(1), datetime(2026, 11, 1, tzinfo=UTC)
    steps = count * 9 // 10
    with run.trainer_events.open("w") as file:
        for step in range(1, steps + 1):
            file.write(step_line(step, steps, noise, time_then + timedelta(seconds=step)))
    with run.supervisor_events.open("w") as file:
        for second in range(count - steps):
            file.write(memory_line(noise, time_then + timedelta(seconds=second * 9)))
    size = (run.trainer_events.stat().st_size + run.supervisor_events.stat().st_size) / 2**20
    print(f"a run of {count:,} events, {size:,.0f} MiB of event files")
    terminal = Terminal([*FTUI, "watch", run.path.as_posix()], folder, (120, 40))
    first = terminal.wait_for(b"20261122-040000-million")
    opened = terminal.wait_for(f"step {steps:,} of {steps:,}".encode())
    say("a million events: until the name is there", first, "s", 2)
    say("a million events: until its curves are there", opened, "s", 2)
    print(f"{'':<44} {terminal.wait_for_rest():10.2f} s        until every event was read")
    print(f"{'':<44} {terminal.cpu_seconds:10.2f} s        CPU, first paint included")
    terminal.drain(2.0)
    say("a million events: memory", terminal.memory_mib("VmHWM"), "MiB", 200)
    terminal.close()


def hours(folder: Path, count: int = 576_000) -> None:
    """Eight hours at 20 events a second, replayed at speed: does watching take more and more memory?"""
    run = empty_run(folder / "runs", name="20261122-040000-hours", status="running")
    run.path.chmod(0o700)
    noise, time_then = random.Random(1), datetime(2026, 11, 1, tzinfo=UTC)
    run.trainer_events.write_text("".join(step_line(n, count, noise, time_then) for n in range(1, 20_001)))
    terminal = Terminal([*FTUI, "watch", run.path.as_posix()], folder, (120, 40))
    terminal.wait_for(b"of 576,000")
    terminal.drain(3.0)
    before = terminal.memory_mib()
    with run.trainer_events.open("a") as file, run.supervisor_events.open("a") as other, run.log.open("a") as log:
        for step in range(20_001, count + 1):
            file.write(step_line(step, count, noise, time_then + timedelta(seconds=step / 20)))
            if step % 20 == 0:
                other.write(memory_line(noise, time_then + timedelta(seconds=step / 20)))
                log.write(f"a line of the log at step {step}\n")
            if step % 8000 == 0:
                for each in (file, other, log):
                    each.flush()
                terminal.drain(0.05)
    terminal.wait_for_rest()
    say("eight hours of viewing: memory grown by", terminal.memory_mib() - before, "MiB", 10)
    terminal.close()


def main() -> None:
    chosen = sys.argv[1:] or ["paint", "watch", "idle", "million", "hours"]
    print(json.dumps({"python": sys.version.split()[0], "cores": os.cpu_count(), "load": os.getloadavg()}))
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="ftui-terminal-") as folder:
            {"paint": paint, "watch": watch, "idle": idle, "million": million, "hours": hours}[name](Path(folder))


if __name__ == "__main__":
    main()
