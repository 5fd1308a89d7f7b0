"""What this machine has: `snapshot()` for all of it, `accelerators()` for the GPUs alone.

Nothing here raises for a missing, broken or hung driver: the answer says so. `FTUI_HARDWARE=probe.json` replaces the
machine by a recorded one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ftui.services.hardware_signs import has_nvidia_card, has_nvidia_driver
from ftui.services.hardware_snapshot import Accelerator, Gpu, HardwareSnapshot, read_probe_file, snapshot_from_json

DRIVER_TIMEOUT_SECONDS = 10.0
"""A healthy driver answers in well under two seconds, also when it has to wake eight sleeping GPUs."""


def snapshot(probe_file: Path | None = None) -> HardwareSnapshot:
    """Everything: the recorded probe if one is named (here or by FTUI_HARDWARE), else this machine now."""
    recorded = recorded_probe(probe_file)
    if recorded is not None:
        return recorded
    import platform
    from datetime import UTC, datetime

    from ftui.services import hardware_host as host
    from ftui.services.paths import hub_cache, runs_folder

    accelerator, gpus = accelerators()
    environment = host.read_environment()
    places = {"runs": runs_folder(), "models": hub_cache(), "temporary files": Path("/tmp")}
    if sys.platform.startswith("linux"):
        places["shared memory"] = Path("/dev/shm")
    memory, disks = host.read_memory(), host.read_disks(places)
    torch = host.read_torch(gpus, accelerator.cuda)
    return HardwareSnapshot(
        gpus=gpus,
        accelerator=accelerator,
        cpu=host.read_cpu(),
        memory=memory,
        disks=disks,
        torch=torch,
        environment=environment,
        notes=_notes(gpus, environment),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def recorded_probe(probe_file: Path | None = None) -> HardwareSnapshot | None:
    """The recorded machine, when `probe_file` or FTUI_HARDWARE names one. Raises FtuiError if it cannot be read."""
    named = probe_file or (Path(os.environ["FTUI_HARDWARE"]) if os.environ.get("FTUI_HARDWARE") else None)
    return read_probe_file(named.expanduser()) if named else None


def accelerators(
    root: Path = Path("/"), command: list[str] | None = None, timeout_seconds: float = DRIVER_TIMEOUT_SECONDS
) -> tuple[Accelerator, tuple[Gpu, ...]]:
    """The driver's state and every GPU, those hidden by CUDA_VISIBLE_DEVICES marked so.

    `root` and `command` (the program that asks NVML and prints JSON) are for tests.
    """
    from ftui.services.hardware_amd import read_amd

    accelerator = Accelerator("none", "No GPU here.")
    gpus: tuple[Gpu, ...] = ()
    if command or has_nvidia_driver(root):
        accelerator, gpus = _ask_driver(command, timeout_seconds)
    if not gpus:
        amd = read_amd(root)
        if amd is not None:
            accelerator, gpus = amd
        elif accelerator.status == "none" and has_nvidia_card(root):
            accelerator = Accelerator(
                "no_driver",
                "An NVIDIA card is in this machine, but its driver is not loaded (or this container was not given it).",
            )
        elif sys.platform == "darwin":
            accelerator = Accelerator(
                "unsupported", "ftui trains on NVIDIA and AMD GPUs and on the CPU; not on Apple's."
            )
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") if accelerator.driver else os.environ.get("HIP_VISIBLE_DEVICES")
    return accelerator, mark_visible(gpus, hidden)


def mark_visible(gpus: tuple[Gpu, ...], wanted: str | None) -> tuple[Gpu, ...]:
    """Mark which GPUs a program sees under CUDA_VISIBLE_DEVICES=`wanted`: indices or UUID prefixes, up to the first bad
    one, as the CUDA programming guide has it. A MIG instance's UUID makes its GPU visible.
    """
    if wanted is None:
        return gpus
    visible: set[int] = set()
    for entry in (part.strip() for part in wanted.split(",")):
        if entry.isdigit() and int(entry) < len(gpus):
            visible.add(int(entry))
            continue
        named = [
            gpu.index
            for gpu in gpus
            if entry and any(uuid.startswith(entry) for uuid in (gpu.uuid, *(slice_.uuid for slice_ in gpu.mig)))
        ]
        if len(named) != 1:
            break
        visible.update(named)
    return tuple(Gpu(**{**gpu.__dict__, "visible": gpu.index in visible}) for gpu in gpus)


def _ask_driver(command: list[str] | None, timeout_seconds: float) -> tuple[Accelerator, tuple[Gpu, ...]]:
    import subprocess

    program = command or [sys.executable, "-m", "ftui.services.hardware_nvml"]
    try:
        # Not subprocess.run: after a timeout it waits for the child, and a child stuck in the kernel never ends.
        child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            out, err = child.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            sentence = (
                f"The NVIDIA driver did not answer within {timeout_seconds:g} s: a GPU may have failed; see `dmesg`."
            )
            return Accelerator("hung", sentence), ()
        if child.returncode:
            last = err.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
            return Accelerator("driver_broken", f"The NVIDIA driver crashed while it was asked: {last[0]}."), ()
        answer = snapshot_from_json(json.loads(out), "the NVIDIA driver")
    except (OSError, ValueError) as error:
        return Accelerator("driver_broken", f"The NVIDIA driver could not be asked: {error}."), ()
    return answer.accelerator, answer.gpus


def _notes(gpus: tuple[Gpu, ...], environment: dict[str, str]) -> tuple[str, ...]:
    """What is worth a second look, one sentence each."""
    from ftui.core.text import duration, gib, plural

    notes = []
    hidden = [gpu for gpu in gpus if not gpu.visible]
    if hidden:
        name = "CUDA_VISIBLE_DEVICES" if "CUDA_VISIBLE_DEVICES" in environment else "HIP_VISIBLE_DEVICES"
        notes.append(f"{plural(len(hidden), 'GPU')} hidden by {name}={environment.get(name, '')}.")
    for gpu in gpus:
        if gpu.processes and gpu.used_bytes > 0.02 * gpu.total_bytes:
            biggest = gpu.processes[0]
            held = f" ({gib(biggest.used_bytes)})" if biggest.used_bytes else ""
            notes.append(f"GPU {gpu.index} is in use by {biggest.name or 'process'} {biggest.pid}{held}.")
        if gpu.mig_enabled and not gpu.mig:
            notes.append(f"GPU {gpu.index} is in MIG mode without instances: no program can use it.")
        if gpu.ecc_uncorrected:
            notes.append(f"GPU {gpu.index} has had {plural(gpu.ecc_uncorrected, 'uncorrected memory error')}.")
        if gpu.pcie_width and gpu.pcie_width_max and gpu.pcie_width < gpu.pcie_width_max:
            notes.append(f"GPU {gpu.index} runs on {gpu.pcie_width} of its {gpu.pcie_width_max} PCIe lanes.")
    if "CUDA_DEVICE_ORDER" not in environment and len({gpu.name for gpu in gpus}) > 1:
        notes.append("Different GPUs: CUDA counts the fastest first unless CUDA_DEVICE_ORDER=PCI_BUS_ID.")
    end = environment.get("SLURM_JOB_END_TIME", "")
    if end.isdigit():
        import time

        notes.append(f"The SLURM job ends in {duration(max(0.0, int(end) - time.time()))}.")
    return tuple(notes)
