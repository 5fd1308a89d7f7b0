"""`python -m ftui.trainer RUN_DIR`: train what plan.yaml says. Everything it has to say goes into the run directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ftui.trainer.emit import Emitter


def main() -> int:
    """Say at once that the run is alive, then import what takes seconds."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "plan.yaml").is_file():
        sys.stderr.write("usage: python -m ftui.trainer RUN_DIR (a folder with a plan.yaml)\n")
        return 2
    # The supervisor sets these; a trainer started by hand gets the same quiet and offline surroundings.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    folder = Path(sys.argv[1]).absolute()
    first = os.environ.get("RANK", "0") == "0"
    emitter = Emitter(folder / "events" / "trainer.jsonl" if first else None)
    emitter.phase("importing", "torch, transformers, trl")
    from ftui.trainer.run import run_and_report

    return run_and_report(folder, emitter)


if __name__ == "__main__":
    sys.exit(main())
