"""Ask a plain `ftui ... --json` command: long work happens in a child process, so quitting is instant."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from ftui.core.text import clip
from ftui.errors import EXIT_COULD_NOT, FtuiError

_LONGEST_ANSWER_BYTES = 64 << 20
_PATIENCE_SECONDS = 2.0


async def ask(*arguments: str, module: str = "ftui", hear: Callable[[str], None] | None = None) -> Any:
    """The JSON that `ftui ARGUMENTS --json` prints. Raises FtuiError with the command's own words where it cannot.

    module: another module of ours that takes --json. hear: is given each line of its talk on stderr as it comes. The
    child dies with the caller: a screen that is left kills what it asked, or where it listens, interrupts it, so that
    it leaves nothing half-written behind.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        *arguments,
        "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_ANSWER_BYTES,
    )
    try:
        output, complaints = await (child.communicate() if hear is None else _heard(child, hear))
    finally:
        if child.returncode is None and hear is not None:
            await _end(child)
        else:
            await _kill(child)
    try:
        if child.returncode in (0, 1):
            return json.loads(output)
    except ValueError:
        pass
    raise _as_error(complaints.decode("utf-8", "replace"), child.returncode or EXIT_COULD_NOT, arguments, module)


async def _heard(child: asyncio.subprocess.Process, hear: Callable[[str], None]) -> tuple[bytes, bytes]:
    assert child.stdout is not None and child.stderr is not None
    reading = asyncio.create_task(child.stdout.read())
    said: deque[bytes] = deque(maxlen=200)
    try:
        async for line in child.stderr:
            said.append(line)
            hear(line.decode("utf-8", "replace").rstrip("\n"))
        output = await reading
    finally:
        reading.cancel()
    await child.wait()
    return output, b"".join(said)


async def listen(*arguments: str, module: str = "ftui") -> AsyncGenerator[dict[str, Any], None]:
    """The JSON lines that a module prints, as they come. Raises FtuiError with its own words where it fails.

    The child dies when the caller stops listening.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        *arguments,
        "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_ANSWER_BYTES,
    )
    assert child.stdout is not None and child.stderr is not None
    complaints = asyncio.create_task(child.stderr.read())
    try:
        async for line in child.stdout:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict):
                    yield record
        said = (await complaints).decode("utf-8", "replace")
        await child.wait()
    finally:
        complaints.cancel()
        await _kill(child)
    if child.returncode not in (0, 1):
        raise _as_error(said, child.returncode or EXIT_COULD_NOT, arguments, module)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Interrupt the child and give it a moment to clean up, also when the program is being left."""
    try:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), _PATIENCE_SECONDS)
    except asyncio.CancelledError:
        until = time.monotonic() + _PATIENCE_SECONDS
        while _runs(child) and time.monotonic() < until:
            time.sleep(0.02)
        raise
    finally:
        await _kill(child)


def _runs(child: asyncio.subprocess.Process) -> bool:
    """Whether the child is alive, asked of the system: nobody listens to the loop any more."""
    try:
        os.kill(child.pid, 0)
        return ") Z " not in Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


async def _kill(child: asyncio.subprocess.Process) -> None:
    """End the child where it still runs, and close its pipes: a loop that ends before them complains aloud."""
    transport = getattr(child, "_transport", None)
    if transport is not None:
        transport.close()
    await child.wait()


def _as_error(complaints: str, code: int, arguments: Sequence[str], module: str) -> FtuiError:
    """The command's last complaint ("ftui: title: message" and a hint below it) as an error of ours."""
    lines = [line for line in complaints.splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith("ftui: ")]
    if not starts:
        last = clip(lines[-1], 200) if lines else f"exit code {code}"
        what = f"ftui {arguments[0]}" if module == "ftui" else module.rpartition(".")[2]
        program = ["ftui"] if module == "ftui" else ["python", "-m", module]
        command = shlex.join([*program, *arguments, "--json"])
        return FtuiError(f"{what} gave no answer", last, f"Try it by itself: {clip(command, 200)}")
    first = starts[-1]
    hint = lines[first + 1].strip() if first + 1 < len(lines) else ""
    return FtuiError(lines[first].removeprefix("ftui: "), "", hint)
