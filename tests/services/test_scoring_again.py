"""Which rows and which folder a later scoring takes: a part of the rows never takes the verdict's place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftui.core.plan import from_mapping, result_stage
from ftui.services import evaluation
from ftui.services.evaluation import held_out_rows, score_run
from ftui.services.plans import save_plan
from ftui.services.runs import Run, State, write_state

STAGES = [
    {"name": "sft"},
    {"name": "prefer", "method": {"task": "reward"}},
    {"name": "policy", "method": {"task": "grpo", "rewards": ["exact_match"]}},
]


def made_run(folder: Path, stages: list[dict[str, Any]] | None = None) -> Run:
    run = Run(folder / "runs" / "20260101-000000-mine")
    for name in ("model", "data", "eval"):
        (run.path / name).mkdir(parents=True)
    whole: dict[str, Any] = {"model": {"id": "org/base"}, "data": {"train": "rows.jsonl"}, "run": {"name": "mine"}}
    save_plan(from_mapping(whole | ({"stages": stages} if stages else {})), run.plan_file)
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (run.path / "data" / "eval.jsonl").write_text(f"{json.dumps(row)}\n" * 20)
    write_state(run, State("finished", 1))
    return run


def test_of_several_stages_the_last_policy_counts(tmp_path: Path) -> None:
    run = made_run(tmp_path, STAGES)
    assert result_stage(run.plan()) == 2
    assert result_stage(from_mapping({"model": {"id": "x"}, "data": {"train": "y"}, "stages": STAGES[:2]})) == 0
    assert held_out_rows(run) == run.path / "data" / "eval.jsonl", "a stage without rows of its own"
    own = run.path / "stages" / "3-policy" / "data" / "eval.jsonl"
    own.parent.mkdir(parents=True)
    own.write_text("{}\n")
    assert held_out_rows(run) == own


def test_fewer_rows_lie_beside_the_runs_own_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made_run(tmp_path)
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(evaluation, "run_worker", lambda module, path, request, hear: asked.append(request))
    monkeypatch.setattr(evaluation, "require_training_stack", lambda: None)
    part = score_run(run, rows_max=8)
    assert part != run.path and part.is_relative_to(run.path / "eval") and asked[-1]["out"] == str(part)
    assert score_run(run, rows_max=20) == run.path, "all of them"
    assert score_run(run, prompted=2) == run.path
