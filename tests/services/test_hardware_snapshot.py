"""The JSON form of a hardware snapshot: what is written is read back, and nonsense is refused by name."""

import json

import pytest

from ftui.errors import FtuiError
from ftui.services.hardware_snapshot import (
    Accelerator,
    Cpu,
    Disk,
    Gpu,
    GpuProcess,
    HardwareSnapshot,
    HostMemory,
    MigInstance,
    TorchBuild,
    read_probe_file,
    snapshot_from_json,
)

FULL = HardwareSnapshot(
    gpus=(
        Gpu(
            name="NVIDIA A100-SXM4-80GB",
            total_bytes=85899345920,
            free_bytes=85094629376,
            uuid="GPU-1",
            processes=(GpuProcess(77, "python", 1024), GpuProcess(78, "Xorg", None)),
            compute_capability="8.0",
            bf16=True,
            fp8=False,
            mig_enabled=True,
            mig=(MigInstance("MIG-9", "3g.40gb", 42949672960, 42949672960),),
            power_watts=61.5,
        ),
    ),
    accelerator=Accelerator("ok", "fine", "580.1", "13.0"),
    cpu=Cpu("EPYC", 32, 64, 8.5, True),
    memory=HostMemory(10, 9, 8, 7, 6, 5, 4, "cgroup v2"),
    disks=(Disk("runs", "/data", 3, 2, "64", False),),
    torch=TorchBuild("ok", "matches", "2.13.0", "13.0"),
    environment={"CUDA_VISIBLE_DEVICES": "0"},
    notes=("a note",),
    source="probe",
)


def test_a_snapshot_survives_its_json_form():
    text = json.dumps(FULL.to_json())
    assert snapshot_from_json(json.loads(text), "probe") == FULL


def test_a_hand_written_file_needs_only_name_and_memory():
    snapshot = snapshot_from_json({"gpus": [{"name": "NVIDIA L4", "total_bytes": 24152899584}]}, "mine.json")
    (gpu,) = snapshot.gpus
    assert gpu.free_bytes == gpu.total_bytes == 24152899584
    assert snapshot.source == "mine.json"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "whole file"),
        ({"gpus": {}}, "gpus must be a list"),
        ({"gpus": [{"name": "x"}]}, "total_bytes"),
        ({"gpus": [{"name": "x", "total_bytes": 0}]}, "some memory"),
        ({"gpus": [{"name": "x", "total_bytes": 5, "free_bytes": 6}]}, "free_bytes <= total_bytes"),
        ({"gpus": [{"name": "x", "total_bytes": "24 GB"}]}, "whole number"),
        ({"gpus": [{"name": "x", "total_bytes": True}]}, "whole number"),
        ({"gpus": [{"name": "x", "totl_bytes": 5}]}, "did you mean total_bytes"),
        ({"environment": {"A": 1}}, "object of strings"),
        ({"schema_version": 99}, "newer ftui"),
    ],
)
def test_nonsense_is_named(data, said):
    with pytest.raises(FtuiError) as caught:
        snapshot_from_json(data, "probe.json")
    assert said in str(caught.value)


def test_a_lost_gpu_may_have_no_memory():
    snapshot = snapshot_from_json({"gpus": [{"name": "unknown GPU", "total_bytes": 0, "status": "lost"}]}, "p")
    assert snapshot.gpus[0].status == "lost"


def test_unreadable_probe_files(tmp_path):
    with pytest.raises(FtuiError, match="No such hardware file"):
        read_probe_file(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{not json")
    with pytest.raises(FtuiError, match="not JSON"):
        read_probe_file(tmp_path / "bad.json")
    with pytest.raises(FtuiError, match="cannot be read"):
        read_probe_file(tmp_path)
