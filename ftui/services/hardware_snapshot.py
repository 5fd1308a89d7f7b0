"""What a machine has, as plain values, and their JSON form (`ftui hardware --json`, `FTUI_HARDWARE`).

Every field but a GPU's name and memory may be left out of a hand-written file: planning another machine takes
`{"gpus": [{"name": "NVIDIA L4", "total_bytes": 24152899584}]}`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ftui.errors import FtuiError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class GpuProcess:
    """One process that holds memory of a GPU; `used_bytes` is None where the driver does not tell (WSL, containers)."""

    pid: int
    name: str = ""
    used_bytes: int | None = None


@dataclass(frozen=True)
class MigInstance:
    """One slice of a GPU in MIG mode: to CUDA a device of its own."""

    uuid: str
    name: str = ""
    total_bytes: int = 0
    free_bytes: int = 0


@dataclass(frozen=True)
class Gpu:
    """One GPU. `free_bytes` is what a new process could have; `reserved_bytes` is what the driver keeps for itself."""

    name: str
    total_bytes: int
    free_bytes: int = -1
    index: int = 0
    uuid: str = ""
    vendor: str = "NVIDIA"
    status: str = "ok"
    detail: str = ""
    visible: bool = True
    reserved_bytes: int | None = None
    processes: tuple[GpuProcess, ...] = ()
    compute_capability: str = ""
    bf16: bool | None = None
    fp8: bool | None = None
    mig_enabled: bool | None = None
    mig: tuple[MigInstance, ...] = ()
    temperature_celsius: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    utilisation_percent: int | None = None
    ecc_enabled: bool | None = None
    ecc_uncorrected: int | None = None
    pcie_generation: int | None = None
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    nvlink_links: int | None = None

    def __post_init__(self) -> None:
        if self.free_bytes < 0:
            object.__setattr__(self, "free_bytes", self.total_bytes)

    @property
    def used_bytes(self) -> int:
        """What is taken, the driver's own reserve included."""
        return self.total_bytes - self.free_bytes


@dataclass(frozen=True)
class Accelerator:
    """The driver as a whole: `status` is ok, none, no_driver, driver_broken, hung or unsupported, and says why."""

    status: str = "ok"
    sentence: str = ""
    driver: str = ""
    cuda: str = ""
    rocm: str = ""


@dataclass(frozen=True)
class Cpu:
    """`usable_cores` counts what this process may use: affinity and container quota."""

    model: str = ""
    physical_cores: int | None = None
    logical_cores: int = 1
    usable_cores: float = 1.0
    bf16: bool | None = None


@dataclass(frozen=True)
class HostMemory:
    """RAM. `usable_bytes` is what a new process could take: available, and below the container's limit."""

    total_bytes: int = 0
    available_bytes: int = 0
    usable_bytes: int = 0
    swap_total_bytes: int = 0
    swap_free_bytes: int = 0
    limit_bytes: int | None = None
    limit_used_bytes: int | None = None
    limit_source: str = ""


@dataclass(frozen=True)
class Disk:
    """The volume behind one purpose; two purposes on one volume share `volume`, and their free bytes are the same."""

    purpose: str
    path: str
    total_bytes: int = 0
    free_bytes: int = 0
    volume: str = ""
    writable: bool = True


@dataclass(frozen=True)
class TorchBuild:
    """The installed torch against the driver: `status` is ok, missing, cpu_only or mismatch."""

    status: str = "missing"
    sentence: str = ""
    version: str = ""
    cuda: str = ""
    rocm: str = ""


@dataclass(frozen=True)
class HardwareSnapshot:
    """All of it, at one moment. `source` is "this machine" or the file that it was read from."""

    gpus: tuple[Gpu, ...] = ()
    accelerator: Accelerator = field(default_factory=Accelerator)
    cpu: Cpu = field(default_factory=Cpu)
    memory: HostMemory = field(default_factory=HostMemory)
    disks: tuple[Disk, ...] = ()
    torch: TorchBuild = field(default_factory=TorchBuild)
    environment: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    system: str = ""
    python: str = ""
    source: str = "this machine"
    taken_at: str = ""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `snapshot_from_json` reads back to the same value."""
        return asdict(self)


def snapshot_from_json(data: Any, source: str) -> HardwareSnapshot:
    """Read what `to_json` wrote, or a shorter hand-written form.

    Raises FtuiError naming the field when one is unknown, missing or of the wrong type.
    """
    if not isinstance(data, dict):
        raise _bad(source, "the whole file", "is not a JSON object")
    version = data.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise FtuiError(
            "This hardware file is from a newer ftui",
            f"{source} has schema_version {version}, this ftui reads up to {SCHEMA_VERSION}.",
            "Update ftui, or record the file again with `ftui hardware --json`.",
        )
    snapshot: HardwareSnapshot = _read(HardwareSnapshot, {**data, "source": source}, source, "")
    for gpu in snapshot.gpus:
        if gpu.status == "ok" and not 0 <= gpu.free_bytes <= gpu.total_bytes > 0:
            raise _bad(source, f"gpus[{gpu.index}]", "needs 0 <= free_bytes <= total_bytes, and some memory")
    return snapshot


def read_probe_file(path: Path) -> HardwareSnapshot:
    """Read a recorded probe. Raises FtuiError when the file is missing, not JSON, or not a probe."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FtuiError(
            "No such hardware file", str(path), "Record one with `ftui hardware --json > probe.json`."
        ) from None
    except OSError as error:
        raise FtuiError("The hardware file cannot be read", f"{path}: {error.strerror}.") from None
    except ValueError as error:
        raise FtuiError("The hardware file is not JSON", f"{path}: {error}.") from None
    return snapshot_from_json(data, str(path))


def _read(kind: Any, value: Any, source: str, where: str) -> Any:
    """Turn a JSON value into `kind`: a dataclass, a tuple of one kind, a dict of strings, an optional, or a scalar."""
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise _bad(source, where, "must be a list")
        return tuple(_read(get_args(kind)[0], item, source, f"{where}[{i}]") for i, item in enumerate(value))
    if get_origin(kind) is dict:
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise _bad(source, where, "must be an object of strings")
        return dict(value)
    options = get_args(kind) or (kind,)
    if type(None) in options and value is None:
        return None
    kind = options[0]
    if hasattr(kind, "__dataclass_fields__"):
        return _read_object(kind, value, source, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _bad(source, where, f"must be {_SAID[kind]}, not {json.dumps(value)[:40]}")
    return value


_SAID = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _read_object(kind: Any, value: Any, source: str, where: str) -> Any:
    if not isinstance(value, dict):
        raise _bad(source, where, "must be an object")
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    for name in value:
        if name not in known:
            import difflib

            close = difflib.get_close_matches(name, known, n=1)
            raise _bad(
                source, f"{where}.{name}".lstrip("."), f"is unknown{f'; did you mean {close[0]}?' if close else ''}"
            )
    given = {name: _read(hints[name], item, source, f"{where}.{name}".lstrip(".")) for name, item in value.items()}
    try:
        return kind(**given)
    except TypeError as error:
        raise _bad(source, where or "the whole file", f"lacks a field ({error})") from None


def _bad(source: str, where: str, what: str) -> FtuiError:
    return FtuiError(
        "Not a hardware probe",
        f"{source}: {where} {what}.",
        "`ftui hardware --json` writes such a file; a GPU needs at least name and total_bytes.",
    )
