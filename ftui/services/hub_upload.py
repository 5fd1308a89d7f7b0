"""Upload to the hub: private unless said otherwise, and only after showing what goes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ftui.core.text import gib, safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError
from ftui.services.files import read_json
from ftui.services.runs import Run

SENT = (".safetensors", ".json", ".jinja", ".md", ".txt", ".gguf")


def upload(run: Run, repo: str | None, *, public: bool, sure: bool, as_json: bool) -> int:
    """Upload the newest export that passed its check (adapter first). The token comes from `hf auth login` or HF_TOKEN.

    Raises FtuiError without a repository name, an export, a token, or where the hub refuses.
    """
    if not repo or repo.count("/") != 1:
        raise FtuiError("Which repository?", f"--repo {repo or '(missing)'}", "Name it as OWNER/NAME.")
    folder = _newest_export(run)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in SENT)
    size = sum(path.stat().st_size for path in files)
    talk = sys.stderr if as_json else sys.stdout
    talk.write(f"To {safe(repo)} ({'PUBLIC' if public else 'private'}), from {safe(str(folder))}, {gib(size)}:\n")
    for path in files:
        talk.write(f"  {safe(str(path.relative_to(folder)))}  {gib(path.stat().st_size)}\n")
    if not sure:
        if not sys.stdin.isatty():
            raise FtuiError("Not sure enough", "nothing is uploaded without a word", "Say so with --yes.")
        if input("Upload? [y/N] ").strip().lower() not in ("y", "yes"):
            talk.write("Nothing was uploaded.\n")
            return EXIT_NO
    url = _send(repo, folder, public, [str(path.relative_to(folder)) for path in files])
    sys.stdout.write((json.dumps({"repo": repo, "url": url}) if as_json else f"Uploaded: {safe(url)}") + "\n")
    return EXIT_OK


def _newest_export(run: Run) -> Path:
    for name in ("adapter", "merged", "gguf"):
        folder = run.path / "export" / name
        report = read_json(folder / "check.json")
        if isinstance(report, dict) and report.get("passed"):
            return folder
    raise FtuiError(
        "Nothing to upload", f"{run.name} has no export that passed its check", "ftui export RUN --to adapter"
    )


def _send(repo: str, folder: Path, public: bool, files: list[str]) -> str:
    try:
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise FtuiError("The hub's client is missing", "huggingface_hub", "pip install 'ftui-wizard[train]'") from None
    if not (os.environ.get("HF_TOKEN") or get_token()):
        raise FtuiError("No hub token", "you are not logged in", "hf auth login, or set HF_TOKEN")
    api: Any = HfApi()
    try:
        api.create_repo(repo, private=not public, exist_ok=True)
        sent = api.upload_folder(
            repo_id=repo, folder_path=str(folder), allow_patterns=files, commit_message="Upload from ftui"
        )
    except HfHubHTTPError as error:
        raise FtuiError("The hub refused", str(error).splitlines()[0]) from None
    except (OSError, ValueError) as error:
        raise FtuiError("The hub could not be reached", str(error).splitlines()[0] if str(error) else repo) from None
    return str(getattr(sent, "commit_url", sent))
