"""The machine as a value: drivers that are missing, broken, hung or AMD's; containers; torch against the driver."""

import json
import os
import sys
import time

import pytest

from ftui.services import hardware_host as host
from ftui.services.hardware import accelerators, mark_visible, snapshot
from ftui.services.hardware_snapshot import Gpu, MigInstance

GIB = 1024**3


def write(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_this_machine_answers_whatever_it_is():
    machine = snapshot()
    assert machine.cpu.logical_cores == os.cpu_count()
    assert 0 < machine.memory.usable_bytes <= machine.memory.total_bytes
    assert {disk.purpose for disk in machine.disks} >= {"runs", "models"}
    assert machine.accelerator.sentence
    json.dumps(machine.to_json())


def test_a_recorded_probe_replaces_the_machine(tmp_path, monkeypatch):
    (tmp_path / "probe.json").write_text(json.dumps({"gpus": [{"name": "NVIDIA H200", "total_bytes": 150754820096}]}))
    monkeypatch.setenv("FTUI_HARDWARE", str(tmp_path / "probe.json"))
    assert snapshot().gpus[0].name == "NVIDIA H200"


def test_what_the_driver_prints_is_read(tmp_path):
    answer = {"accelerator": {"status": "ok", "driver": "1"}, "gpus": [{"name": "NVIDIA L4", "total_bytes": 5}]}
    command = [sys.executable, "-c", f"print({json.dumps(json.dumps(answer))})"]
    accelerator, gpus = accelerators(tmp_path, command)
    assert accelerator.status == "ok" and gpus[0].name == "NVIDIA L4"


def test_a_hung_driver_costs_its_timeout_and_no_more(tmp_path):
    before = time.monotonic()
    accelerator, gpus = accelerators(tmp_path, [sys.executable, "-c", "import time; time.sleep(60)"], 0.3)
    assert time.monotonic() - before < 5
    assert accelerator.status == "hung" and gpus == () and "did not answer" in accelerator.sentence


@pytest.mark.parametrize("program", ["import os; os.abort()", "raise OSError('nvml fell over')", "print('not json')"])
def test_a_driver_that_crashes_is_a_sentence(tmp_path, program):
    accelerator, gpus = accelerators(tmp_path, [sys.executable, "-c", program])
    assert accelerator.status == "driver_broken" and gpus == ()


def test_no_gpu_and_a_gpu_without_driver(tmp_path):
    assert accelerators(tmp_path)[0].status == "none"
    write(tmp_path, "sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
    write(tmp_path, "sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n")
    accelerator, _ = accelerators(tmp_path)
    assert accelerator.status == "no_driver" and "driver is not loaded" in accelerator.sentence


def test_an_amd_gpu_is_read_from_sysfs(tmp_path):
    device = "sys/devices/pci0/0000:03:00.0"
    write(tmp_path, f"{device}/vendor", "0x1002")
    write(tmp_path, f"{device}/mem_info_vram_total", str(192 * GIB))
    write(tmp_path, f"{device}/mem_info_vram_used", str(2 * GIB))
    write(tmp_path, f"{device}/product_name", "AMD Instinct MI300X")
    write(tmp_path, f"{device}/gpu_busy_percent", "7")
    write(tmp_path, f"{device}/hwmon/hwmon3/temp1_input", "41000")
    (tmp_path / "sys/class/drm/card0").mkdir(parents=True)
    (tmp_path / "sys/class/drm/card0/device").symlink_to(tmp_path / device)
    (tmp_path / "sys/class/drm/card0-DP-1").mkdir()
    write(tmp_path, "sys/class/kfd/kfd/topology/nodes/1/properties", "gfx_target_version 90402\nlocation_id 768\n")
    accelerator, _ = accelerators(tmp_path)
    assert accelerator.status == "driver_broken" and "/dev/kfd" in accelerator.sentence
    write(tmp_path, "dev/kfd", "")
    write(tmp_path, "opt/rocm/.info/version", "6.4.1")
    accelerator, (gpu,) = accelerators(tmp_path)
    assert (accelerator.status, accelerator.rocm) == ("ok", "6.4.1")
    assert (gpu.name, gpu.vendor, gpu.free_bytes) == ("AMD Instinct MI300X", "AMD", 190 * GIB)
    assert (gpu.compute_capability, gpu.bf16, gpu.fp8) == ("gfx942", True, True)
    assert (gpu.temperature_celsius, gpu.utilisation_percent) == (41, 7)


GPUS = (
    Gpu("a", 1, uuid="GPU-aaa", index=0),
    Gpu("b", 1, uuid="GPU-abb", index=1, mig=(MigInstance("MIG-1"),)),
    Gpu("c", 1, uuid="GPU-ccc", index=2),
)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("-1", []),
        ("2,0", [0, 2]),
        ("0,7,1", [0]),
        ("GPU-c", [2]),
        ("GPU-a", []),
        ("MIG-1", [1]),
        ("NoDevFiles", []),
    ],
)
def test_cuda_visible_devices(wanted, seen):
    assert [gpu.index for gpu in mark_visible(GPUS, wanted) if gpu.visible] == seen


