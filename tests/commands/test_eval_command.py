"""`ftui eval`: numbers that cannot be and options that nothing would read are refused before a model is loaded."""

from __future__ import annotations

import argparse
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from ftui.cli import main
from ftui.commands import eval as command
from ftui.core.plan import from_mapping
from ftui.errors import FtuiError
from ftui.services.adapters import adapter_folder, adapter_name
from ftui.services.run_folders import create_run
from ftui.services.runs import Run


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--max-rows", "0"], "--max-rows 0"),
        (["--judge", "https://host/v1", "--judge-rows", "0"], "--judge-rows 0"),
        (["--samples", "-3"], "--samples -3"),
        (["--prompted", "-1"], "--prompted -1"),
        (["--lm-eval", ", "], "--lm-eval is empty"),
        (["--judge-rows", "4"], "--judge-rows"),
        (["--judge-model", "x"], "--judge-model"),
        (["--judge", "some/model", "--judge-timeout", "3"], "--judge-timeout"),
        (["--lm-eval-path", "tasks"], "--lm-eval-path"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options: list[str], named: str) -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    with pytest.raises(FtuiError) as caught:
        command.run(parser.parse_args(["some-run", *options]))
    assert named in caught.value.message and caught.value.exit_code == 2


def test_an_adapter_that_is_nowhere_is_called_an_adapter() -> None:
    with pytest.raises(FtuiError, match="No such adapter"):
        adapter_folder("nowhere")


VERDICT: dict[str, Any] = {
    "verdict": "SHIP", "reasons": ["better"], "primary": "exact_match",
    "metrics": {"exact_match": {"base": 0.1, "tuned": 0.9, "delta": 0.8, "ci_low": 0.7, "ci_high": 0.9, "n": 40}},
}  # fmt: skip


def judged_run(verdict: Any) -> Run:
    run = create_run(from_mapping({"model": {"id": "org/model"}, "data": {"train": "/rows.jsonl"}}))
    run.verdict_file.parent.mkdir(exist_ok=True)
    run.verdict_file.write_text(json.dumps(verdict))
    return run


@pytest.mark.parametrize(
    "verdict",
    [
        3, [], {}, {**VERDICT, "metrics": 3}, {**VERDICT, "metrics": [1]}, {**VERDICT, "metrics": {"a": None}},
        {**VERDICT, "reasons": None}, {**VERDICT, "verdict": 5}, {"verdict": "SHIP"},
    ],
)  # fmt: skip
def test_a_verdict_that_somebody_broke_is_said_to_be_broken(verdict: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = judged_run(verdict)
    for arguments in (["eval", run.name], ["eval", run.name, "--json"]):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert "missing or broken" in said and "a bug" not in said
    assert main(["runs", "compare", run.name, run.name]) in (0, 1, 2) and "a bug" not in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_the_verdict_is_told_where_the_report_cannot_be_written(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = judged_run(VERDICT)

    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(run.path / "report.md"))

    monkeypatch.setattr("ftui.services.report.write_atomic", refuse)
    assert main(["eval", run.name, *(["--json"] if as_json else [])]) == 0
    said = capsys.readouterr()
    assert "Read-only file system" in said.err and "Report:" not in said.out
    assert json.loads(said.out)["verdict"] == "SHIP" if as_json else "0.900" in said.out


def test_merges_that_differ_have_names_that_differ(capsys: pytest.CaptureFixture[str]) -> None:
    parts = ["one", "other"]
    names = [
        adapter_name(parts, [1.0, 1.0], "linear", 0.5, None),
        adapter_name(parts, [0.7, 0.3], "linear", 0.5, None),
        adapter_name(parts, [1.0, 1.0], "ties", 0.5, None),
        adapter_name(parts, [1.0, 1.0], "ties", 0.2, None),
        adapter_name(parts, [1.0, 1.0], "ties", 0.2, 16),
    ]
    assert names[0] == "one+other" and len(set(names)) == len(names)
    assert all(name.isprintable() and "/" not in name for name in names)


def test_names_of_adapters_are_listed_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "20261122-133610-demo-tiny+20261122-134645-tickets-with-a-long-name"
    folder = tmp_path / "home" / "adapters" / name
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 8, "base_model_name_or_path": "org/model"}))
    assert main(["adapters"]) == 0
    assert capsys.readouterr().out.split()[0] == name
