"""`ftui eval`: numbers that cannot be and options that nothing would read are refused before a model is loaded."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from ftui.commands import eval as command
from ftui.errors import FtuiError
from ftui.services.adapters import adapter_folder


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--max-rows", "0"], "--max-rows 0"),
        (["--judge", "https://host/v1", "--judge-rows", "0"], "--judge-rows 0"),
        (["--samples", "-3"], "--samples -3"),
        (["--prompted", "-1"], "--prompted -1"),
        (["--lm-eval", ", "], "--lm-eval is empty"),
        (["--judge-rows", "4"], "--judge-rows"),
        (["--judge-model", "x"], "--judge-model"),
        (["--judge", "some/model", "--judge-timeout", "3"], "--judge-timeout"),
        (["--lm-eval-path", "tasks"], "--lm-eval-path"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options: list[str], named: str) -> None:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    with pytest.raises(FtuiError) as caught:
        command.run(parser.parse_args(["some-run", *options]))
    assert named in caught.value.message and caught.value.exit_code == 2


def test_an_adapter_that_is_nowhere_is_called_an_adapter() -> None:
    with pytest.raises(FtuiError, match="No such adapter"):
        adapter_folder("nowhere")
