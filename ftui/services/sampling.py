"""Memory samples as events: one a second, written only when something changed."""

from __future__ import annotations

import time

from ftui.core.events import Memory
from ftui.services.hardware_sample import MemorySample, MemorySampler

UNCHANGED_SHARE = 0.01
UNCHANGED_SECONDS = 10.0
"""A sample that hardly differs from the last one is written only this often: it then serves as the heartbeat."""


class Sampler:
    """Samples for one trainer and its children."""

    def __init__(self, trainer_pid: int) -> None:
        self._pid = trainer_pid
        self._sampler = MemorySampler()
        self._host_total_bytes = _host_total_bytes()
        self._last: Memory | None = None
        self._last_time = 0.0

    def sample(self, step: int | None) -> Memory | None:
        """The memory now, or None where it hardly changed since the last sample that was given."""
        memory = _event(self._sampler.sample(self._pid), step, self._host_total_bytes)
        moment = time.monotonic()
        if self._last and moment - self._last_time < UNCHANGED_SECONDS and not _differs(memory, self._last):
            return None
        self._last, self._last_time = memory, moment
        return memory

    def close(self) -> None:
        """Let go of the driver."""
        self._sampler.close()


def _event(sample: MemorySample, step: int | None, host_total_bytes: int) -> Memory:
    return Memory(
        step=step,
        gpus=tuple(
            {
                "index": gpu.index,
                "used_bytes": gpu.used_bytes,
                "total_bytes": gpu.total_bytes,
                "process_bytes": gpu.process_bytes,
                "utilization_percent": gpu.utilisation_percent,
                "temperature_c": gpu.temperature_celsius,
                "power_w": gpu.power_watts,
            }
            for gpu in sample.gpus
        ),
        host_rss_bytes=sample.rss_bytes,
        host_available_bytes=sample.host_available_bytes,
        host_total_bytes=host_total_bytes,
    )


def _differs(new: Memory, old: Memory) -> bool:
    pairs: list[tuple[float | None, float | None]] = [(new.host_rss_bytes, old.host_rss_bytes)]
    for one, other in zip(new.gpus, old.gpus, strict=False):
        pairs += [(one[key], other[key]) for key in ("used_bytes", "process_bytes")]
    return any(abs((a or 0) - (b or 0)) > UNCHANGED_SHARE * max(a or 0, b or 0, 1) for a, b in pairs)


def _host_total_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
