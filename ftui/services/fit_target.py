"""What a fit prediction is made for: the GPU of this machine, a named one, or the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftui.core.catalog.gpus import Gpu, find_gpu, gpu_named, plain_gpu
from ftui.core.text import gib
from ftui.errors import FtuiError

if TYPE_CHECKING:
    from pathlib import Path

    from ftui.services.hardware_snapshot import Gpu as MachineGpu

GIB = 2**30
CPU_FLOPS_PER_CORE = 60e9
"""fp32 arithmetic of one server core with AVX2, as a matrix library reaches it. Rough: cores differ threefold."""
CPU_BANDWIDTH_BYTES_PER_SECOND = 20e9


@dataclass(frozen=True)
class Target:
    """Where the training would run. `gpu` describes one device; for the CPU it stands for the machine's memory."""

    gpu: Gpu
    free_bytes: int
    """Free memory of one device."""
    origin: str
    """named, memory, machine, recorded or cpu."""
    count: int = 1
    """Devices of this kind that are there."""
    notes: tuple[str, ...] = ()

    @property
    def is_cpu(self) -> bool:
        return self.origin == "cpu"


def named_target(name: str | None, vram_gib: float | None) -> Target:
    """A GPU that need not be here, by name or by memory alone. Raises FtuiError for an unknown or impossible one."""
    if vram_gib is not None and not 0 < vram_gib <= 4096:
        raise FtuiError(
            "This is no GPU memory", f"--vram-gib {vram_gib:g}", "Give the memory of one GPU in GiB, say 24."
        )
    total_bytes = int(vram_gib * GIB) if vram_gib is not None else None
    if name is None:
        gpu = plain_gpu(total_bytes or 0)
        return Target(gpu, gpu.usable_bytes, "memory")
    gpu = gpu_named(name, total_bytes)
    if total_bytes is not None:
        gpu = gpu._replace(total_bytes=total_bytes, usable_bytes=min(gpu.usable_bytes, total_bytes))
    return Target(gpu, gpu.usable_bytes, "named")


def machine_target(probe_file: Path | None = None, wanted: int = 1) -> Target:
    """The GPUs of this machine (or of the recorded one) that programs see; the CPU when there is none.

    `wanted` GPUs are taken, and the fullest of them decides. Raises FtuiError if there are fewer.
    """
    import os

    from ftui.services.hardware_signs import has_any_sign

    if probe_file is None and not os.environ.get("FTUI_HARDWARE") and not has_any_sign():
        _refuse_several(wanted)
        return cpu_target()
    from ftui.services.hardware import accelerators, recorded_probe

    recorded = recorded_probe(probe_file)
    accelerator, gpus = (recorded.accelerator, recorded.gpus) if recorded else accelerators()
    usable = [gpu for gpu in gpus if gpu.visible and gpu.status == "ok"]
    if not usable:
        why = (accelerator.sentence,) if accelerator.sentence else ()
        _refuse_several(wanted)
        ram = (recorded.memory.total_bytes, recorded.memory.usable_bytes) if recorded else None
        return cpu_target(ram if ram and ram[0] else None, why)
    if wanted > len(usable):
        raise FtuiError(
            f"There are not {wanted} GPUs",
            f"{len(usable)} can be used here",
            "Name one to plan for others: --gpu NAME.",
        )
    chosen = usable[:wanted]
    first = min(chosen, key=lambda gpu: gpu.free_bytes)
    notes = []
    if len(usable) > wanted:
        notes.append(f"{len(usable) - wanted} more GPUs are here: --gpus {len(usable)} --sharding fsdp uses them.")
    held = first.used_bytes - (first.reserved_bytes or 0)
    if held > 0.03 * first.total_bytes and first.processes:
        holder = first.processes[0]
        notes.append(f"{gib(held)} of it are in use, most by {holder.name or 'a process'} (pid {holder.pid}).")
    origin = "recorded" if recorded else "machine"
    return Target(catalogued(first), first.free_bytes, origin, len(usable), tuple(notes))


def _refuse_several(wanted: int) -> None:
    if wanted > 1:
        hint = "Name one to plan for others: --gpu NAME."
        raise FtuiError(f"There are not {wanted} GPUs", "none can be used here", hint)


def catalogued(gpu: MachineGpu) -> Gpu:
    """The catalogue's facts, with the memory that this very card has; memory alone where the catalogue lacks it."""
    known = find_gpu(gpu.name, gpu.total_bytes)
    if known is None:
        known = plain_gpu(gpu.total_bytes, gpu.name)
        major, _, minor = gpu.compute_capability.partition(".")
        if major.isdigit() and minor.isdigit():
            known = known._replace(compute_capability=(int(major), int(minor)), bf16=bool(gpu.bf16))
    return known._replace(total_bytes=gpu.total_bytes, usable_bytes=min(known.usable_bytes, gpu.total_bytes))


def cpu_target(ram: tuple[int, int] | None = None, notes: tuple[str, ...] = ()) -> Target:
    """This machine's processor and RAM, described like a GPU. Its speed is a rough guess, and said to be one.

    ram: bytes in all and bytes usable, of a recorded machine.
    """
    import os

    if ram is None:
        from ftui.services.hardware_host import ram_bytes

        ram = ram_bytes()
    total_bytes, usable_bytes = ram
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpu = Gpu(
        name=f"the CPU ({cores} cores)",
        total_bytes=total_bytes,
        usable_bytes=usable_bytes,
        bandwidth_bytes_per_second=CPU_BANDWIDTH_BYTES_PER_SECOND,
        tensor_flops=cores * CPU_FLOPS_PER_CORE,
        fp32_flops=cores * CPU_FLOPS_PER_CORE,
        bf16=False,
        vendor="CPU",
        kind="cpu",
    )
    return Target(gpu, usable_bytes, "cpu", 1, notes)
