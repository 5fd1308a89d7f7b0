"""Checks of the installation: each gives a status, what was found, and what to do."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ftui.core.text import gib
from ftui.services.hardware import snapshot
from ftui.services.paths import home

LOWEST_FREE_DISK_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """status: ok, warn (works, but not everything), fail. group: what it is one of many of, or empty."""

    name: str
    status: str
    words: str
    hint: str = ""
    group: str = ""


def examine() -> list[Check]:
    """All checks, quick ones only; nothing of the training stack is imported."""
    return [_python(), *_packages(), *_machine(), _home(), _terminal()]


def _python() -> Check:
    return Check("python", "ok", ".".join(str(number) for number in sys.version_info[:3]))


def _packages() -> list[Check]:
    """Every requirement of ftui's own metadata, base and `train`, against what is installed."""
    try:
        requirements = metadata.requires("ftui-wizard") or []
    except metadata.PackageNotFoundError:
        return [Check("ftui-wizard", "fail", "not installed as a package", "pip install -e '.[train]' in the checkout")]
    checks = []
    for requirement in requirements:
        extra = "train" if "extra == 'train'" in requirement or 'extra == "train"' in requirement else ""
        if "extra ==" in requirement and not extra:
            continue
        checks.append(_package(requirement.partition(";")[0].strip(), extra))
    return checks


def _package(requirement: str, extra: str) -> Check:
    name = requirement
    for index, character in enumerate(requirement):
        if character in "<>=!~ [(":
            name = requirement[:index]
            break
    wanted = requirement[len(name) :].strip()
    group = "training" if extra else "packages"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        status = "warn" if extra else "fail"
        hint = "pip install 'ftui-wizard[train]'" if extra else "pip install --force-reinstall ftui-wizard"
        return Check(
            name, status, "not installed" + (", so this installation cannot train" if extra else ""), hint, group
        )
    if not _allowed(version, wanted):
        return Check(name, "warn", f"{version}, proven with {wanted}", f"pip install '{name}{wanted}'", group)
    return Check(name, "ok", version, "", group)


def _allowed(version: str, wanted: str) -> bool:
    """Whether a version lies in bounds like `>=8.2,<9`; only these two signs occur in ftui's metadata."""
    have = _numbers(version)
    for bound in filter(None, (part.strip() for part in wanted.split(","))):
        if bound.startswith(">=") and have < _numbers(bound[2:]):
            return False
        if bound.startswith("<") and not bound.startswith("<=") and have >= _numbers(bound[1:]):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("+")[0].split("."):
        digits = "".join(character for character in part if character.isdigit())
        numbers.append(int(digits) if digits else 0)
    return tuple(numbers)


def _machine() -> list[Check]:
    machine = snapshot()
    if not machine.gpus:
        words = machine.accelerator.sentence or "no GPU"
        return [Check("gpu", "warn", words, "Training works on the CPU, for models of some hundred million weights.")]
    checks = []
    if machine.torch.status == "mismatch":
        checks.append(Check("torch build", "fail", machine.torch.sentence, "Install the torch build for this driver."))
    for gpu in machine.gpus:
        words = f"{gpu.name}, {gib(gpu.free_bytes)} of {gib(gpu.total_bytes)} free"
        checks.append(Check(f"gpu {gpu.index}", "ok" if gpu.status == "ok" else "warn", words, gpu.detail))
    return checks


def _home() -> Check:
    folder = home()
    place = folder
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        return Check("runs", "fail", f"{place} is not a folder", "Set FTUI_HOME to a folder of yours.")
    if not os.access(place, os.W_OK | os.X_OK):
        return Check("runs", "fail", f"{folder} cannot be written to", "Set FTUI_HOME to a folder of yours.")
    free = shutil.disk_usage(place).free
    if free < LOWEST_FREE_DISK_BYTES:
        return Check("runs", "warn", f"{folder}: only {gib(free)} free", "Set FTUI_HOME to a larger disk.")
    return Check("runs", "ok", f"{folder}, {gib(free)} free")


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "").lower()
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        return Check("terminal", "warn", f"TERM is {term or 'not set'}: no panels", "Commands work; add --plain.")
    if "utf" not in encoding:
        return Check("terminal", "warn", f"{encoding or 'unknown encoding'}: ASCII only", "export LANG=C.UTF-8")
    size = shutil.get_terminal_size((80, 24))
    words = f"{term}, {encoding}, {size.columns}x{size.lines}"
    if Path("/.dockerenv").exists():
        words += ", in a container"
    return Check("terminal", "ok", words)
