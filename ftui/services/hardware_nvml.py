"""NVIDIA GPUs by NVML. Run as a program of its own (`python -m ftui.services.hardware_nvml`): a driver that hangs
or crashes takes this process with it, and not ftui.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftui.services.hardware_snapshot import Accelerator, Gpu, GpuProcess, MigInstance

NOT_SUPPORTED, NO_PERMISSION, DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, VERSION_MISMATCH = 3, 4, 9, 12, 18
"""Return codes of nvml.h."""
MAX_NVLINKS = 18
"""As many links as any GPU has (Hopper, Blackwell); asking beyond a GPU's own number is an error, not a hang."""


def read_nvml(nvml: Any) -> tuple[Accelerator, tuple[Gpu, ...]]:
    """Everything that NVML tells. `nvml` is the pynvml module; every failure becomes a status and a sentence."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return _why_not(error), ()
    driver = str(_ask(nvml, nvml.nvmlSystemGetDriverVersion) or "")
    cuda_number = _ask(nvml, nvml.nvmlSystemGetCudaDriverVersion) or 0
    cuda = f"{cuda_number // 1000}.{cuda_number % 1000 // 10}" if cuda_number else ""
    count = _ask(nvml, nvml.nvmlDeviceGetCount) or 0
    gpus = tuple(_read_gpu(nvml, index) for index in range(count))
    if not gpus:
        sentence = f"The NVIDIA driver {driver} works, but it sees no GPU."
        return Accelerator("none", sentence, driver, cuda), ()
    lost = [gpu for gpu in gpus if gpu.status != "ok"]
    sentence = f"NVIDIA driver {driver}, CUDA up to {cuda}."
    if lost:
        sentence += f" GPU {', '.join(str(gpu.index) for gpu in lost)} does not answer: {lost[0].detail}"
    return Accelerator("ok", sentence, driver, cuda), gpus


def _why_not(error: Any) -> Accelerator:
    code = getattr(error, "value", None)
    if code == LIBRARY_NOT_FOUND:
        return Accelerator("no_driver", "No NVIDIA driver here: libnvidia-ml.so.1 was not found.")
    if code == DRIVER_NOT_LOADED:
        return Accelerator(
            "driver_broken",
            "The NVIDIA driver is installed but not loaded: try `sudo modprobe nvidia`, or reboot.",
        )
    if code == VERSION_MISMATCH:
        return Accelerator(
            "driver_broken",
            "The NVIDIA driver was updated while the old one is still loaded: reboot (or reload the nvidia modules).",
        )
    if code == NO_PERMISSION:
        return Accelerator("driver_broken", "The NVIDIA driver refuses this user: /dev/nvidia* is not readable.")
    return Accelerator("driver_broken", f"The NVIDIA driver does not work: {error}.")


def _read_gpu(nvml: Any, index: int) -> Gpu:
    detail = ""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        total, free, reserved = read_memory(nvml, handle)
    except nvml.NVMLError as error:
        if getattr(error, "value", None) != NOT_SUPPORTED:
            return Gpu(name="unknown GPU", total_bytes=0, index=index, status="lost", detail=f"{error}.")
        # Integrated GPUs (Grace-Blackwell desktops, Jetson) have no memory of their own to report.
        from ftui.services.hardware_host import read_meminfo

        host = read_meminfo()
        total, free, reserved = host.get("MemTotal", 0), host.get("MemAvailable", 0), None
        detail = "It shares the machine's RAM, and has no memory of its own."

    def ask(name: str, *arguments: Any) -> Any:
        return _ask(nvml, getattr(nvml, name, None), handle, *arguments)

    capability = ask("nvmlDeviceGetCudaComputeCapability")
    mig = ask("nvmlDeviceGetMigMode")
    ecc = ask("nvmlDeviceGetEccMode")
    power, limit = ask("nvmlDeviceGetPowerUsage"), ask("nvmlDeviceGetEnforcedPowerLimit")
    utilisation = ask("nvmlDeviceGetUtilizationRates")
    links = [ask("nvmlDeviceGetNvLinkState", link) for link in range(MAX_NVLINKS)]
    return Gpu(
        name=str(ask("nvmlDeviceGetName") or "unknown GPU"),
        total_bytes=total,
        free_bytes=free,
        index=index,
        detail=detail,
        uuid=str(ask("nvmlDeviceGetUUID") or ""),
        reserved_bytes=reserved,
        processes=read_processes(nvml, handle),
        compute_capability=f"{capability[0]}.{capability[1]}" if capability else "",
        bf16=tuple(capability) >= (8, 0) if capability else None,
        fp8=tuple(capability) >= (8, 9) if capability else None,
        mig_enabled=bool(mig[0]) if mig else None,
        mig=_read_mig(nvml, handle) if mig and mig[0] else (),
        temperature_celsius=ask("nvmlDeviceGetTemperature", 0),
        power_watts=power / 1000 if power is not None else None,
        power_limit_watts=limit / 1000 if limit is not None else None,
        utilisation_percent=utilisation.gpu if utilisation is not None else None,
        ecc_enabled=bool(ecc[0]) if ecc else None,
        ecc_uncorrected=ask("nvmlDeviceGetTotalEccErrors", 1, 0) if ecc and ecc[0] else None,
        pcie_generation=ask("nvmlDeviceGetCurrPcieLinkGeneration"),
        pcie_generation_max=ask("nvmlDeviceGetMaxPcieLinkGeneration"),
        pcie_width=ask("nvmlDeviceGetCurrPcieLinkWidth"),
        pcie_width_max=ask("nvmlDeviceGetMaxPcieLinkWidth"),
        nvlink_links=sum(map(bool, links)) if any(link is not None for link in links) else None,
    )


def read_memory(nvml: Any, handle: Any) -> tuple[int, int, int | None]:
    """Total, free and driver-reserved bytes. Drivers before R510 know no reserve."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        return int(memory.total), int(memory.free), int(memory.reserved)
    except (nvml.NVMLError, AttributeError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return int(memory.total), int(memory.free), None


def read_processes(nvml: Any, handle: Any) -> tuple[GpuProcess, ...]:
    """Who holds memory: compute and graphics processes, the largest first."""
    found: dict[int, GpuProcess] = {}
    for call in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
        for item in _ask(nvml, getattr(nvml, call, None), handle) or ():
            used = int(item.usedGpuMemory) if item.usedGpuMemory is not None else None
            before = found.get(item.pid)
            if before is None or (used or 0) > (before.used_bytes or 0):
                found[item.pid] = GpuProcess(item.pid, _process_name(item.pid), used)
    return tuple(sorted(found.values(), key=lambda process: -(process.used_bytes or 0)))


def _process_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _read_mig(nvml: Any, handle: Any) -> tuple[MigInstance, ...]:
    instances = []
    for number in range(_ask(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        device = _ask(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, number)
        if device is None:
            continue
        memory = _ask(nvml, nvml.nvmlDeviceGetMemoryInfo, device)
        instances.append(
            MigInstance(
                uuid=str(_ask(nvml, nvml.nvmlDeviceGetUUID, device) or ""),
                name=str(_ask(nvml, nvml.nvmlDeviceGetName, device) or ""),
                total_bytes=int(memory.total) if memory else 0,
                free_bytes=int(memory.free) if memory else 0,
            )
        )
    return tuple(instances)


def _ask(nvml: Any, function: Callable[..., Any] | None, *arguments: Any) -> Any:
    """The answer, or None where this GPU or driver has none."""
    if function is None:
        return None
    try:
        answer = function(*arguments)
    except nvml.NVMLError:
        return None
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def main() -> int:
    from dataclasses import asdict

    import pynvml

    accelerator, gpus = read_nvml(pynvml)
    json.dump({"accelerator": asdict(accelerator), "gpus": [asdict(gpu) for gpu in gpus]}, sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
