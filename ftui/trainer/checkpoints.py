"""Checkpoints that are whole or not there: written under another name, checked by SHA-256, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.trainer.failure import TrainerError

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
PROGRESS = "progress.json"
UNWANTED = ("training_args.bin", "README.md")
"""Files that the libraries leave with a model: one that only unpickling can read, and a model card without content."""
HASH_THREADS = 4


@dataclass(frozen=True)
class Saved:
    """A checkpoint folder whose files are what its manifest says."""

    path: Path
    step: int
    size_bytes: int
    progress: dict[str, Any]
    """What the trainer knew: tokens, seconds, the best evaluation so far."""


def begin(folder: Path, step: int) -> Path:
    """An empty folder to write the checkpoint of `step` into; `seal` makes it checkpoints/step-N."""
    temporary = folder / f".saving-step-{step}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700, parents=True)
    return temporary


def seal(temporary: Path, step: int, progress: dict[str, Any]) -> Saved:
    """Give the filled folder its manifest, push it to the disk, and make it checkpoints/step-N at once."""
    final = temporary.with_name(f"step-{step}")
    for name in UNWANTED:
        (temporary / name).unlink(missing_ok=True)
    (temporary / PROGRESS).write_text(json.dumps(progress), encoding="utf-8")
    files = sorted(path for path in temporary.rglob("*") if path.is_file())
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        digests = list(pool.map(_synced_digest, files))
    listed: dict[str, dict[str, Any]] = {
        str(path.relative_to(temporary)): {"sha256": digest, "bytes": path.stat().st_size}
        for path, digest in zip(files, digests, strict=True)
    }
    manifest = temporary / MANIFEST
    content = {"schema_version": MANIFEST_VERSION, "step": step, "files": listed}
    manifest.write_text(json.dumps(content, indent=1), encoding="utf-8")
    _synced_digest(manifest)
    for folder in {path.parent for path in [*files, manifest]}:
        _sync_folder(folder)
    if final.exists():
        # The same step again, after a rewind: the new one counts. At no moment is there half of one.
        _remove(final)
    temporary.rename(final)
    _sync_folder(final.parent)
    return Saved(final, step, sum(entry["bytes"] for entry in listed.values()), progress)


def check(path: Path) -> Saved:
    """Read the manifest and compare every file with it. Raises ValueError naming the first that differs, or OSError."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        listed = {str(name): (int(entry["bytes"]), entry["sha256"]) for name, entry in manifest["files"].items()}
        step, version = int(manifest["step"]), int(manifest["schema_version"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path.name} has no readable manifest") from None
    if version > MANIFEST_VERSION:
        raise ValueError(f"{path.name} was written by a newer ftui (its manifest has version {version})")
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ValueError(f"{path.name} is a link to another place")
    for name, (size_bytes, _) in listed.items():
        file = path / name
        if not file.resolve().is_relative_to(path.resolve()):
            raise ValueError(f"{path.name}/{name} lies outside")
        if not file.is_file():
            raise ValueError(f"{path.name}/{name} is missing")
        if file.stat().st_size != size_bytes:
            raise ValueError(f"{path.name}/{name} has {file.stat().st_size} of {size_bytes} bytes")
    with ThreadPoolExecutor(HASH_THREADS) as pool:
        digests = pool.map(_digest, [path / name for name in listed])
        for (name, (_, expected)), digest in zip(listed.items(), digests, strict=True):
            if digest != expected:
                raise ValueError(f"{path.name}/{name} is not what was written (SHA-256 differs)")
    progress = json.loads((path / PROGRESS).read_text(encoding="utf-8"))
    return Saved(path, step, sum(size for size, _ in listed.values()), progress)


def newest_whole(folder: Path, complain: Callable[[str], None]) -> Saved | None:
    """The latest checkpoint that is whole; every broken one that is passed over gets a sentence through `complain`."""
    for leftover in [*folder.glob(".saving-step-*"), *folder.glob(".removing-step-*")]:
        shutil.rmtree(leftover, ignore_errors=True)
    for path in sorted(listed(folder), key=step_of, reverse=True):
        try:
            return check(path)
        except ValueError as error:
            complain(f"A checkpoint is damaged and passed over: {error}.")
        except OSError as error:
            complain(f"A checkpoint cannot be read and is passed over: {error.filename or path}: {error.strerror}.")
    return None


def listed(folder: Path) -> list[Path]:
    """The checkpoint folders, in no order, checked or not."""
    return [path for path in folder.glob("step-*") if path.is_dir() and path.name[5:].isdigit()]


def step_of(path: Path) -> int:
    """N of a step-N folder."""
    return int(path.name[5:])


def retain(folder: Path, keep: int, best_step: int | None) -> None:
    """Remove all but the `keep` latest checkpoints and the best one."""
    ordered = sorted(listed(folder), key=step_of)
    for path in ordered[:-keep]:
        if step_of(path) != best_step:
            with contextlib.suppress(OSError):
                _remove(path)


def _remove(path: Path) -> None:
    # Renamed first: a half-removed checkpoint must not look like one.
    doomed = path.with_name(f".removing-{path.name}")
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def refuse_full_disk(folder: Path, need_bytes: int, reserve_bytes: int, step: int) -> None:
    """Raise TrainerError (reason disk) where a checkpoint of `need_bytes` would leave less than the reserve."""
    free = shutil.disk_usage(folder).free
    if free < need_bytes + reserve_bytes:
        mib = 1 << 20
        raise TrainerError(
            "The disk is full",
            f"a checkpoint needs about {need_bytes / mib:,.0f} MiB and {reserve_bytes / mib:,.0f} MiB stay reserved, "
            f"but {folder} has {free / mib:,.0f} MiB left",
            "Free some space; the run goes on from its last checkpoint.",
            reason="disk",
            step=step,
            need_bytes=need_bytes + reserve_bytes,
        )


def refuse_unsaid(is_said: bool, folder: Path, step: int) -> None:
    """Raise TrainerError (reason disk) where events wait for room: what a checkpoint covers is never told again."""
    if not is_said:
        raise TrainerError(
            "The disk is full",
            f"the events of the steps before could not be written beside {folder}",
            "Free some space; the run goes on from its last checkpoint.",
            reason="disk",
            step=step,
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _synced_digest(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
