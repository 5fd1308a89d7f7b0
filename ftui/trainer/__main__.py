"""`python -m ftui.trainer RUN_DIR`: train what plan.yaml says. Everything it has to say goes into the run directory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ftui.core.events import Done
from ftui.trainer.emit import Emitter
from ftui.trainer.stopping import STOPPED_EXIT_CODE, Stopped, StopRequest


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
    stop = StopRequest()
    stop.install()
    try:
        emitter.phase("importing", "torch, transformers, trl")
        from ftui.trainer.run import run_and_report

        return run_and_report(folder, emitter, stop)
    except Stopped:
        # So early that there is nothing to save; a checkpoint of an earlier attempt stays what it is.
        emitter.emit(Done(0, "stopped", 0.0))
        return STOPPED_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
