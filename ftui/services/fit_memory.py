"""What was measured on this machine: probes and the peaks of finished runs, kept per GPU and library versions, so that
later predictions use them.

One JSON line per measurement in `fit-measurements.jsonl` under ftui's home; lines that cannot be read are skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from ftui.core.fit.report import Calibration
from ftui.services.paths import home, make_private

SCHEMA_VERSION = 1
FILE_NAME = "fit-measurements.jsonl"
RECENT = 20
"""As many of the newest measurements of one GPU count."""
PLAUSIBLE = (0.5, 3.0)
"""Measured over predicted: beyond it, something else used the GPU, or the run was not the one that was predicted."""
VERSIONS_THAT_MATTER = ("torch", "transformers")
"""A measurement counts for other versions only if these agree in major and minor: they own the allocator and the
modelling code."""


@dataclass(frozen=True)
class Measurement:
    """One measured peak beside its prediction. Bytes are those of one GPU; None is not measured."""

    gpu: str
    versions: Mapping[str, str]
    predicted_allocated_bytes: int
    measured_device_bytes: int | None = None
    """All memory of the process on the device, CUDA context included."""
    measured_allocated_bytes: int | None = None
    context_bytes: int | None = None
    tokens_per_second: float | None = None
    predicted_tokens_per_second: float | None = None
    kind: str = "run"
    """run or probe."""
    source: str = ""
    """Which run, or which model and recipe were probed."""
    time: str = ""
    schema_version: int = SCHEMA_VERSION


def remember_measured_peak(
    gpu: str,
    versions: Mapping[str, str | None],
    predicted_allocated_bytes: int,
    measured_device_bytes: int | None,
    *,
    measured_allocated_bytes: int | None = None,
    context_bytes: int | None = None,
    tokens_per_second: float | None = None,
    predicted_tokens_per_second: float | None = None,
    kind: str = "run",
    source: str = "",
) -> bool:
    """Keep one measurement for later predictions; gives whether it was kept.

    `gpu` is the name that NVML gives. A measurement that cannot belong to its prediction (see PLAUSIBLE) is not kept.
    A full or read-only disk is not an error: the measurement is then lost.
    """
    from datetime import UTC, datetime

    measurement = Measurement(
        gpu=gpu,
        versions={name: version for name, version in versions.items() if version},
        predicted_allocated_bytes=predicted_allocated_bytes,
        measured_device_bytes=measured_device_bytes,
        measured_allocated_bytes=measured_allocated_bytes,
        context_bytes=context_bytes,
        tokens_per_second=tokens_per_second,
        predicted_tokens_per_second=predicted_tokens_per_second,
        kind=kind,
        source=source,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if _slack(measurement) is None and _speed(measurement) is None:
        return False
    line = json.dumps(asdict(measurement), ensure_ascii=False) + "\n"
    try:
        path = make_private(home()) / FILE_NAME
        # One write of one line in append mode: two runs that end at the same moment do not mix.
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def remembered(path: Path | None = None) -> list[Measurement]:
    """Every readable measurement, oldest first."""
    known = {item.name for item in fields(Measurement)}
    found = []
    try:
        lines = (path or home() / FILE_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            data: dict[str, Any] = json.loads(line)
            if data.get("schema_version") == SCHEMA_VERSION:
                found.append(Measurement(**{name: value for name, value in data.items() if name in known}))
        except (ValueError, TypeError, AttributeError):
            continue
    return found


def calibration_for(gpu: str, versions: Mapping[str, str | None]) -> Calibration | None:
    """What was measured on this kind of GPU with these libraries, as factors for the next prediction; None if nothing.

    Factors are medians of the newest measurements.
    """
    if not (home() / FILE_NAME).exists():
        return None
    same = [m for m in remembered() if m.gpu == gpu and _same_versions(m.versions, versions)][-RECENT:]
    slacks = [value for m in same if (value := _slack(m)) is not None]
    speeds = [value for m in same if (value := _speed(m)) is not None]
    contexts = [m.context_bytes for m in same if m.context_bytes]
    if not slacks and not speeds:
        return None
    probes = sum(m.kind == "probe" for m in same)
    parts = [
        f"{count} {word}{'s' if count > 1 else ''}"
        for count, word in ((probes, "probe"), (len(same) - probes, "run"))
        if count
    ]
    return Calibration(
        slack_ratio=median(slacks) if slacks else None,
        context_bytes=int(median(contexts)) if contexts else None,
        speed_ratio=median(speeds) if speeds else None,
        source=f"{' and '.join(parts)} on this machine, the last on {same[-1].time[:10]}",
    )


def _slack(m: Measurement) -> float | None:
    """Device bytes without context over predicted allocated bytes."""
    if not m.measured_device_bytes or m.predicted_allocated_bytes <= 0:
        return None
    return _plausible((m.measured_device_bytes - (m.context_bytes or 0)) / m.predicted_allocated_bytes)


def _speed(m: Measurement) -> float | None:
    if not m.tokens_per_second or not m.predicted_tokens_per_second:
        return None
    ratio = m.tokens_per_second / m.predicted_tokens_per_second
    return ratio if 0.05 <= ratio <= 20 else None


def _plausible(ratio: float) -> float | None:
    return ratio if PLAUSIBLE[0] <= ratio <= PLAUSIBLE[1] else None


def _same_versions(one: Mapping[str, str], other: Mapping[str, str | None]) -> bool:
    return all(_minor(one.get(name)) == _minor(other.get(name)) for name in VERSIONS_THAT_MATTER)


def _minor(version: str | None) -> str:
    return ".".join((version or "").split("+")[0].split(".")[:2])
