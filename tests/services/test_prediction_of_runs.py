"""What a run's fit.json says beside what its events measured: a finished run teaches the next prediction."""

import json

import pytest

from ftui.core.events import Memory, Step, to_line
from ftui.services.environment import versions
from ftui.services.fit_memory import calibration_for
from ftui.services.prediction import remember_peak
from ftui.services.runs import Run

GIB = 2**30
L4 = "NVIDIA L4"
FIT = {"predicted_allocated_bytes": 10 * GIB, "predicted_tokens_per_second": 1000.0, "device": L4}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    run = Run(tmp_path / "run")
    run.trainer_events.parent.mkdir(parents=True)
    return run


def write(run, fit, trainer=(), supervisor=()):
    (run.path / "fit.json").write_text(json.dumps(fit))
    run.trainer_events.write_text("".join(to_line(event) + "\n" for event in trainer))
    run.supervisor_events.write_text("".join(to_line(event) + "\n" for event in supervisor))


def test_a_finished_run_adds_its_peak_and_its_speed(run):
    steps = [Step(n, 3, 0.1, n, {"tokens_per_second": rate}) for n, rate in enumerate((100.0, 800.0, 900.0), 1)]
    trainer = [Memory(1, allocated_peak_bytes=9 * GIB, reserved_bytes=11 * GIB), *steps]
    write(run, FIT, trainer, [Memory(gpus=({"index": 0, "process_bytes": 12.0 * GIB},))])
    assert remember_peak(run)
    found = calibration_for(L4, versions())
    assert (found.slack_ratio, found.context_bytes, found.speed_ratio) == (1.1, GIB, 0.8)
    assert found.source.startswith("1 run on this machine")


@pytest.mark.parametrize(
    "fit",
    [
        {"predicted_allocated_bytes": GIB, "device": "cpu"},
        {"unknown": "no such family"},
        {},
        FIT,  # but nothing measured
    ],
)
def test_nothing_is_added_where_nothing_can_be_compared(run, fit):
    write(run, fit)
    assert not remember_peak(run)
    assert calibration_for(L4, versions()) is None
