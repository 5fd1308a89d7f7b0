"""What this machine has: GPUs, driver, CPU, memory, disks, and whether the installed torch can use it.

Works without a GPU, without a driver, and with a broken one: it then says so.

  ftui hardware                        a page for people
  ftui hardware --json > probe.json    the same for programs; the file can stand in for this machine:
  FTUI_HARDWARE=probe.json ftui fit meta-llama/Llama-3.1-8B
  ftui hardware --probe-file probe.json
"""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from pathlib import Path

from ftui.core.text import clip, gib, plural, safe
from ftui.services.hardware_snapshot import Disk, Gpu, HardwareSnapshot


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--probe-file", type=Path, metavar="F", help="show a recorded machine instead of this one (also: FTUI_HARDWARE)"
    )


def run(args: argparse.Namespace) -> int:
    from ftui.services.hardware import snapshot

    machine = snapshot(args.probe_file)
    if args.json:
        print(json.dumps(machine.to_json(), indent=1))
    else:
        width = max(60, shutil.get_terminal_size().columns)
        print("\n".join(part for line in describe(machine) for part in _folded(line, width)))
    return 0


def _folded(line: str, width: int) -> list[str]:
    """A line that is too long goes on below its text; words longer than a line (paths) stay whole, to be copied."""
    if len(line) <= width:
        return [line]
    indent = " " * (2 if line.startswith("! ") else 9)
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def describe(machine: HardwareSnapshot) -> list[str]:
    """The page for people, line by line."""
    lines = [safe(machine.accelerator.sentence)] if machine.accelerator.sentence else []
    if machine.source != "this machine":
        lines.insert(0, f"Recorded machine: {safe(machine.source)}")
    for gpu in machine.gpus:
        lines += ["", *_describe_gpu(gpu)]
    if machine.memory.total_bytes:
        lines += ["", *_describe_host(machine)]
    if machine.torch.sentence:
        mark = "" if machine.torch.status == "ok" else "! "
        lines.append(f"torch    {mark}{safe(machine.torch.sentence)}")
    lines += [f"! {safe(note)}" for note in machine.notes]
    return lines


def _describe_gpu(gpu: Gpu) -> list[str]:
    hidden = "" if gpu.visible else "  (hidden by CUDA_VISIBLE_DEVICES)"
    head = f"GPU {gpu.index}    {clip(gpu.name, 60)}{hidden}"
    if gpu.status != "ok":
        return [head, f"         ! {safe(gpu.detail)}"]
    features = [
        f"compute {gpu.compute_capability}"
        if gpu.vendor == "NVIDIA" and gpu.compute_capability
        else gpu.compute_capability,
        _yes_no("bf16", gpu.bf16),
        _yes_no("fp8", gpu.fp8),
        {True: "MIG on", False: ""}.get(bool(gpu.mig_enabled), ""),
        {True: "ECC on", False: "ECC off", None: ""}[gpu.ecc_enabled],
        f"PCIe {gpu.pcie_generation} x{gpu.pcie_width}" if gpu.pcie_width else "",
        plural(gpu.nvlink_links, "NVLink") if gpu.nvlink_links else "",
    ]
    now = [
        f"{gpu.temperature_celsius} °C" if gpu.temperature_celsius is not None else "",
        f"{gpu.power_watts:.0f} of {gpu.power_limit_watts:.0f} W" if gpu.power_watts and gpu.power_limit_watts else "",
        f"{gpu.utilisation_percent}% busy" if gpu.utilisation_percent is not None else "",
    ]
    lines = [head, f"         {gib(gpu.free_bytes)} free of {gib(gpu.total_bytes)}"]
    lines += [f"         {', '.join(filter(None, group))}" for group in (features, now) if any(group)]
    lines += [f"         {safe(gpu.detail)}"] if gpu.detail else []
    lines += [f"         {safe(slice_.name)}  {gib(slice_.free_bytes)} free  {safe(slice_.uuid)}" for slice_ in gpu.mig]
    for process in gpu.processes[:8]:
        held = gib(process.used_bytes) if process.used_bytes is not None else "?"
        lines.append(f"         held: {held} by {clip(process.name or 'a process', 32)} (pid {process.pid})")
    return lines


def _yes_no(name: str, value: bool | None) -> str:
    return {True: name, False: f"no {name}", None: ""}[value]


def _describe_host(machine: HardwareSnapshot) -> list[str]:
    cpu, memory = machine.cpu, machine.memory
    usable = f", {cpu.usable_cores:g} usable" if cpu.usable_cores != cpu.logical_cores else ""
    lines = [f"CPU      {safe(cpu.model) or 'unknown'}, {plural(cpu.logical_cores, 'core')}{usable}"]
    lines.append(f"RAM      {gib(memory.usable_bytes)} usable of {gib(memory.total_bytes)}")
    if memory.limit_bytes is not None:
        lines.append(f"         limited to {gib(memory.limit_bytes)} by {safe(memory.limit_source)}")
    if memory.swap_total_bytes:
        lines.append(f"swap     {gib(memory.swap_free_bytes)} free of {gib(memory.swap_total_bytes)}")
    seen: dict[str, Disk] = {}
    for disk in machine.disks:
        first = seen.setdefault(disk.volume or disk.path, disk)
        room = "same volume as " + first.purpose if first is not disk else f"{gib(disk.free_bytes)} free"
        lines.append(
            f"disk     {disk.purpose}: {room}  {clip(disk.path, 60)}{'' if disk.writable else '  ! not writable'}"
        )
    return lines
