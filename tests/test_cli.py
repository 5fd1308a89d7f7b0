"""The command itself: exit codes, one sentence for every mistake, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftui import __version__


def ftui(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "ftui", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


def test_version() -> None:
    done = ftui("--version")
    assert (done.returncode, done.stdout) == (0, f"ftui {__version__}\n")


def test_help_lists_every_command_and_each_has_help() -> None:
    from ftui.cli import COMMANDS

    text = ftui("--help").stdout
    for name in COMMANDS:
        assert f"  {name} " in text
        done = ftui(name, "--help")
        assert done.returncode == 0, done.stderr
        assert f"ftui {name}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "Did you mean `ftui train`?"),
        (["\x1b[31mred"], "no command"),
        (["train"], "which run?"),
        (["train", "no-such-plan.yaml"], "no such plan"),
        (["train", "--resume", "x"], "no such run"),
        (["watch", "x"], "no such run"),
        (["runs", "show", "x"], "no such run"),
        (["runs", "remove", "x", "--yes"], "no such run"),
        (["runs", "dance"], "invalid choice"),
        (["demo", "--model", "nothing"], "does not know this model"),
        (["demo", "--nonsense"], "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments: list[str], words: str) -> None:
    done = ftui(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr


def test_without_a_terminal_the_wizard_stays_closed() -> None:
    done = ftui()
    assert done.returncode == 2
    assert "usage: ftui" in done.stdout
    assert "Not a terminal" in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    pipeline = ["sh", "-c", f"{sys.executable} -m ftui --help | head -1"]
    done = subprocess.run(pipeline, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_a_bug_is_a_sentence_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ftui.commands.runs as runs
    from ftui.cli import main

    def broken(_: object) -> int:
        raise RuntimeError("[INST] \x1b[31m")

    monkeypatch.setattr(runs, "run", broken)
    assert main(["runs", "list"]) == 2
    words = capsys.readouterr().err
    assert "a bug in ftui: RuntimeError: [INST]" in words
    assert "\x1b" not in words
    crash = Path(words.split("Details: ")[1].strip())
    assert "RuntimeError" in crash.read_text()


def test_ctrl_c_is_130(tmp_path: Path) -> None:
    script = """
import time, ftui.commands.runs as runs
from ftui.cli import main
runs.run = lambda args: (print('ready', flush=True), time.sleep(30))
raise SystemExit(main(['runs']))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


def test_no_permission_is_a_sentence(tmp_path: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = ftui("runs", "list", FTUI_HOME=str(locked / "home"))
    assert done.returncode == 0
