"""Cheap signs that a GPU or its driver may be here, so that most machines without one need not ask further."""

from __future__ import annotations

from pathlib import Path

NVIDIA_DRIVER = ("dev/nvidiactl", "proc/driver/nvidia/version", "dev/dxg")
NVIDIA_VENDOR, DISPLAY_CLASS = "0x10de", "0x03"


def has_nvidia_driver(root: Path = Path("/")) -> bool:
    """Whether a driver left its files (dev/dxg is that of WSL)."""
    return any((root / name).exists() for name in NVIDIA_DRIVER)


def has_nvidia_card(root: Path = Path("/")) -> bool:
    """Whether the PCI bus lists an NVIDIA display device."""
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text()
        except OSError:
            continue
        if vendor == NVIDIA_VENDOR and kind.startswith(DISPLAY_CLASS):
            return True
    return False


def has_any_sign(root: Path = Path("/")) -> bool:
    """Whether it is worth asking for GPUs at all."""
    cards = any((root / "sys/class/drm").glob("card[0-9]*"))
    return cards or has_nvidia_driver(root) or has_nvidia_card(root)
