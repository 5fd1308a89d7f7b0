"""Standard streams that are closed, full, or know ASCII only: the command says what it can; none is a bug."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FTUI = f"{sys.executable} -m ftui"


def shell(command: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line, whose redirections close streams as no Python caller can."""
    return subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "FTUI_HOME": str(home), **environment},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", ["--help", "doctor", "decide --explain LoRA", "fit tiny", "runs list"])
def test_a_closed_stdout_is_quiet(command: str, tmp_path: Path) -> None:
    done = shell(f"{FTUI} {command} >&-", tmp_path)
    assert (done.returncode, done.stdout) == (0, "") and "bug" not in done.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [("", "Not a terminal"), ("decide", "Nobody to ask"), ("decide --answers -", "not JSON"), ("lint -", "")],
)
def test_a_closed_stdin_is_an_empty_one(command: str, words: str, tmp_path: Path) -> None:
    closed = shell(f"{FTUI} {command} <&-", tmp_path)
    empty = shell(f"{FTUI} {command} </dev/null", tmp_path)
    assert words in closed.stderr and "bug" not in closed.stderr
    assert (closed.returncode, closed.stdout, closed.stderr) == (empty.returncode, empty.stdout, empty.stderr)


def test_talk_does_not_go_to_stdout_where_stderr_is_closed(tmp_path: Path) -> None:
    done = shell(f"{FTUI} decied 2>&-", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    done = shell(f"{FTUI} fit tiny --json 2>&- <&-", tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["verdict"] == "fits"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_finds_no_room_is_one_sentence(tmp_path: Path) -> None:
    done = shell(f"{FTUI} decide --rules > /dev/full", tmp_path)
    assert done.returncode == 2 and not (tmp_path / "crashes").exists()
    assert done.stderr.splitlines()[0] == "ftui: Not all could be written: No space left on device."
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    "said",
    [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "locale"],
)
def test_what_ascii_cannot_say_is_escaped_and_json_stays_json(said: dict[str, str], tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    text = "Grüße " + "wörter " * 100
    rows.write_text(json.dumps({"prompt": text, "completion": "早 😀"}), encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", **said}
    shown = shell(f"{FTUI} data show {rows}", tmp_path, **ascii_only)
    assert shown.returncode == 0 and "Gr\\u00fc\\u00dfe" in shown.stdout and shown.stdout.isascii()
    asked = shell(f"{FTUI} lint explain DUP701 --json", tmp_path, **ascii_only)
    assert asked.returncode == 0 and json.loads(asked.stdout)["rules"][0]["code"] == "DUP701"
    made = shell(f"{FTUI} plan new --model tiny --data {rows} -o {tmp_path}/plan.yaml", tmp_path, **ascii_only)
    cut = shell(f"{FTUI} plan show {tmp_path}/plan.yaml", tmp_path, **ascii_only)
    assert made.returncode == cut.returncode == 0 and "..." in cut.stdout and cut.stdout.isascii()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from ftui.errors import FtuiError
    from ftui.services.paths import home, hub_cache

    for name in ("FTUI_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # what it does where the system knows no such user
    for place in (home, hub_cache):
        with pytest.raises(FtuiError, match="no home folder") as caught:
            place()
        assert "FTUI_HOME" in caught.value.hint
