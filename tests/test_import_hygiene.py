"""What must stay light stays light: measured in fresh interpreters, by what they have loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "peft", "trl", "datasets", "bitsandbytes", "numpy", "textual", "rich"}

QUIET_MAIN = """
import contextlib, io
from ftui.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main({!r})
"""


def modules_after(code: str) -> set[str]:
    """Top-level names in sys.modules after running `code` in a new interpreter."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module",
    ["ftui", "ftui.core.events", "ftui.core.plan", "ftui.core.render", "ftui.core.evaluate", "ftui.core.fit.memory"],
)
def test_core_is_the_standard_library(module: str) -> None:
    loaded = modules_after(f"import {module}")
    assert not loaded & (HEAVY | {"jsonschema", "yaml", "psutil", "orjson", "pynvml"})


@pytest.mark.parametrize("module", ["runs", "supervisor", "launch", "tail", "hardware", "follow", "plans"])
def test_services_know_neither_the_terminal_nor_torch(module: str) -> None:
    assert not modules_after(f"import ftui.services.{module}") & HEAVY


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_version_and_help_load_next_to_nothing(arguments: list[str]) -> None:
    loaded = modules_after(QUIET_MAIN.format(arguments))
    assert not loaded & (HEAVY | {"jsonschema", "yaml", "psutil", "argparse", "orjson"})


@pytest.mark.parametrize(
    "arguments", [["fit", "Qwen/Qwen3-8B", "--vram-gib", "24", "--json"], ["runs", "list"], ["hardware", "--json"]]
)
def test_commands_that_never_load_torch(arguments: list[str]) -> None:
    loaded = modules_after(QUIET_MAIN.format(arguments))
    assert not loaded & HEAVY


def test_the_terminal_program_loads_no_training_stack() -> None:
    assert not modules_after("import ftui.tui.app") & {
        "torch",
        "transformers",
        "peft",
        "trl",
        "datasets",
        "numpy",
        "jsonschema",
    }
