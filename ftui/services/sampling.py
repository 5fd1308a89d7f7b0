"""Memory of the devices and the host, once a second, cheap enough to be forgotten."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ftui.core.events import Memory

UNCHANGED_SHARE = 0.01
UNCHANGED_SECONDS = 10.0
"""A sample that hardly differs from the last one is written only this often: it then serves as the heartbeat."""


class Sampler:
    """Samples for one trainer. Without an NVIDIA driver the GPU list is empty."""

    def __init__(self, trainer_pid: int) -> None:
        import psutil

        self._psutil = psutil
        self._pid = trainer_pid
        self._handles = _nvml_handles()
        self._last: Memory | None = None
        self._last_time = 0.0

    def sample(self, step: int | None) -> Memory | None:
        """The memory now, or None where it hardly changed since the last sample that was given."""
        virtual = self._psutil.virtual_memory()
        rss, pids = self._tree()
        memory = Memory(
            step=step,
            gpus=tuple(_gpu(index, handle, pids) for index, handle in enumerate(self._handles)),
            host_rss_bytes=rss,
            host_available_bytes=virtual.available,
            host_total_bytes=virtual.total,
        )
        moment = time.monotonic()
        if self._last and moment - self._last_time < UNCHANGED_SECONDS and not _differs(memory, self._last):
            return None
        self._last, self._last_time = memory, moment
        return memory

    def _tree(self) -> tuple[int, set[int]]:
        rss, pids = 0, set()
        with contextlib.suppress(self._psutil.Error):
            root = self._psutil.Process(self._pid)
            for process in [root, *root.children(recursive=True)]:
                with contextlib.suppress(self._psutil.Error):
                    rss += process.memory_info().rss
                    pids.add(process.pid)
        return rss, pids


def _differs(new: Memory, old: Memory) -> bool:
    pairs: list[tuple[float | None, float | None]] = [(new.host_rss_bytes, old.host_rss_bytes)]
    for one, other in zip(new.gpus, old.gpus, strict=False):
        pairs += [(one[key], other[key]) for key in ("used_bytes", "process_bytes")]
    return any(abs((a or 0) - (b or 0)) > UNCHANGED_SHARE * max(a or 0, b or 0, 1) for a, b in pairs)


def _nvml_handles() -> list[Any]:
    try:
        import pynvml

        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except Exception:
        # No driver, a broken driver, no permission: NVML has an exception class for each, and none matters here.
        return []


def _gpu(index: int, handle: Any, pids: set[int]) -> dict[str, float | None]:
    import pynvml

    def ask(question: Any, *arguments: Any) -> Any:
        try:
            return question(handle, *arguments)
        except pynvml.NVMLError:
            return None

    memory = ask(pynvml.nvmlDeviceGetMemoryInfo)
    processes = ask(pynvml.nvmlDeviceGetComputeRunningProcesses) or []
    rates = ask(pynvml.nvmlDeviceGetUtilizationRates)
    power = ask(pynvml.nvmlDeviceGetPowerUsage)
    return {
        "index": index,
        "used_bytes": memory.used if memory else None,
        "total_bytes": memory.total if memory else None,
        "process_bytes": sum(p.usedGpuMemory or 0 for p in processes if p.pid in pids),
        "utilization_percent": rates.gpu if rates else None,
        "temperature_c": ask(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
        "power_w": power / 1000 if power is not None else None,
    }
