"""Live samples: this process's memory, a GPU's figures, and a driver that stops answering in the middle."""

import os
import threading
import time
from types import SimpleNamespace

from ftui.services.hardware_sample import MemorySampler, sample_memory


class NVMLError(Exception):
    value = 3


def fake_nvml(hang: threading.Event | None = None, back: threading.Event | None = None):
    def memory(handle, version=None):
        if hang is not None and hang.is_set():
            back.wait(20)
        return SimpleNamespace(total=100, free=60, reserved=1)

    def unsupported(handle):
        raise NVMLError

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlMemory_v2=2,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda i: i,
        nvmlDeviceGetUUID=lambda handle: b"GPU-a",
        nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [
            SimpleNamespace(pid=os.getpid(), usedGpuMemory=25),
            SimpleNamespace(pid=1, usedGpuMemory=15),
        ],
        nvmlDeviceGetPowerUsage=unsupported,
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=93),
        nvmlDeviceGetTemperature=lambda handle, sensor: 71,
    )


def test_this_process_without_a_gpu():
    block = bytearray(64 * 2**20)
    sample = sample_memory(os.getpid())
    assert sample.rss_bytes > len(block)
    assert sample.host_available_bytes > 0 and abs(sample.time - time.time()) < 5


def test_a_process_that_is_gone_holds_nothing():
    assert sample_memory(2**22 + 1).rss_bytes == 0


def test_a_gpu_and_what_this_process_holds_of_it():
    sampler = MemorySampler(fake_nvml())
    sample = sampler.sample(os.getpid())
    sampler.close()
    (gpu,) = sample.gpus
    assert sample.status == "ok"
    assert (gpu.uuid, gpu.used_bytes, gpu.total_bytes, gpu.process_bytes) == ("GPU-a", 40, 100, 25)
    assert (gpu.temperature_celsius, gpu.power_watts, gpu.utilisation_percent) == (71, None, 93)


def test_a_driver_that_hangs_does_not_hang_us_and_may_come_back():
    hang, back = threading.Event(), threading.Event()
    sampler = MemorySampler(fake_nvml(hang, back), patience_seconds=0.5)
    assert answers(sampler)
    hang.set()
    samples = [sampler.sample(os.getpid()) for _ in range(3)]
    assert [sample.status for sample in samples] == ["hung"] * 3 and samples[-1].rss_bytes > 0
    hang.clear()
    back.set()
    assert answers(sampler)
    sampler.close()


def answers(sampler: MemorySampler) -> bool:
    """Whether the sampler answers within a few tries: a busy machine may be slow to wake its thread."""
    return any(sampler.sample(os.getpid()).status == "ok" for _ in range(10))
