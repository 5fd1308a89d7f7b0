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
from ftui.errors import EXIT_NO, FtuiError


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
                env={**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"},
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
        raise FtuiError(failed.title, failed.message, failed.hint, EXIT_NO)
    if process.returncode:
        raise FtuiError(
            "The worker ended without a word", f"{module}: exit code {process.returncode}", f"Its log: {log}"
        )
