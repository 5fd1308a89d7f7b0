"""Runs the dry run and the probe: programs of their own, since they need torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftui.core.fit.request import FitRequest
from ftui.errors import FtuiError

TIMEOUT_SECONDS = 900
SHORTER = "Ask with a shorter --seq-len or a smaller --micro-batch."


def run_worker(
    program: str,
    config: Mapping[str, Any],
    request: FitRequest,
    compute_capability: tuple[int, int] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """Start `ftui.trainer.<program>` (dry_run or probe) and give its answer. Raises FtuiError with its sentence."""
    asked: dict[str, Any] = {"config": dict(config), "request": asdict(request)}
    if compute_capability is not None:
        asked["compute_capability"] = list(compute_capability)
    with tempfile.TemporaryDirectory(prefix="ftui-fit-") as folder:
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(asked), encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", f"ftui.trainer.{program}", str(path)],
                capture_output=True,
                timeout=timeout_seconds,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            words = program.replace("_", " ")
            raise FtuiError(
                f"The {words} took too long", f"no answer within {timeout_seconds:.0f} s", SHORTER
            ) from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise FtuiError(f"The {program.replace('_', ' ')} failed", last[0][:300]) from None
    if "error" in answer:
        error = answer["error"]
        raise FtuiError(error["title"], error["message"], error["hint"])
    return answer
