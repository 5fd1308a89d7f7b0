"""`ftui hardware` as a user runs it."""

import json
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest

import ftui.schemas
from ftui.cli import main
from ftui.services import hardware_snapshot

SCHEMA = json.loads((Path(ftui.schemas.__file__).parent / "hardware.json").read_text())
GIB = 1024**3
PROBE = {
    "accelerator": {"status": "ok", "sentence": "NVIDIA driver 580.95, CUDA 13.0.", "driver": "580.95", "cuda": "13.0"},
    "gpus": [
        {
            "name": "NVIDIA GeForce RTX 4090", "total_bytes": 24 * GIB, "free_bytes": 22 * GIB, "index": 0,
            "compute_capability": "8.9", "bf16": True, "fp8": True, "temperature_celsius": 44, "power_watts": 31.0,
            "power_limit_watts": 450.0, "processes": [{"pid": 812, "name": "evil\u001b[2J[red]", "used_bytes": GIB}],
        },
        {"name": "NVIDIA GeForce RTX 3090", "total_bytes": 24 * GIB, "index": 1, "visible": False},
        {"name": "unknown GPU", "total_bytes": 0, "index": 2, "status": "lost", "detail": "GPU is lost."},
    ],
    "torch": {"status": "mismatch", "sentence": "torch 2.13.0 needs CUDA 13.0."},
    "notes": ["GPU 0 runs on 8 of its 16 PCIe lanes."],
}  # fmt: skip


@pytest.fixture
def probe(tmp_path):
    path = tmp_path / "probe.json"
    path.write_text(json.dumps(PROBE))
    return path


def test_json_of_this_machine_follows_the_schema_and_can_be_fed_back(capsys, tmp_path, monkeypatch):
    assert main(["hardware", "--json"]) == 0
    text = capsys.readouterr().out
    jsonschema.validate(json.loads(text), SCHEMA)
    (tmp_path / "probe.json").write_text(text)
    monkeypatch.setenv("FTUI_HARDWARE", str(tmp_path / "probe.json"))
    assert main(["hardware", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {**again, "source": "this machine"} == json.loads(text)


def test_the_schema_names_every_field():
    for kind in ("Gpu", "GpuProcess", "MigInstance", "Accelerator", "Cpu", "HostMemory", "Disk", "TorchBuild"):
        assert set(SCHEMA["$defs"][kind]["properties"]) == {f.name for f in fields(getattr(hardware_snapshot, kind))}
    assert set(SCHEMA["properties"]) == {f.name for f in fields(hardware_snapshot.HardwareSnapshot)}


def test_the_page_of_a_recorded_machine(capsys, probe):
    assert main(["hardware", "--probe-file", str(probe)]) == 0
    page = capsys.readouterr().out
    assert "22.0 GiB free of 24.0 GiB" in page and "hidden by CUDA_VISIBLE_DEVICES" in page
    assert "! GPU is lost." in page and "! torch 2.13.0 needs CUDA" in page and "8 of its 16 PCIe" in page
    assert "\x1b" not in page and "evil[red]" in page
    assert all(len(line) <= 120 for line in page.splitlines())


def test_json_of_a_recorded_machine_follows_the_schema(capsys, probe):
    assert main(["hardware", "--json", "--probe-file", str(probe)]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), SCHEMA)


def test_a_bad_probe_file_is_one_sentence(capsys, tmp_path):
    assert main(["hardware", "--probe-file", str(tmp_path / "none.json")]) == 2
    assert "No such hardware file" in capsys.readouterr().err


def test_long_sentences_are_folded(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lost = {
        "name": "A",
        "total_bytes": 0,
        "status": "lost",
        "detail": "GPU is lost. " + "Look into dmesg for why. " * 6,
    }
    path = tmp_path / "p.json"
    path.write_text(json.dumps({**PROBE, "gpus": [lost], "notes": ["a note of many words " * 9]}))
    assert main(["hardware", "--probe-file", str(path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if str(path) not in line]
    assert max(map(len, lines)) <= 80 and sum("dmesg" in line for line in lines) > 2
