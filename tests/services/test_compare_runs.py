"""Runs side by side: metrics, curves, and what differs; different held-out rows are said to be different."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftui.cli import main
from ftui.core.events import Eval, Step, to_line
from ftui.core.plan import from_mapping
from ftui.services.compare import compare_runs
from ftui.services.files import write_json
from ftui.services.plans import save_plan
from ftui.services.runs import Run, State, write_state


def made_run(folder: Path, name: str, rate: float, tuned: float, prompt: str = "p") -> Run:
    run = Run(folder / f"20260101-000000-{name}")
    for part in ("events", "eval", "data"):
        (run.path / part).mkdir(parents=True)
    run.path.chmod(0o700)
    plan = {"model": {"id": "m"}, "data": {"train": "t"}, "train": {"learning_rate": rate}, "run": {"name": name}}
    save_plan(from_mapping(plan), run.plan_file)
    events: list[Any] = [Step(n, 10, n / 10, n * 100, {"loss": 3.0 - n / 10}) for n in range(1, 11)]
    events += [Eval(n, n / 10, n * 100, {"eval_loss": 3.0 - n / 20}) for n in (0, 10)]
    run.trainer_events.write_text("".join(to_line(event) for event in events))
    metric = {"base": 0.1, "tuned": tuned, "delta": tuned - 0.1, "ci_low": 0.0, "ci_high": 1.0, "n": 2}
    write_json(
        run.verdict_file, {"verdict": "SHIP", "reasons": [], "metrics": {"token_f1": metric}, "primary": "token_f1"}
    )
    sample = {"id": 0, "prompt": prompt, "reference": "r", "base": "b", "tuned": "t"}
    (run.path / "eval" / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    write_json(run.path / "environment.json", {"packages": {"torch": name}, "model": {"sha256": "abc"}})
    write_state(run, State("finished", 1))
    return run


def test_metrics_curves_and_differences(tmp_path: Path) -> None:
    made = compare_runs([made_run(tmp_path, "one", 1e-4, 0.5), made_run(tmp_path, "two", 2e-4, 0.6)])
    assert made.metrics["tuned token_f1"] == [0.5, 0.6]
    assert made.verdicts == ["SHIP", "SHIP"]
    assert made.curves[0] == [(0, 3.0), (10, 2.5)]
    assert len(made.train_curves[1]) == 10
    assert made.differences["train.learning_rate"] == [1e-4, 2e-4]
    assert made.differences["version torch"] == ["one", "two"]
    assert "model fingerprint" not in made.differences
    assert made.same_rows


def test_the_command_and_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = made_run(tmp_path, "one", 1e-4, 0.5)
    two = made_run(tmp_path, "<b>two</b>", 2e-4, 0.6, prompt="another")
    page = tmp_path / "page.html"
    assert main(["runs", "compare", str(one.path), str(two.path), "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert "different held-out rows" in out
    assert "train.learning_rate" in out
    text = page.read_text()
    assert text.count("<polyline") == 4
    assert "<b>two" not in text
    assert main(["runs", "compare", str(one.path), str(two.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same_rows"] is False
    assert main(["runs", "compare", str(one.path)]) == 2
    assert main(["runs", "compare", str(one.path), str(two.path), "--report", "/nowhere/page.html"]) == 2
    assert "cannot be written" in capsys.readouterr().err
