"""Going on with other inputs than the run began with: refused with the difference, or forced and recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftui.core.events import Alert
from ftui.core.plan import from_mapping
from ftui.errors import FtuiError
from ftui.services import environment, launch
from ftui.services.environment import file_sha256
from ftui.services.files import read_json, write_json
from ftui.services.inputs import changed_inputs
from ftui.services.run_folders import create_run
from ftui.services.runs import Run, State, write_state


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A stopped run of a model folder and two hundred rows."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llama"}')
    (model / "model.safetensors").write_bytes(b"weights" * 100_000)
    plan = from_mapping(
        {"model": {"id": "m", "revision": "abc123"}, "data": {"train": "d"}, "train": {"learning_rate": 1e-4}}
    )
    run = create_run(plan)
    write_json(run.path / "environment.json", environment.describe(plan, run.plan_file, model, "folder"))
    train = run.path / "data" / "train.jsonl"
    train.write_text('{"text": "x"}\n' * 200)
    parts = {"train": {"rows": 200}}
    write_json(run.path / "data" / "manifest.json", {"files": {"train.jsonl": file_sha256(train)}, "parts": parts})
    write_state(run, State("stopped", 1))
    return run


def model_of(run: Run) -> Path:
    return Path(read_json(run.path / "environment.json")["model"]["folder"])


def test_nothing_changed(run: Run) -> None:
    assert changed_inputs(run) == []


def test_a_changed_plan_is_shown_setting_by_setting(run: Run) -> None:
    text = run.plan_file.read_text()
    run.plan_file.write_text(text.replace("learning_rate: 0.0001", "learning_rate: 0.01").replace("abc123", "def456"))
    assert changed_inputs(run) == [
        "plan.yaml, model.revision: 'abc123' -> 'def456'",
        "plan.yaml, train.learning_rate: 0.0001 -> 0.01",
    ]


def test_a_comment_in_the_plan_is_a_change_in_words(run: Run) -> None:
    run.plan_file.write_text(run.plan_file.read_text() + "\n# hello\n")
    assert changed_inputs(run) == ["plan.yaml was edited (in words or layout)"]


def test_another_model_is_named_by_its_files(run: Run) -> None:
    folder = model_of(run)
    block = bytearray((folder / "model.safetensors").read_bytes())
    block[0] ^= 1
    (folder / "model.safetensors").write_bytes(block)
    (folder / "tokenizer.json").write_text("{}")
    (change,) = changed_inputs(run)
    assert "model.safetensors (changed)" in change and "tokenizer.json (new)" in change and "config" not in change
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert "is gone" in changed_inputs(run)[0]


def test_changed_data_says_how_many_rows(run: Run) -> None:
    train = run.path / "data" / "train.jsonl"
    train.write_text('{"text": "x"}\n' * 150)
    (change,) = changed_inputs(run)
    assert change.startswith("data/train.jsonl was changed: 200 rows -> 150 rows (SHA-256 ")
    train.write_text('{"text": "y"}\n' * 200)
    assert "with as many rows (200)" in changed_inputs(run)[0]
    train.unlink()
    assert changed_inputs(run) == ["data/train.jsonl is gone"]


@pytest.mark.parametrize("broken", ["x", 7, None, [1], {"a": 1}])
def test_what_somebody_broke_in_the_records_is_a_difference_or_nothing(
    run: Run, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = json.loads((run.path / "environment.json").read_text())
    for name, value in (("model", broken), ("model", {"folder": broken})):
        write_json(run.path / "environment.json", {**known, name: value})
        assert changed_inputs(run) in (
            ["environment.json no longer says which model it was"], [f"the model's folder {broken} is gone"],
        )  # fmt: skip
    write_json(run.path / "environment.json", dict.fromkeys(known, broken))
    assert changed_inputs(run)
    write_json(run.path / "forced.json", broken)
    monkeypatch.setattr(launch, "spawn_supervisor", lambda run, *flags, after: None)
    launch.resume_run(run, force=True)
    assert json.loads((run.path / "forced.json").read_text())[-1]["changed"]
    write_json(run.path / "environment.json", known)
    write_json(run.path / "data" / "manifest.json", {"files": broken, "parts": broken})
    assert isinstance(changed_inputs(run), list)


def test_resuming_is_refused_with_the_difference_and_forcing_is_recorded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(launch, "spawn_supervisor", lambda run, *flags, after: started.append(run.name))
    run.plan_file.write_text(run.plan_file.read_text().replace("learning_rate: 0.0001", "learning_rate: 0.01"))
    with pytest.raises(FtuiError, match="inputs have changed") as caught:
        launch.resume_run(run)
    assert "train.learning_rate: 0.0001 -> 0.01" in caught.value.message and "--force" in caught.value.hint
    assert started == [] and not (run.path / "forced.json").exists()
    launch.resume_run(run, force=True)
    (record,) = json.loads((run.path / "forced.json").read_text())
    assert record["changed"] == ["plan.yaml, train.learning_rate: 0.0001 -> 0.01"] and record["from_attempt"] == 2
    assert started == [run.name]


def test_what_was_forced_is_an_event() -> None:
    from supervisor_kit import alerts, make_run, supervise

    run = make_run(["ok"])
    write_json(run.path / "forced.json", [{"time": "now", "from_attempt": 1, "changed": ["plan.yaml, x: 1 -> 2"]}])
    assert supervise(run).wait(60) == 0
    forced: list[Alert] = [alert for alert in alerts(run) if alert.code == "forced"]
    assert len(forced) == 1 and "x: 1 -> 2" in forced[0].message
