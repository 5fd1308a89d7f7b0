"""Shared fixtures: a home of its own for every test, the repository, and the shared research data where it exists."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent

# A shared machine stalls now and then; a deadline would make property tests flaky.
settings.register_profile("ftui", deadline=None)
settings.load_profile("ftui")

# Tests must look the same on every machine and never reach out.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
for name in ("FTUI_ASCII", "FTUI_HARDWARE", "NO_COLOR", "SSH_CONNECTION"):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """FTUI_HOME of this test alone."""
    folder = tmp_path / "ftui-home"
    monkeypatch.setenv("FTUI_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real and hostile research data beside the checkout; skips where it is not there."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared folder beside this checkout")
    return folder
