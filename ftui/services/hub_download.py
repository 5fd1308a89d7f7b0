"""A model from the hub into the hub's own cache. huggingface_hub works in a child process: `python -m` this module.

The child prints one JSON object: {"folder": path} or {"error": kind, "detail": text}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftui.core.text import clip, gib
from ftui.errors import FtuiError
from ftui.services.files import folder_bytes
from ftui.services.model_hub import HubError, fetch, hub_url
from ftui.services.paths import hub_cache
from ftui.services.subprocesses import run_watched

# What a model needs to be trained. Never *.bin, *.pt, *.ckpt (pickles) or *.py (code).
PATTERNS = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt", "vocab.txt"]
MAX_CONFIG_BYTES = 5_000_000
ENVIRONMENT = {
    "HF_HUB_ETAG_TIMEOUT": "10",
    "HF_HUB_DOWNLOAD_TIMEOUT": "30",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def download(model_id: str, revision: str | None, progress: Callable[[str], None]) -> Path:
    """Fetch `model_id` and give its folder in the cache. Raises FtuiError, one sentence for each kind of failure."""
    _require_huggingface_hub()
    # A few seconds for one small file say whether the hub is there and lets us in, before anything large is tried.
    try:
        fetch(hub_url(model_id, "config.json"), MAX_CONFIG_BYTES)
    except HubError as error:
        raise _refused(model_id, error.status, error.sentence) from None
    progress(f"Downloading {model_id} from the hub")
    blobs = hub_cache() / f"models--{model_id.replace('/', '--')}" / "blobs"
    command = [sys.executable, "-m", "ftui.services.hub_download", model_id, revision or ""]
    done = run_watched(command, ENVIRONMENT, lambda: progress(f"Downloading {model_id}: {gib(folder_bytes(blobs))}"))
    try:
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        answer = {"error": 0, "detail": done.last_line}
    if "folder" in answer:
        return Path(answer["folder"])
    raise _refused(model_id, answer.get("error", 0), clip(str(answer.get("detail", "")), 200))


def _refused(model_id: str, status: int, detail: str) -> FtuiError:
    if status in (401, 403):
        return FtuiError(
            "The hub asks for permission", f"{model_id}: HTTP {status}",
            "If the model exists: accept its licence on its page, then set HF_TOKEN.",
        )  # fmt: skip
    if status == 404:
        return FtuiError(
            "No such model on the hub",
            f"{model_id}: HTTP 404",
            "Check the spelling; `ftui models` lists the catalogue.",
        )
    return FtuiError(
        "The model could not be downloaded", f"{model_id}: {detail}",
        "Try again, or copy the model's folder to this machine and give its path.",
    )  # fmt: skip


def _require_huggingface_hub() -> None:
    from importlib.util import find_spec

    if find_spec("huggingface_hub") is None:
        raise FtuiError(
            "Downloading needs more packages", "huggingface_hub is not installed", "pip install 'ftui-wizard[train]'"
        )


def _child(model_id: str, revision: str) -> dict[str, Any]:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            model_id, revision=revision or None, allow_patterns=PATTERNS, ignore_patterns=["*/*"], max_workers=4
        )
    except Exception as error:  # every kind of it becomes one sentence in the parent
        status = getattr(getattr(error, "response", None), "status_code", 0)
        return {"error": status or 0, "detail": f"{type(error).__name__}: {error}"}
    return {"folder": str(folder)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_child(sys.argv[1], sys.argv[2])) + "\n")
