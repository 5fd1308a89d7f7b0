"""From allocated bytes to what the device needs, and the verdict against free memory. Stable interface."""

from __future__ import annotations

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.report import Band, Calibration, MemoryReport, Verdict


def device_bytes(report: MemoryReport, gpu: Gpu | None = None, calibration: Calibration | None = None) -> Band:
    """Give the band of device memory that a run with this report needs, on `gpu` (or a typical one)."""
    raise NotImplementedError


def judge(band: Band, free_bytes: int, report: MemoryReport | None = None) -> Verdict:
    """Say whether `band` fits into `free_bytes`; with a report also which term decides and what would change it."""
    raise NotImplementedError
