"""AMD GPUs from the amdgpu driver's files under /sys: no library and no tool needed."""

from __future__ import annotations

from pathlib import Path

from ftui.services.hardware_snapshot import Accelerator, Gpu
from ftui.services.small_files import number_of, text_of

AMD_VENDOR = "0x1002"
MIN_USEFUL_BYTES = 2 * 1024**3
"""Below this it is the carve-out of an integrated GPU, which ROCm does not train on."""
GFX_WITH_FP8 = ("gfx94", "gfx95", "gfx12")
GFX_WITH_BF16 = ("gfx90", "gfx94", "gfx95", "gfx11", "gfx12")
"""bf16 matrix units: CDNA 2 and later, RDNA 3 and later."""


def read_amd(root: Path = Path("/")) -> tuple[Accelerator, tuple[Gpu, ...]] | None:
    """The AMD GPUs of this machine, or None where there are none."""
    cards = sorted((root / "sys/class/drm").glob("card[0-9]*"), key=lambda card: card.name)
    devices = [
        card / "device" for card in cards if "-" not in card.name and text_of(card / "device/vendor") == AMD_VENDOR
    ]
    targets = _gfx_targets(root)
    found = [gpu for device in devices if (gpu := _read_card(device, targets)) is not None]
    if not found:
        return None
    gpus = tuple(Gpu(**{**gpu.__dict__, "index": index}) for index, gpu in enumerate(found))
    rocm = text_of(root / "opt/rocm/.info/version")
    if not (root / "dev/kfd").exists():
        sentence = "An AMD GPU is here, but /dev/kfd is not: the ROCm driver is not loaded, or the container lacks it."
        return Accelerator("driver_broken", sentence, rocm=rocm), gpus
    return Accelerator("ok", f"AMD ROCm{f' {rocm}' if rocm else ''} through the amdgpu driver.", rocm=rocm), gpus


def _read_card(device: Path, targets: dict[str, str]) -> Gpu | None:
    total = number_of(device / "mem_info_vram_total")
    if total is None or total < MIN_USEFUL_BYTES:
        return None
    used = number_of(device / "mem_info_vram_used") or 0
    sensor = next(iter(sorted((device / "hwmon").glob("hwmon*"))), device / "hwmon")
    temperature, power, limit = (number_of(sensor / name) for name in ("temp1_input", "power1_average", "power1_cap"))
    slot = _pci_slot(device)
    target = targets.get(slot, "")
    return Gpu(
        name=text_of(device / "product_name") or f"AMD GPU {text_of(device / 'device')}",
        total_bytes=total,
        free_bytes=max(total - used, 0),
        uuid=text_of(device / "unique_id"),
        vendor="AMD",
        compute_capability=target,
        bf16=target.startswith(GFX_WITH_BF16) if target else None,
        fp8=target.startswith(GFX_WITH_FP8) if target else None,
        temperature_celsius=temperature // 1000 if temperature is not None else None,
        power_watts=power / 1e6 if power is not None else None,
        power_limit_watts=limit / 1e6 if limit is not None else None,
        utilisation_percent=number_of(device / "gpu_busy_percent"),
    )


def _gfx_targets(root: Path) -> dict[str, str]:
    """PCI slot -> "gfx942", from the kernel's topology (KFD packs the slot into location_id as bus << 8 | function)."""
    targets = {}
    for node in (root / "sys/class/kfd/kfd/topology/nodes").glob("*"):
        facts = dict(line.split(" ", 1) for line in text_of(node / "properties").splitlines() if " " in line)
        version, location = int(facts.get("gfx_target_version", 0)), int(facts.get("location_id", 0))
        if version:
            major, minor, stepping = version // 10000, version // 100 % 100, version % 100
            targets[f"{location >> 8:02x}:{location >> 3 & 31:02x}.{location & 7:x}"] = f"gfx{major}{minor}{stepping:x}"
    return targets


def _pci_slot(device: Path) -> str:
    return device.resolve().name.partition(":")[2]
