"""Against the published measurements beside the checkout, where they are: no change may miss the targets."""

import statistics
import sys
from pathlib import Path

import pytest

from ftui.core.fit.device import device_bytes, judge
from ftui.core.fit.memory import predict_memory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from fit_rows import CSV, read_rows

pytestmark = pytest.mark.skipif(not CSV.is_file(), reason="the measurements are not beside the checkout")


@pytest.fixture(scope="module")
def predicted():
    rows = [row for row in read_rows() if row.grade in ("A", "A-OOM")]
    reports = [predict_memory(row.shape, row.request, row.gpu) for row in rows]
    return [(row, report, device_bytes(report, row.gpu)) for row, report in zip(rows, reports, strict=True)]


def test_allocated_bytes(predicted):
    errors = {
        row.id: report.allocated_bytes / row.measured_bytes - 1 for row, report, _ in predicted if row.measured_bytes
    }
    assert len(errors) > 100
    assert statistics.mean(map(abs, errors.values())) < 0.015
    assert min(errors.values()) > -0.06


@pytest.mark.parametrize("column", ["A100 plain CE", "A100 Triton CE", "A100 Liger CE", "A100 full, pure bf16", "T4"])
def test_device_totals(predicted, column):
    errors = [
        band.expected / row.device_bytes - 1 for row, _, band in predicted if row.column == column and row.device_bytes
    ]
    assert errors and statistics.mean(map(abs, errors)) < 0.08


def test_no_run_that_failed_is_called_fitting(predicted):
    failed = [judge(band, row.gpu.usable_bytes, report) for row, report, band in predicted if row.grade == "A-OOM"]
    assert len(failed) > 20 and all(verdict.answer != "fits" for verdict in failed)


def test_runs_that_succeeded_are_not_refused(predicted):
    answers = [
        judge(band, row.gpu.usable_bytes).answer
        for row, _, band in predicted
        if row.grade == "A" and row.source != "torchtune"
    ]
    assert answers.count("no") == 0
