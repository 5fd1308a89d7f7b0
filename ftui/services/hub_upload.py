"""Upload to the hub: private and to a new repository unless said otherwise, after showing what goes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.errors import FtuiError
from ftui.services.files import read_json
from ftui.services.runs import Run

SENT = (".safetensors", ".json", ".jinja", ".md", ".txt", ".gguf")
KEPT = ("check.json",)
"""Stays here: it quotes answers to held-out prompts, which the card's summary of it does not."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What would go where. files: (name, bytes)."""

    repo: str
    folder: Path
    files: tuple[tuple[str, int], ...]
    public: bool

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(size for _, size in self.files)


def planned_upload(run: Run, repo: str | None, *, public: bool = False, folder: Path | None = None) -> Upload:
    """What an upload would send: `folder`, or the run's newest export that passed its check. Nothing is sent yet.

    Raises FtuiError without a repository name, or an export that passed.
    """
    if not repo or repo.count("/") != 1 or not all(repo.split("/")):
        raise FtuiError("Which repository?", f"--repo {repo or '(missing)'}", "Name it as OWNER/NAME.")
    chosen = folder or _newest_export(run)
    if folder is not None:
        _refuse_unchecked(folder)
    files = sorted(
        path
        for path in chosen.rglob("*")
        if path.is_file() and (path.suffix in SENT or path.name == "Modelfile") and path.name not in KEPT
    )
    named = tuple((str(path.relative_to(chosen)), path.stat().st_size) for path in files)
    return Upload(repo, chosen, named, public)


def _newest_export(run: Run) -> Path:
    passed = []
    for name in ("adapter", "merged", "gguf", "ollama"):
        report = run.path / "export" / name / "check.json"
        if (read_json(report) or {}).get("passed"):
            passed.append((report.stat().st_mtime, report.parent))
    if not passed:
        raise FtuiError(
            "Nothing to upload",
            f"{run.name} has no export that passed its check",
            f"Make one: ftui export {run.name} --to adapter",
        )
    return max(passed)[1]


def _refuse_unchecked(folder: Path) -> None:
    if not (read_json(folder / "check.json") or {}).get("passed"):
        raise FtuiError("The export did not pass its check", str(folder), "Export it again, and look at check.json.")


def send(upload: Upload, *, into_existing: bool = False) -> str:
    """Make the repository, send the files, and give the commit's address.

    The token comes from `hf auth login` or HF_TOKEN. into_existing: add to a repository that is there; never to a
    public one unless the upload is public. Raises FtuiError without a token, or where the hub refuses.
    """
    try:
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise FtuiError("The hub's client is missing", "huggingface_hub", "pip install 'ftui-wizard[train]'") from None
    if not (os.environ.get("HF_TOKEN") or get_token()):
        raise FtuiError("No hub token", "you are not logged in", "hf auth login, or set HF_TOKEN")
    api: Any = HfApi()
    try:
        _make_room(api, upload, into_existing)
        sent = api.upload_folder(
            repo_id=upload.repo,
            folder_path=str(upload.folder),
            allow_patterns=[name for name, _ in upload.files],
            commit_message="Upload from ftui",
        )
    except HfHubHTTPError as error:
        raise FtuiError("The hub refused", _first_line(error)) from None
    except (OSError, ValueError) as error:
        raise FtuiError("The hub could not be reached", _first_line(error) or upload.repo) from None
    return str(getattr(sent, "commit_url", sent))


def _make_room(api: Any, upload: Upload, into_existing: bool) -> None:
    if api.repo_exists(upload.repo):
        if not into_existing:
            raise FtuiError("The name exists", upload.repo, "Take another --repo, or add --overwrite to put it there.")
        if not upload.public and not getattr(api.repo_info(upload.repo), "private", False):
            raise FtuiError(
                "The repository is public", upload.repo, "Add --public if everyone may have it, or take another --repo."
            )
        return
    api.create_repo(upload.repo, private=not upload.public, exist_ok=False)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
