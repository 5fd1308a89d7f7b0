"""NVIDIA GPUs through a stand-in for the pynvml module that answers, refuses, or loses its GPUs."""

from types import SimpleNamespace

import pytest

from ftui.services.hardware_nvml import read_nvml

GIB = 1024**3


class NVMLError(Exception):
    def __init__(self, value):
        super().__init__(f"code {value}")
        self.value = value


class FakeNvml:
    """One A100 in MIG mode (index 0) and one V100 with an old driver's answers (index 1); `broken` names calls that
    raise, with the code."""

    NVMLError = NVMLError
    nvmlMemory_v2 = 2

    def __init__(self, count=2, **broken):
        self.count, self.broken = count, broken

    def __getattribute__(self, name):
        broken = object.__getattribute__(self, "broken")
        if name in broken:
            code = broken[name]

            def fail(*_, **__):
                raise NVMLError(code)

            return fail
        return object.__getattribute__(self, name)

    def nvmlInit(self): ...
    def nvmlSystemGetDriverVersion(self):
        return "570.86.10"

    def nvmlSystemGetCudaDriverVersion(self):
        return 12080

    def nvmlDeviceGetCount(self):
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetMemoryInfo(self, handle, version=None):
        if handle == "mig":
            return SimpleNamespace(total=40 * GIB, free=39 * GIB)
        if version and handle == 1:
            raise NVMLError(13)
        return SimpleNamespace(total=80 * GIB, free=70 * GIB, reserved=GIB)

    def nvmlDeviceGetName(self, handle):
        return {0: "NVIDIA A100-SXM4-80GB", 1: b"Tesla V100-SXM2-32GB", "mig": "NVIDIA A100 MIG 3g.40gb"}[handle]

    def nvmlDeviceGetUUID(self, handle):
        return {0: "GPU-aaa", 1: "GPU-bbb", "mig": "MIG-ccc"}[handle]

    def nvmlDeviceGetCudaComputeCapability(self, handle):
        return (8, 0) if handle == 0 else (7, 0)

    def nvmlDeviceGetMigMode(self, handle):
        if handle == 1:
            raise NVMLError(3)
        return (1, 1)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, number):
        if number:
            raise NVMLError(6)
        return "mig"

    def nvmlDeviceGetEccMode(self, handle):
        return (1, 1)

    def nvmlDeviceGetTotalEccErrors(self, handle, kind, counter):
        return 3

    def nvmlDeviceGetPowerUsage(self, handle):
        return 61500

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return 400000

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=42)

    def nvmlDeviceGetNvLinkState(self, handle, link):
        if handle == 1 or link >= 12:
            raise NVMLError(3)
        return 1

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return 35

    def nvmlDeviceGetCurrPcieLinkGeneration(self, handle):
        return 4

    nvmlDeviceGetMaxPcieLinkGeneration = nvmlDeviceGetCurrPcieLinkGeneration

    def nvmlDeviceGetCurrPcieLinkWidth(self, handle):
        return 8

    def nvmlDeviceGetMaxPcieLinkWidth(self, handle):
        return 16

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return [SimpleNamespace(pid=1, usedGpuMemory=None), SimpleNamespace(pid=99999999, usedGpuMemory=2 * GIB)]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle):
        return [SimpleNamespace(pid=1, usedGpuMemory=5)]


def test_a_working_driver_is_read_in_full():
    accelerator, (a100, v100) = read_nvml(FakeNvml())
    assert (accelerator.status, accelerator.driver, accelerator.cuda) == ("ok", "570.86.10", "12.8")
    assert (a100.name, a100.uuid, a100.total_bytes, a100.free_bytes) == (
        "NVIDIA A100-SXM4-80GB", "GPU-aaa", 80 * GIB, 70 * GIB,
    )  # fmt: skip
    assert a100.reserved_bytes == GIB and a100.used_bytes == 10 * GIB
    assert (a100.compute_capability, a100.bf16, a100.fp8) == ("8.0", True, False)
    assert a100.mig_enabled and [(m.uuid, m.total_bytes) for m in a100.mig] == [("MIG-ccc", 40 * GIB)]
    assert (a100.temperature_celsius, a100.power_watts, a100.power_limit_watts) == (35, 61.5, 400.0)
    assert (a100.ecc_enabled, a100.ecc_uncorrected, a100.utilisation_percent) == (True, 3, 42)
    assert (a100.pcie_generation, a100.pcie_width, a100.pcie_width_max, a100.nvlink_links) == (4, 8, 16, 12)
    assert [(p.pid, p.used_bytes) for p in a100.processes] == [(99999999, 2 * GIB), (1, 5)]
    assert v100.name == "Tesla V100-SXM2-32GB"
    assert (v100.bf16, v100.mig_enabled, v100.nvlink_links, v100.reserved_bytes) == (False, None, None, None)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (12, "no_driver", "libnvidia-ml"),
        (9, "driver_broken", "not loaded"),
        (18, "driver_broken", "reboot"),
        (4, "driver_broken", "refuses this user"),
        (999, "driver_broken", "does not work"),
    ],
)
def test_every_way_of_not_starting_is_a_sentence(code, status, said):
    accelerator, gpus = read_nvml(FakeNvml(nvmlInit=code))
    assert gpus == () and accelerator.status == status and said in accelerator.sentence


def test_no_gpu_behind_a_working_driver():
    accelerator, gpus = read_nvml(FakeNvml(count=0))
    assert gpus == () and accelerator.status == "none" and "sees no GPU" in accelerator.sentence


def test_a_lost_gpu_does_not_hide_the_others():
    accelerator, (lost, lost_too) = read_nvml(FakeNvml(nvmlDeviceGetMemoryInfo=15))
    assert lost.status == lost_too.status == "lost" and lost.total_bytes == 0
    assert "does not answer" in accelerator.sentence


def test_a_gpu_without_memory_of_its_own_takes_the_machines():
    _, (gpu, *_) = read_nvml(FakeNvml(nvmlDeviceGetMemoryInfo=3))
    assert gpu.status == "ok" and gpu.total_bytes > GIB and "RAM" in gpu.detail


def test_calls_that_a_gpu_does_not_support_leave_gaps_and_nothing_else():
    calls = [
        name
        for name in vars(FakeNvml)
        if name.startswith("nvmlDeviceGet") and name not in ("nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo")
        and name != "nvmlDeviceGetCount"
    ]  # fmt: skip
    _, gpus = read_nvml(FakeNvml(**dict.fromkeys(calls, 3)))
    assert gpus[0].total_bytes == 80 * GIB
    assert gpus[0].compute_capability == "" and gpus[0].bf16 is None and gpus[0].processes == ()
