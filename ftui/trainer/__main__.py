"""`python -m ftui.trainer RUN_DIR`: train what plan.yaml says. Everything it has to say goes into the run directory."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ftui.core.events import Done
from ftui.trainer.emit import Emitter
from ftui.trainer.masked_output import mask_output
from ftui.trainer.quiet import quieten_imports
from ftui.trainer.stopping import STOPPED_EXIT_CODE, Stopped, StopRequest


def main() -> int:
    """Take stop requests first, say that the run is alive, then import what takes seconds."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "plan.yaml").is_file():
        sys.stderr.write("usage: python -m ftui.trainer RUN_DIR (a folder with a plan.yaml)\n")
        return 2
    began = time.monotonic()
    stop = StopRequest()
    stop.install()
    # The supervisor sets these; a trainer started by hand gets the same quiet and offline surroundings.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    mask_output()
    quieten_imports()
    folder = Path(sys.argv[1]).absolute()
    first = os.environ.get("RANK", "0") == "0"
    emitter = Emitter(folder / "events" / "trainer.jsonl" if first else None)
    try:
        emitter.phase("importing", "torch, transformers, trl")
        from ftui.trainer.run import run_and_report
    except BaseException as error:
        # A library in the middle of its import may wrap what the signal raised, or break over it.
        if not (stop.asked or isinstance(error, Stopped)):
            raise
        stop.ignore_more()
        emitter.emit(Done(newest_step(folder), "stopped", time.monotonic() - began))
        emitter.flush()
        # Half-imported libraries can hang or crash in their clean-up; there is nothing left to clean up.
        os._exit(STOPPED_EXIT_CODE)
    return run_and_report(folder, emitter, stop)


def newest_step(folder: Path) -> int:
    """The step of the newest checkpoint that an earlier attempt left, 0 where there is none."""
    names = [path.name for path in (folder / "checkpoints").glob("step-*")]
    return max((int(name[5:]) for name in names if name[5:].isdigit()), default=0)


if __name__ == "__main__":
    sys.exit(main())
