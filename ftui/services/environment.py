"""What a run was made with: versions, machine, model and data, so that it can be told apart and repeated."""

from __future__ import annotations

import hashlib
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from ftui import __version__
from ftui.core.plan import Plan, to_mapping

_END_BYTES = 65536
PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "datasets",
    "accelerate",
    "tokenizers",
    "safetensors",
)


def versions() -> dict[str, str | None]:
    """Installed versions of the training stack; None for what is not there. Imports none of it."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def model_fingerprint(folder: Path) -> dict[str, Any]:
    """What tells one model folder from another: SHA-256 of its small files, sizes of its weights.

    Hashing 140 GB of weights would take minutes; config, tokenizer, index and each weight file's header tell apart any
    two models that people mix up.
    """
    whole, weights = hashlib.sha256(), 0
    files: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.suffix not in (".json", ".safetensors", ".jinja", ".model", ".txt"):
            continue
        part = path.read_bytes() if path.suffix != ".safetensors" else _ends(path)
        if path.suffix == ".safetensors":
            weights += path.stat().st_size
        files[path.name] = hashlib.sha256(part).hexdigest()[:16]
        whole.update(path.name.encode() + b"\0" + part)
    return {"sha256": whole.hexdigest(), "weights_bytes": weights, "files": files}


def _ends(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_END_BYTES)
        file.seek(max(0, size - _END_BYTES))
        return str(size).encode() + head + file.read(_END_BYTES)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(
    plan: Plan, plan_file: Path, model_folder: Path, model_source: str, revision: str | None = None
) -> dict[str, Any]:
    """The content of environment.json. revision: the model's hub commit, where it has one."""
    return {
        "schema_version": 1,
        "ftui": __version__,
        "python": platform.python_version(),
        "executable": Path(sys.executable).name,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": versions(),
        "gpus": _gpus(),
        "model": {
            "source": model_source,
            "folder": str(model_folder),
            "revision": plan.model.revision,
            **model_fingerprint(model_folder),
        },
        "plan": to_mapping(plan),
        "plan_sha256": file_sha256(plan_file),
        "seed": plan.train.seed,
    }


def _gpus() -> list[dict[str, Any]]:
    try:
        import pynvml

        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [
            {
                "name": pynvml.nvmlDeviceGetName(handle),
                "total_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                "driver": driver,
            }
            for handle in handles
        ]
    except Exception:
        # No GPU or no working driver: that is the fact to record.
        return []
