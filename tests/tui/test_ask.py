"""Asking commands in child processes: answers, complaints, and being left in the middle."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftui.errors import FtuiError
from ftui.tui.ask import ask, listen


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module `asked` that the test writes, found by the children."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "asked.py"


async def test_talk_is_heard_line_by_line_before_the_answer(module: Path) -> None:
    module.write_text(
        "import sys\nprint('… loading: a', file=sys.stderr)\nprint('… saving: b', file=sys.stderr)\nprint('[1]')\n"
    )
    heard: list[str] = []
    assert await ask("x", module="asked", hear=heard.append) == [1]
    assert heard == ["… loading: a", "… saving: b"]


async def test_a_refusal_is_given_in_the_commands_own_words(module: Path) -> None:
    module.write_text("import sys\nprint('ftui: No: because\\n      Do this.', file=sys.stderr)\nsys.exit(2)\n")
    for hear in (None, lambda _: None):
        with pytest.raises(FtuiError, match="No: because") as caught:
            await ask("x", module="asked", hear=hear)
        assert caught.value.hint == "Do this."
    with pytest.raises(FtuiError, match="No: because"):
        async for _ in listen("x", module="asked"):
            pass


async def test_a_crash_says_which_command_to_try_by_itself(module: Path) -> None:
    module.write_text("raise TypeError('no')\n")
    with pytest.raises(FtuiError, match="asked gave no answer: TypeError: no") as caught:
        await ask("a file [INST].jsonl", module="asked")
    assert caught.value.hint == "Try it by itself: python -m asked 'a file [INST].jsonl' --json"


async def test_lines_that_are_no_json_are_passed_over(module: Path) -> None:
    module.write_text("print('{\"a\": 1}')\nprint('nonsense')\nprint('[2]')\nprint('{\"b\": 2}')\n")
    assert [record async for record in listen("x", module="asked")] == [{"a": 1}, {"b": 2}]


async def test_whoever_stops_listening_interrupts_the_child_and_it_cleans_up(module: Path, tmp_path: Path) -> None:
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    module.write_text(
        f"import pathlib, time\ntry:\n    pathlib.Path({str(begun)!r}).touch()\n    time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    pathlib.Path({str(cleaned)!r}).touch()\n"
    )
    task = asyncio.create_task(ask("x", module="asked", hear=lambda _: None))
    for _ in range(400):
        await asyncio.sleep(0.05)
        if begun.exists():
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned.exists()


@pytest.mark.parametrize("how", ["ask('x', module='asked')", "ask('x', module='asked', hear=print)", "listening()"])
def test_leaving_the_program_in_the_middle_is_silent_and_leaves_no_child(
    module: Path, tmp_path: Path, how: str
) -> None:
    number = tmp_path / "pid"
    module.write_text(
        f"import os, pathlib, time\npathlib.Path({str(number)!r} + '.new').write_text(str(os.getpid()))\n"
        f"os.replace({str(number)!r} + '.new', {str(number)!r})\ntime.sleep(60)\n"
    )
    script = f"""
import asyncio, gc, pathlib
from ftui.tui.ask import ask, listen
async def listening():
    async for _ in listen('x', module='asked'): pass
async def main():
    task = asyncio.create_task({how})
    while not pathlib.Path({str(number)!r}).exists():
        await asyncio.sleep(0.02)
asyncio.run(main())
gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    for _ in range(100):
        try:
            os.kill(int(number.read_text()), 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("the child lives on")
