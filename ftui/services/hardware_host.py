"""CPU, RAM, swap, disks, container limits, the scheduler's variables, and the torch build. No driver is asked."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ftui.services.small_files import number_of, text_of

if TYPE_CHECKING:
    from ftui.services.hardware_snapshot import Cpu, Disk, Gpu, HostMemory, TorchBuild

UNLIMITED_BYTES = 1 << 60
"""cgroup v1 writes "no limit" as the largest multiple of the page size below 2^63."""
ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF",
    "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE",
    "SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURM_JOB_NUM_NODES", "SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_NODE",
    "SLURM_JOB_GPUS", "SLURM_GPUS_ON_NODE", "SLURM_JOB_END_TIME",
)  # fmt: skip


def read_meminfo(root: Path = Path("/")) -> dict[str, int]:
    """/proc/meminfo in bytes; empty where there is none."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}


def read_memory(root: Path = Path("/")) -> HostMemory:
    """RAM and swap, and what the container (cgroup v1 or v2) leaves of them."""
    from ftui.services.hardware_snapshot import HostMemory

    info = read_meminfo(root)
    if info:
        swap_total, swap_free = info.get("SwapTotal", 0), info.get("SwapFree", 0)
    else:
        import psutil

        swap = psutil.swap_memory()
        swap_total, swap_free = swap.total, swap.free
    total, available, limit, used, source = _ram(info, root)
    return HostMemory(
        total_bytes=total,
        available_bytes=available,
        usable_bytes=_usable(available, limit, used),
        swap_total_bytes=swap_total,
        swap_free_bytes=swap_free,
        limit_bytes=limit,
        limit_used_bytes=used,
        limit_source=source,
    )


def ram_bytes(root: Path = Path("/")) -> tuple[int, int]:
    """RAM in all, and what a new process could take of it."""
    total, available, limit, used, _ = _ram(read_meminfo(root), root)
    return total, _usable(available, limit, used)


def _ram(info: dict[str, int], root: Path) -> tuple[int, int, int | None, int | None, str]:
    """Total, available, and the container's limit with what is used of it, if it has one below the total."""
    if info:
        total, available = info["MemTotal"], info.get("MemAvailable", info.get("MemFree", 0))
    else:
        import psutil

        virtual = psutil.virtual_memory()
        total, available = virtual.total, virtual.available
    limit, used, source = cgroup_memory(root)
    if limit is None or limit >= total:
        return total, available, None, None, ""
    return total, available, limit, used, source


def _usable(available: int, limit: int | None, used: int | None) -> int:
    return available if limit is None else max(0, min(available, limit - (used or 0)))


def cgroup_memory(root: Path = Path("/")) -> tuple[int | None, int | None, str]:
    """The tightest memory limit above this process, what it holds of it (page cache not counted), and which it is."""
    tightest: tuple[int | None, int | None, str] = (None, None, "")
    for folder, limit_name, used_name, cache_field, version in _cgroup_folders(root, "memory"):
        limit = number_of(folder / limit_name)
        if limit is None or limit >= UNLIMITED_BYTES or (tightest[0] is not None and limit >= tightest[0]):
            continue
        used = number_of(folder / used_name) or 0
        cache = re.search(rf"^{cache_field} (\d+)", text_of(folder / "memory.stat"), re.MULTILINE)
        tightest = (limit, max(0, used - (int(cache.group(1)) if cache else 0)), version)
    return tightest


def _cgroup_folders(root: Path, controller: str) -> list[tuple[Path, str, str, str, str]]:
    """The process's cgroup and its parents, with the names of the files to read there."""
    found = []
    for line in text_of(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        relative = path.strip("/")
        if controllers == "":
            base = root / "sys/fs/cgroup"
            names = ("memory.max", "memory.current", "inactive_file", "cgroup v2")
        elif controller in controllers.split(","):
            base = root / "sys/fs/cgroup" / controller
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "cgroup v1")
        else:
            continue
        folder = base / relative
        # Inside a container the path is the host's while the mount is the container's own: the base holds the limit.
        for place in (folder, *folder.parents):
            if place == base or base in place.parents:
                found.append((place, *names))
    return found


def read_cpu(root: Path = Path("/")) -> Cpu:
    """The processor, and how much of it this process may use."""
    from ftui.services.hardware_snapshot import Cpu

    text = text_of(root / "proc/cpuinfo")
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    words = set(flags.group(1).split()) if flags else set()
    logical = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    quota = _cpu_quota(root)
    cores = set(re.findall(r"^physical id\s*:\s*(\d+)(?:\n.+)*?\ncore id\s*:\s*(\d+)", text, re.MULTILINE))
    return Cpu(
        model=model.group(1).strip() if model else "",
        physical_cores=len(cores) or None,
        logical_cores=logical,
        usable_cores=min(float(affinity), quota) if quota else float(affinity),
        bf16=bool(words & {"avx512_bf16", "amx_bf16", "bf16"}) if words else None,
    )


