"""Run a part of the training stack as a subprocess that speaks in events, and give its events as they come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Failed, parse_line
from ftui.errors import EXIT_COULD_NOT, FtuiError
from ftui.services.paths import home


def worker_environment() -> dict[str, str]:
    """Offline, quiet, and told where scores of untouched models are kept."""
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "FTUI_SCORE_CACHE": str(score_cache()),
    }


def score_cache() -> Path:
    """The folder of kept scores."""
    return home() / "cache" / "scores"


def run_worker(module: str, run_dir: Path, request: Mapping[str, Any], hear: Callable[[Event], None]) -> None:
    """Run `python -m module RUN_DIR REQUEST` to its end. Raises FtuiError with its own sentence where it fails.

    Its talk on stderr (library warnings) goes to logs/worker.log of the run. Ctrl+C ends it, too.
    """
    log = run_dir / "logs" / "worker.log"
    failed: Failed | None = None
    with tempfile.TemporaryDirectory(prefix="ftui-") as temporary:
        asked = Path(temporary) / "request.json"
        asked.write_text(json.dumps(dict(request)), encoding="utf-8")
        with log.open("ab") as errors:
            log.chmod(0o600)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(run_dir), str(asked)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(),
            )
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    stamped = parse_line(line)
                    if stamped is None:
                        continue
                    if isinstance(stamped.event, Failed):
                        failed = stamped.event
                    hear(stamped.event)
                process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                raise
    if failed is not None:
        # The hints of a training do not fit what is called by hand.
        hint = "Free some space and call it again." if failed.reason == "disk" else failed.hint
        hint = hint.replace("logs/trainer.log", "logs/worker.log")
        title = failed.title.replace("The training failed", "It failed")
        raise FtuiError(title, failed.message, hint, EXIT_COULD_NOT)
    if process.returncode:
        raise FtuiError(
            "The worker ended without a word", f"{module}: exit code {process.returncode}", f"Its log: {log}"
        )
