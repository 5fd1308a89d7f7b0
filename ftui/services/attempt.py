"""One attempt at training: the trainer's command line, surroundings and start, and what its end leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

from ftui.core.plan import Plan
from ftui.services.process import ProcessId, boot_id, identify
from ftui.services.runs import Run
from ftui.services.workers import score_cache

_GATE = 'read -r word && [ "$word" = go ] && exec "$@" </dev/null'


def trainer_command(run: Run, plan: Plan) -> list[str]:
    """The command line of the trainer: through accelerate where several processes share the work."""
    # -P: the run's folder, which is the working directory, must not be a place that modules are imported from.
    if plan.train.gpus == 1:
        return [sys.executable, "-P", "-m", "ftui.trainer", str(run.path)]
    from ftui.core.launcher import launch_arguments

    return [sys.executable, "-P", *launch_arguments(plan), "-m", "ftui.trainer", str(run.path)]


def trainer_environment() -> dict[str, str]:
    """The trainer's environment: offline, no telemetry, unbuffered output; secrets stay out of argv."""
    quiet = {
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_OFFLINE": "1",
        "WANDB_DISABLED": "true",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "FTUI_SCORE_CACHE": str(score_cache()),
    }
    return {**os.environ, **{key: os.environ.get(key, value) for key, value in quiet.items()}}


def spawn_gated(run: Run, command: list[str], title: str) -> subprocess.Popen[bytes]:
    """Start the trainer behind a gate: it begins only when `open_gate` is called, and never if this process dies first.

    Between a process's start and the moment when state.json names it, a killed supervisor would leave a trainer that
    nobody knows of. Its output goes into a file, it leads a process group of its own. Raises OSError.
    """
    with run.log.open("ab") as log:
        log.write(f"--- {title} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode())
        log.flush()
        return subprocess.Popen(
            ["/bin/sh", "-c", _GATE, "ftui-trainer", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=trainer_environment(),
            cwd=run.path,
        )


def open_gate(child: subprocess.Popen[bytes]) -> None:
    """Let a gated trainer begin."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(b"go\n")
        child.stdin.close()


def refuse_gate(child: subprocess.Popen[bytes]) -> None:
    """End a gated trainer that has not begun."""
    assert child.stdin is not None
    child.stdin.close()
    child.wait()


def kill_leftovers(trainer: ProcessId) -> None:
    """End what a dead trainer left in its process group (data-loader workers).

    As long as a group has members its number is given to no new process: where one has it, the group was empty.
    """
    if trainer.boot_id != boot_id() or identify(trainer.pid) is not None or os.getpgid(0) == trainer.pid:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(trainer.pid, signal.SIGKILL)


def exit_words(code: int | None) -> str:
    """How a trainer ended that said nothing itself."""
    if code is None:
        return "the trainer vanished"
    if code < 0:
        name = signal.Signals(-code).name
        killer = "; did the kernel run out of memory? (dmesg | grep -i oom)" if name == "SIGKILL" else ""
        return f"the trainer was killed by {name}{killer}"
    return f"the trainer ended with exit code {code} and no word; see logs/trainer.log"
