"""What was measured is remembered per GPU and versions, and changes the next prediction; nonsense does not."""

import json
import stat

import pytest

from ftui.services.fit_memory import FILE_NAME, calibration_for, remember_measured_peak, remembered

GIB = 1024**3
NOW = {"torch": "2.13.0+cu130", "transformers": "5.23.0", "trl": None}
L4 = "NVIDIA L4"


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def remember(ratio=1.2, gpu=L4, versions=NOW, **more):
    return remember_measured_peak(gpu, versions, 10 * GIB, int(ratio * 10 * GIB), **more)


def test_nothing_is_known_at_first():
    assert calibration_for(L4, NOW) is None and remembered() == []


def test_medians_of_what_was_measured(home):
    for ratio in (1.1, 1.2, 1.9):
        assert remember(ratio)
    calibration = calibration_for(L4, NOW)
    assert calibration.slack_ratio == pytest.approx(1.2)
    assert calibration.speed_ratio is None and "3 runs" in calibration.source
    assert stat.S_IMODE((home / FILE_NAME).stat().st_mode) == 0o600


def test_context_is_taken_off_and_speed_is_its_own_factor():
    remember_measured_peak(
        L4, NOW, 10 * GIB, 12 * GIB, context_bytes=GIB, kind="probe",
        tokens_per_second=90, predicted_tokens_per_second=100,
    )  # fmt: skip
    calibration = calibration_for(L4, NOW)
    assert calibration.slack_ratio == pytest.approx(1.1)
    assert (calibration.context_bytes, calibration.speed_ratio) == (GIB, pytest.approx(0.9))
    assert "1 probe on this machine" in calibration.source


@pytest.mark.parametrize(
    ("gpu", "versions", "known"),
    [
        (L4, NOW, True),
        (L4, {**NOW, "torch": "2.13.9"}, True),
        (L4, {**NOW, "trl": "9.9"}, True),
        (L4, {**NOW, "torch": "2.14.0"}, False),
        (L4, {**NOW, "transformers": "6.0.0"}, False),
        (L4, {}, False),
        ("NVIDIA A10", NOW, False),
    ],
)
def test_it_counts_for_the_same_gpu_and_versions_only(gpu, versions, known):
    remember()
    assert (calibration_for(gpu, versions) is not None) == known


@pytest.mark.parametrize("ratio", [0.0, 0.1, 5.0])
def test_a_peak_that_cannot_be_of_that_run_is_not_kept(ratio):
    assert not remember(ratio)
    assert remembered() == []


def test_only_the_newest_count():
    for _ in range(20):
        remember(1.0)
    for _ in range(20):
        remember(1.5)
    assert calibration_for(L4, NOW).slack_ratio == pytest.approx(1.5)


def test_damaged_and_newer_lines_are_skipped(home):
    remember(1.3)
    with (home / FILE_NAME).open("a") as file:
        file.write(
            '{"half": \n[1]\n\x00\n'
            + json.dumps({"schema_version": 99})
            + "\n"
            + json.dumps({"gpu": L4, "schema_version": 1})
        )
    assert len(remembered()) == 1
    assert calibration_for(L4, NOW).slack_ratio == pytest.approx(1.3)


def test_a_place_that_cannot_be_written_loses_the_measurement_and_nothing_else(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "file" / "home"))
    assert not remember()
    assert calibration_for(L4, NOW) is None
