"""A file with nothing in it: every command says what is wrong and what to do next, in two lines, with exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.cli import main


@pytest.mark.parametrize(
    ("arguments", "said", "next_step"),
    [
        (["data", "show", "empty.jsonl"], "the file is empty", "name another file"),
        (["data", "fingerprint", "blank.jsonl"], "only blank lines", "name another file"),
        (["data", "split", "empty.csv", "--eval", "0.1"], "the file is empty", "name another file"),
        (["plan", "new", "--model", "tiny", "--data", "empty.jsonl"], "the file is empty", "name another file"),
        (["plan", "new", "--model", "tiny", "--data", "gone.jsonl"], "there is no file", "current folder"),
        (["plan", "new", "--model", "tiny", "--data", "no rows.jsonl"], "no rows.jsonl", "ftui lint 'no rows.jsonl'"),
        (["plan", "show", "empty.yaml"], "holds no sections", "ftui plan new --model"),
        (["plan", "import", "empty.yaml"], "holds no keys", "LLaMA-Factory"),
        (["train", "empty.yaml"], "holds no sections", "ftui plan new --model"),
        (["fit", "empty.json"], "not JSON", "Fetch the file again"),
        (["decide", "--answers", "empty.json"], "not JSON", "needs"),
    ],
)
def test_the_next_step_is_said(
    arguments: list[str],
    said: str,
    next_step: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("empty.jsonl", "empty.csv", "empty.json", "empty.yaml"):
        Path(name).touch()
    Path("blank.jsonl").write_text("\n \n\n")
    Path("no rows.jsonl").write_text(json.dumps({"something": "else"}) + "\n")
    assert main(arguments) == 2
    talk = capsys.readouterr().err
    assert said in talk and next_step in talk and "Traceback" not in talk and "a bug in ftui" not in talk
