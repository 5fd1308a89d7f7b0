"""Ask a plain `ftui ... --json` command: long work happens in a child process, so quitting is instant."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from ftui.core.text import clip
from ftui.errors import EXIT_COULD_NOT, FtuiError

_LONGEST_ANSWER_BYTES = 64 << 20


async def ask(*arguments: str, module: str = "ftui") -> Any:
    """The JSON that `ftui ARGUMENTS --json` prints. Raises FtuiError with the command's own words where it cannot.

    module: another module of ours that takes --json. The child dies with the caller: a screen that is left kills what
    it asked.
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
        output, complaints = await child.communicate()
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
    try:
        if child.returncode in (0, 1):
            return json.loads(output)
    except ValueError:
        pass
    raise _as_error(complaints.decode("utf-8", "replace"), child.returncode or EXIT_COULD_NOT, arguments[0])


def _as_error(complaints: str, code: int, command: str) -> FtuiError:
    """The command's last complaint ("ftui: title: message" and a hint below it) as an error of ours."""
    lines = [line for line in complaints.splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith("ftui: ")]
    if not starts:
        last = clip(lines[-1], 200) if lines else f"exit code {code}"
        return FtuiError(f"ftui {command} gave no answer", last, f"Try it by itself: ftui {command} --help")
    first = starts[-1]
    hint = lines[first + 1].strip() if first + 1 < len(lines) else ""
    return FtuiError(lines[first].removeprefix("ftui: "), "", hint)