def _cpu_quota(root: Path) -> float | None:
    """Cores allowed by the container: `cpu.max` is "QUOTA PERIOD" in microseconds, or "max PERIOD"."""
    quotas = []
    for folder, *_ in _cgroup_folders(root, "cpu"):
        quota, _, period = text_of(folder / "cpu.max").partition(" ")
        if not period:
            quota, period = text_of(folder / "cpu.cfs_quota_us"), text_of(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas) if quotas else None


def read_disks(places: dict[str, Path]) -> tuple[Disk, ...]:
    """The volume behind each purpose; a folder that does not exist yet is answered by its nearest parent."""
    from ftui.services.hardware_snapshot import Disk

    disks = []
    for purpose, wanted in places.items():
        place = wanted
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            room = os.statvfs(place)
            volume = str(place.stat().st_dev)
        except OSError:
            disks.append(Disk(purpose, str(wanted), writable=False))
            continue
        disks.append(
            Disk(
                purpose,
                str(wanted),
                total_bytes=room.f_blocks * room.f_frsize,
                free_bytes=room.f_bavail * room.f_frsize,
                volume=volume,
                writable=os.access(place, os.W_OK),
            )
        )
    return tuple(disks)


def read_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def read_torch(gpus: tuple[Gpu, ...], driver_cuda: str) -> TorchBuild:
    """The installed torch build, read from its files, against the driver's CUDA and the GPUs' generation."""
    from importlib.metadata import PackageNotFoundError, distribution

    from ftui.services.hardware_snapshot import TorchBuild

    try:
        torch = distribution("torch")
    except PackageNotFoundError:
        return TorchBuild("missing", "torch is not installed: `pip install 'ftui-wizard[train]'` brings it.")
    text = text_of(Path(str(torch.locate_file("torch/version.py"))))
    built = dict(re.findall(r"^(cuda|hip)\b[^=]*= '([^']*)'", text, re.MULTILINE))
    return judge_torch(torch.version, built.get("cuda", ""), built.get("hip", ""), gpus, driver_cuda)


def judge_torch(version: str, cuda: str, rocm: str, gpus: tuple[Gpu, ...], driver_cuda: str) -> TorchBuild:
    """Will this torch build run on these GPUs with this driver?

    CUDA minor versions are compatible within a major one (CUDA compatibility guide), so only a driver of an older
    major version is too old. Which generations a wheel holds: pytorch/pytorch RELEASE.md, CUDA support matrix:
    builds for CUDA 12.6 and older reach from 5.0 to 9.0, later ones from 7.5 (7.0 before torch 2.11) to 12.x.
    """
    from ftui.services.hardware_snapshot import TorchBuild

    def verdict(status: str, sentence: str) -> TorchBuild:
        return TorchBuild(status, sentence, version, cuda, rocm)

    nvidia = [gpu for gpu in gpus if gpu.vendor == "NVIDIA" and gpu.status == "ok"]
    amd = [gpu for gpu in gpus if gpu.vendor == "AMD"]
    if not cuda and not rocm:
        if gpus:
            return verdict(
                "mismatch", f"torch {version} is a CPU-only build, and will not use the GPU of this machine."
            )
        return verdict("cpu_only", f"torch {version} is a CPU-only build.")
    if (nvidia and not cuda) or (amd and not nvidia and not rocm):
        here, there = ("CUDA", "ROCm") if nvidia else ("ROCm", "CUDA")
        return verdict("mismatch", f"torch {version} is built for {there}, and this machine needs {here}.")
    if not gpus:
        return verdict("ok", f"torch {version} is built for {'CUDA ' + cuda if cuda else 'ROCm ' + rocm}; no GPU here.")
    if cuda and driver_cuda and int(driver_cuda.split(".")[0]) < int(cuda.split(".")[0]):
        return verdict(
            "mismatch",
            f"torch {version} needs CUDA {cuda}, and the driver knows only {driver_cuda}: update the driver.",
        )
    legacy = cuda and _pair(cuda) <= (12, 6)
    oldest = (5, 0) if legacy else (7, 0) if _pair(version) < (2, 11) and cuda.startswith("12") else (7, 5)
    for gpu in nvidia:
        capability = _pair(gpu.compute_capability)
        if capability and capability < oldest:
            return verdict(
                "mismatch", f"torch {version} for CUDA {cuda} has no kernels for {gpu.name}: take a cu126 build."
            )
        if capability and legacy and capability >= (10, 0):
            return verdict(
                "mismatch", f"torch {version} for CUDA {cuda} has no kernels for {gpu.name}: take cu128 or later."
            )
    return verdict("ok", f"torch {version} matches the driver.")


def _pair(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
