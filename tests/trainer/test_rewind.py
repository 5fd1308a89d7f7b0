"""A loss that becomes no number: the run goes back to its last checkpoint with half the learning rate, and finishes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftui.core.events import Attempt, Done, Failed, Step, parse_line
from ftui.core.plan import from_mapping, with_values
from ftui.services.adoption import wait_for_end
from ftui.services.launch import start_run

SPOIL = """
import pathlib, sys, threading, time

def spoil():
    while not hasattr(sys.modules.get("ftui.trainer.guards"), "refuse_bad_loss"):
        time.sleep(0.02)
    guards, marker = sys.modules["ftui.trainer.guards"], pathlib.Path({marker!r})
    inner = guards.refuse_bad_loss

    def once(loss, step, rows):
        if step == 6 and not marker.exists():
            marker.touch()
            loss = loss * float("nan")
        inner(loss, step, rows)

    guards.refuse_bad_loss = once

threading.Thread(target=spoil, daemon=True).start()
"""


@pytest.mark.slow
def test_a_run_rewinds_and_goes_on_more_gently(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SPOIL.format(marker=str(tmp_path / "spoiled")))
    monkeypatch.setenv("PYTHONPATH", str(site))
    plan = with_values(
        from_mapping({}),
        {
            "model.id": str(repository / "sample_data" / "tiny-model"),
            "data.train": str(repository / "sample_data" / "tickets" / "train.jsonl"),
            "data.max_length_tokens": 384, "data.eval_fraction": 0.0,
            "train.max_steps": 8, "train.micro_batch": 1, "train.accumulation": 1, "train.learning_rate": 1e-3,
            "train.schedule": "constant", "train.warmup_ratio": 0.0, "train.save_every_steps": 4,
            "eval.enabled": False, "eval.samples": 0,
        },
    )  # fmt: skip
    run = start_run(plan)
    state = wait_for_end(run, 240)
    assert state.status == "finished", (state, run.log.read_text()[-2000:])
    lines = (*run.trainer_events.read_text().splitlines(), *run.supervisor_events.read_text().splitlines())
    events = [stamped.event for line in lines if (stamped := parse_line(line)) is not None]
    failed = next(event for event in events if isinstance(event, Failed))
    assert (failed.reason, failed.step) == ("nan", 6) and "row " in failed.message
    again = [event for event in events if isinstance(event, Attempt)][1]
    assert again.changes == {"train.learning_rate": 5e-4}
    steps = [event for event in events if isinstance(event, Step)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    rates = [event.metrics["learning_rate"] for event in steps]
    assert rates == pytest.approx([1e-3] * 5 + [5e-4] * 4)
    assert any(isinstance(event, Done) for event in events)
    assert json.loads((run.path / "overrides.json").read_text()) == {"train.learning_rate": 5e-4}
