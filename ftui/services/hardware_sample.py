"""Live samples of GPU and host memory, cheap enough to take once a second for days.

A sample never blocks for longer than `patience_seconds`: NVML is asked on a thread of its own, and while it does not
answer, samples say so and carry the host's figures.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from ftui.services.hardware_signs import has_nvidia_driver

DEFAULT_PATIENCE_SECONDS = 0.8


@dataclass(frozen=True)
class GpuSample:
    """One GPU now. `process_bytes` is what the sampled process and its children hold; None where nobody can tell."""

    index: int
    uuid: str
    used_bytes: int
    total_bytes: int
    process_bytes: int | None = None
    temperature_celsius: int | None = None
    power_watts: float | None = None
    utilisation_percent: int | None = None


@dataclass(frozen=True)
class MemorySample:
    """All GPUs, and the host. `status` is ok, none (no driver) or hung.

    `rss_bytes` adds up the process and its children; pages that they share count once per process, so it is an
    upper bound. It is 0 when the process is gone.
    """

    time: float
    gpus: tuple[GpuSample, ...]
    rss_bytes: int
    host_available_bytes: int
    status: str = "ok"


class MemorySampler:
    """Keeps NVML open between samples. One per process; `close` it, or let the process end."""

    def __init__(self, nvml: Any = None, patience_seconds: float = DEFAULT_PATIENCE_SECONDS) -> None:
        self._nvml = nvml
        self._patience_seconds = patience_seconds
        self._wanted = threading.Event()
        self._ready = threading.Event()
        self._pids: frozenset[int] = frozenset()
        self._gpus: tuple[GpuSample, ...] = ()
        self._closed = False
        self._thread: threading.Thread | None = None
        if nvml is not None or has_nvidia_driver():
            self._thread = threading.Thread(target=self._serve, name="nvml", daemon=True)
            self._thread.start()

    def sample(self, pid: int) -> MemorySample:
        """Measure now, for the tree of processes under `pid`."""
        pids, rss_bytes = _process_tree(pid)
        gpus, status = self._sample_gpus(frozenset(pids))
        return MemorySample(time.time(), gpus, rss_bytes, _host_available_bytes(), status)

    def close(self) -> None:
        """Let go of the driver."""
        self._closed = True
        self._wanted.set()

    def _sample_gpus(self, pids: frozenset[int]) -> tuple[tuple[GpuSample, ...], str]:
        if self._thread is None:
            return _amd_samples()
        if self._wanted.is_set():  # the question before this one is still unanswered
            return (), "hung"
        self._pids = pids
        self._ready.clear()
        self._wanted.set()
        if not self._ready.wait(self._patience_seconds):
            return (), "hung"
        return self._gpus, "ok" if self._gpus else "none"

    def _serve(self) -> None:
        """The thread: opens NVML (which may hang, too), then answers each question."""
        nvml, handles = self._open()
        while True:
            self._wanted.wait()
            if self._closed:
                return
            self._gpus = tuple(s for i, (h, uuid) in enumerate(handles) if (s := self._read(nvml, i, h, uuid)))
            self._wanted.clear()
            self._ready.set()

    def _open(self) -> tuple[Any, list[tuple[Any, str]]]:
        nvml = self._nvml
        if nvml is None:
            import pynvml

            nvml = pynvml
        try:
            nvml.nvmlInit()
            handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
            return nvml, [(handle, _as_text(nvml.nvmlDeviceGetUUID(handle))) for handle in handles]
        except nvml.NVMLError:
            return nvml, []

    def _read(self, nvml: Any, index: int, handle: Any, uuid: str) -> GpuSample | None:
        from ftui.services.hardware_nvml import read_memory

        def ask(function: Any, *arguments: Any) -> Any:
            try:
                return function(handle, *arguments)
            except nvml.NVMLError:
                return None

        try:
            total, free, _ = read_memory(nvml, handle)
        except nvml.NVMLError:
            return None
        running = ask(nvml.nvmlDeviceGetComputeRunningProcesses)
        mine = [item.usedGpuMemory for item in running or () if item.pid in self._pids]
        power, utilisation = ask(nvml.nvmlDeviceGetPowerUsage), ask(nvml.nvmlDeviceGetUtilizationRates)
        return GpuSample(
            index=index,
            uuid=uuid,
            used_bytes=total - free,
            total_bytes=total,
            process_bytes=sum(mine) if mine and all(used is not None for used in mine) else None,
            temperature_celsius=ask(nvml.nvmlDeviceGetTemperature, 0),
            power_watts=power / 1000 if power is not None else None,
            utilisation_percent=utilisation.gpu if utilisation is not None else None,
        )


_shared: MemorySampler | None = None


def sample_memory(pid: int) -> MemorySample:
    """One sample by a sampler that this process keeps for the next call."""
    global _shared
    if _shared is None:
        _shared = MemorySampler()
    return _shared.sample(pid)


def _process_tree(pid: int) -> tuple[list[int], int]:
    """`pid` and its descendants, and the sum of their resident bytes."""
    import psutil

    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return [], 0
    pids, total = [], 0
    for process in family:
        try:
            total += process.memory_info().rss
            pids.append(process.pid)
        except psutil.Error:
            continue
    return pids, total


def _host_available_bytes() -> int:
    """What the host could still give: within the container's limit, if it has one."""
    from ftui.services.hardware_host import read_memory

    return read_memory().usable_bytes


def _amd_samples() -> tuple[tuple[GpuSample, ...], str]:
    from ftui.services.hardware_amd import read_amd

    found = read_amd()
    if found is None:
        return (), "none"
    samples = tuple(
        GpuSample(
            index=gpu.index,
            uuid=gpu.uuid,
            used_bytes=gpu.used_bytes,
            total_bytes=gpu.total_bytes,
            temperature_celsius=gpu.temperature_celsius,
            power_watts=gpu.power_watts,
            utilisation_percent=gpu.utilisation_percent,
        )
        for gpu in found[1]
    )
    return samples, "ok"


def _as_text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