MEMINFO = "MemTotal: 67108864 kB\nMemAvailable: 50331648 kB\nSwapTotal: 1048576 kB\nSwapFree: 524288 kB\n"


def test_memory_without_a_container(tmp_path):
    write(tmp_path, "proc/meminfo", MEMINFO)
    memory = host.read_memory(tmp_path)
    assert (memory.total_bytes, memory.usable_bytes) == (64 * GIB, 48 * GIB)
    assert (memory.swap_total_bytes, memory.swap_free_bytes, memory.limit_bytes) == (GIB, GIB // 2, None)


def test_a_cgroup_v2_limit_of_a_parent_counts_and_page_cache_does_not(tmp_path):
    write(tmp_path, "proc/meminfo", MEMINFO)
    write(tmp_path, "proc/self/cgroup", "0::/slurm/job_7/step_0\n")
    base = "sys/fs/cgroup/slurm/job_7"
    write(tmp_path, f"{base}/step_0/memory.max", "max\n")
    write(tmp_path, f"{base}/memory.max", str(16 * GIB))
    write(tmp_path, f"{base}/memory.current", str(6 * GIB))
    write(tmp_path, f"{base}/memory.stat", f"anon 5\ninactive_file {2 * GIB}\n")
    memory = host.read_memory(tmp_path)
    assert (memory.limit_bytes, memory.limit_used_bytes, memory.limit_source) == (16 * GIB, 4 * GIB, "cgroup v2")
    assert memory.usable_bytes == 12 * GIB


def test_a_container_whose_cgroup_path_is_the_hosts(tmp_path):
    write(tmp_path, "proc/meminfo", MEMINFO)
    write(tmp_path, "proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", str(8 * GIB))
    write(tmp_path, "sys/fs/cgroup/memory/memory.usage_in_bytes", str(GIB))
    memory = host.read_memory(tmp_path)
    assert (memory.limit_bytes, memory.limit_source, memory.usable_bytes) == (8 * GIB, "cgroup v1", 7 * GIB)
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    assert host.read_memory(tmp_path).limit_bytes is None


def test_the_cpu_and_its_quota(tmp_path):
    one = "processor\t: {}\nmodel name\t: EPYC 9654\nphysical id\t: 0\ncore id\t\t: {}\nflags\t\t: fpu avx512_bf16\n"
    write(tmp_path, "proc/cpuinfo", "\n".join(one.format(i, i // 2) for i in range(4)))
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "50000 100000\n")
    cpu = host.read_cpu(tmp_path)
    assert (cpu.model, cpu.physical_cores, cpu.bf16, cpu.usable_cores) == ("EPYC 9654", 2, True, 0.5)


def test_a_disk_that_is_not_there_yet_is_its_parents(tmp_path):
    (disk,) = host.read_disks({"runs": tmp_path / "not" / "yet"})
    assert disk.total_bytes > 0 and disk.path.endswith("yet")


V100, L4, B200 = (
    Gpu(name, 1, compute_capability=capability)
    for name, capability in (("V100", "7.0"), ("L4", "8.9"), ("B200", "10.0"))
)


@pytest.mark.parametrize(
    ("version", "cuda", "rocm", "gpus", "driver", "status", "said"),
    [
        ("2.13.0+cpu", "", "", (), "", "cpu_only", "CPU-only"),
        ("2.13.0+cpu", "", "", (L4,), "12.8", "mismatch", "will not use the GPU"),
        ("2.13.0", "13.0", "", (L4,), "12.8", "mismatch", "update the driver"),
        ("2.13.0", "12.9", "", (L4,), "12.4", "ok", "matches"),
        ("2.12.0", "12.8", "", (V100,), "12.8", "mismatch", "cu126"),
        ("2.9.0", "12.8", "", (V100,), "12.8", "ok", "matches"),
        ("2.9.0", "12.6", "", (B200,), "12.8", "mismatch", "cu128"),
        ("2.13.0", "", "6.4", (L4,), "12.8", "mismatch", "needs CUDA"),
        ("2.13.0", "12.8", "", (Gpu("MI300X", 1, vendor="AMD"),), "", "mismatch", "needs ROCm"),
        ("2.13.0", "13.0", "", (), "", "ok", "no GPU here"),
    ],
)
def test_torch_against_the_driver(version, cuda, rocm, gpus, driver, status, said):
    build = host.judge_torch(version, cuda, rocm, gpus, driver)
    assert build.status == status and said in build.sentence
