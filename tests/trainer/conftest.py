"""A tiny model made here in a second, and runs in folders as the supervisor leaves them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from trainer_kit import MakeRun, build_tiny_model, chat_rows, make_run_folder, train

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture
def make_run(tmp_path: Path, tiny_model: Path) -> MakeRun:
    """Make a run directory: make_run(train=rows, eval=rows, name="run", **{"train.max_steps": 5})."""

    def make(
        train: list[dict[str, Any]], eval: list[dict[str, Any]] | None = None, name: str = "run", **more: Any
    ) -> Path:
        return make_run_folder(tmp_path / name, more.pop("model", tiny_model), train, eval, **more)

    return make


@pytest.fixture(scope="session")
def schooled_model(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The tiny model after a little supervised training: it answers in the right form, and is mostly wrong."""
    folder = make_run_folder(
        tmp_path_factory.mktemp("school"),
        tiny_model,
        chat_rows(200, 3),
        **{"method.technique": "full", "train.learning_rate": 2e-3, "train.max_steps": 22},
    )
    assert train(folder) == 0
    return folder / "model"
