"""Event files that are cut off, full of rubbish, or larger than anybody would believe; checkpoints that rot."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fault_kit import Row, Stage, begin, judge, wait_for_end

from ftui.core.events import Step, to_line
from ftui.services.launch import resume_run
from ftui.services.process import is_alive, send
from ftui.services.run_list import list_runs
from ftui.services.runs import Run, State, last_step, read_state, write_state

BLOCK_LINES = 8000


def damaged_events(count: int, stage: Stage, seed: int, until: float) -> Row:
    """Cut, spoil or remove the event files of a run that was stopped in the middle, read it, and let it go on."""
    noise, row = random.Random(seed), Row("damaged event files")
    for number in range(count):
        if time.monotonic() > until:
            break
        run = begin(stage.model, stage.rows, f"files-{number}")
        _stop_in_the_middle(run)
        for path in (run.trainer_events, run.supervisor_events):
            row.count(_damage(path, noise))
            row.tried += 1
        for command in (["watch", str(run.path), "--plain", "--no-follow"], ["runs", "show", str(run.path)]):
            done = subprocess.run([sys.executable, "-m", "ftui", *command], capture_output=True, text=True, check=False)
            if done.returncode not in (0, 1) or "bug" in done.stderr:
                row.problems.append(f"ftui {command[0]}: {done.returncode}: {done.stderr[-300:]}")
        resume_run(run)
        status = wait_for_end(run)
        # What was torn out of the file is gone from it; the training is not.
        judge_weights(row, run, stage, status)
    return row


def judge_weights(row: Row, run: Run, stage: Stage, status: str) -> None:
    """Like `judge`, for runs whose record of losses was damaged on purpose."""
    before = row.lost
    judge(row, run, stage, status)
    row.lost = before
    from fault_kit import outcome_of

    if (
        status == "finished"
        and outcome_of(run).weights == stage.calm.weights
        and "differ" in "".join(row.problems[-1:])
    ):
        row.problems.pop()
        row.same += 1


def _stop_in_the_middle(run: Run) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        step = last_step(run)
        if step is not None and step.step > 15:
            break
        time.sleep(0.05)
    found = [process for process in (read_state(run).supervisor(), read_state(run).trainer()) if process is not None]
    for process in found:
        send(process, signal.SIGKILL)
    while any(is_alive(process) for process in found):
        time.sleep(0.02)


def _damage(path: Path, noise: random.Random) -> str:
    """Damage a file in one of five ways and say which."""
    how = noise.choice(["cut off", "with zeros", "with random bytes", "with an endless line", "removed"])
    size = path.stat().st_size
    match how:
        case "cut off":
            os.truncate(path, noise.randrange(size))
        case "with zeros":
            with path.open("r+b") as file:
                file.seek(noise.randrange(size))
                file.write(b"\0" * 4096)
        case "with random bytes":
            with path.open("r+b") as file:
                file.seek(noise.randrange(size))
                file.write(noise.randbytes(2000))
        case "with an endless line":
            with path.open("ab") as file:
                file.write(b"x" * 6_000_000)
        case "removed":
            path.unlink()
    return how


def damaged_checkpoints(count: int, stage: Stage, seed: int, until: float) -> Row:
    """Spoil the newest checkpoint of a run that was killed; it must go on from the one before, with a sentence."""
    noise, row = random.Random(seed), Row("damaged checkpoints")
    for number in range(count):
        if time.monotonic() > until:
            break
        run = begin(stage.model, stage.rows, f"rot-{number}")
        while not (run.path / "checkpoints" / "step-20").is_dir() and read_state(run).live:
            time.sleep(0.05)
        _stop_in_the_middle(run)
        newest = max(run.path.glob("checkpoints/step-*"), key=lambda path: int(path.name[5:]))
        victim = noise.choice([path for path in newest.rglob("*") if path.is_file()])
        how = noise.choice(["flip", "cut", "gone"])
        if how == "flip":
            block = bytearray(victim.read_bytes())
            block[noise.randrange(len(block))] ^= 1 << noise.randrange(8)
            victim.write_bytes(block)
        elif how == "cut":
            os.truncate(victim, victim.stat().st_size // 2)
        else:
            victim.unlink()
        row.tried += 1
        row.count({"flip": "bits flipped", "cut": "files cut off", "gone": "files removed"}[how])
        resume_run(run)
        status = wait_for_end(run)
        again = row.repeated
        judge(row, run, stage, status)
        row.repeated = again  # the price of a damaged checkpoint is the way back to the one before
        if (
            f"{newest.name}" not in run.trainer_events.read_text()
            or "passed over" not in run.trainer_events.read_text()
        ):
            row.problems.append(f"{run.name}: {how} {victim.name}: no sentence about it")
    return row


@dataclass(frozen=True)
class Huge:
    """What a huge event file costs its readers: seconds and resident MiB."""

    gib: float
    list_seconds: float
    from_step_seconds: float
    from_step_mib: float
    whole_mib: float
    """Of `watch --plain --no-follow` after ten seconds in the middle of it."""


def huge_events(gib: float) -> Huge:
    """A run with an event file of so many GiB: listed, watched from a late step, and read from the start."""
    from ftui.core.plan import from_mapping
    from ftui.services.run_folders import create_run

    run = create_run(from_mapping({"model": {"id": "m"}, "data": {"train": "d"}, "run": {"name": "huge"}}))
    write_state(run, State("stopped", 1))
    steps = _write_steps(run, int(gib * 2**30))
    began = time.perf_counter()
    (entry,) = [entry for entry in list_runs() if entry.run == run.name]
    listed = time.perf_counter() - began
    assert entry.step == steps, (entry.step, steps)
    seconds, mib, out = _measured(["watch", str(run.path), "--plain", "--no-follow", "--from-step", str(steps - 100)])
    assert f"step {steps}/" in out and f"step {steps - 200}/" not in out, out[-300:]
    _, whole_mib, _ = _measured(["watch", str(run.path), "--plain", "--no-follow"], stop_after=10.0)
    shutil.rmtree(run.path)
    return Huge(gib, listed, seconds, mib, whole_mib)


def _write_steps(run: Run, size_bytes: int) -> int:
    """Fill the event file with steps; gives the number of the last."""
    metrics = {
        "loss": 1.25,
        "learning_rate": 1.5e-4,
        "grad_norm": 0.98,
        "tokens_per_second": 10345.6,
        "step_seconds": 0.4,
    }
    before, after = to_line(Step(987654321, 10**9, 1.5, 0, metrics)).split("987654321")
    step = 0
    with run.trainer_events.open("w") as file:
        while file.tell() < size_bytes:
            file.write("".join(f"{before}{number}{after}" for number in range(step + 1, step + 1 + BLOCK_LINES)))
            step += BLOCK_LINES
    return step


def _measured(command: list[str], stop_after: float | None = None) -> tuple[float, float, str]:
    """Seconds, the most resident MiB, and the end of stdout of an ftui command."""
    # VmHWM, not ru_maxrss: that one begins with what the parent held when it forked.
    code = (
        "import sys; from ftui.cli import main; code = main(sys.argv[1:]);"
        "sys.stderr.write(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", code, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if stop_after is not None:
        import threading

        import psutil

        most = [0]

        def watch() -> None:
            with_until = time.monotonic() + stop_after
            while time.monotonic() < with_until and child.poll() is None:
                most[0] = max(most[0], psutil.Process(child.pid).memory_info().rss)
                time.sleep(0.2)
            child.kill()

        threading.Thread(target=watch).start()
        assert child.stdout is not None
        while child.stdout.read(1 << 20):
            pass
        child.wait()
        return time.perf_counter() - began, most[0] / 2**20, ""
    out, errors = child.communicate()
    peak = errors.decode().strip().splitlines()[-1]
    return time.perf_counter() - began, int(peak) / 1024, out.decode()[-20_000:]
