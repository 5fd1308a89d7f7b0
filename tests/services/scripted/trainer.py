"""A trainer without torch for tests of the supervisor: counts steps, keeps its place in a file, misbehaves on request.

The script is RUN/script.json: a list with one behaviour per attempt, each "ok", "oom", "nan", "crash", "hang", "disk",
"gpu_lost", "sigkill-self", "wordless-disk" (exit code 74 and no event; all these at step 5 of 10), "slow" (steps of
0.2 s), "mute" (ends before its first word), or a number of steps per second for a run of 100 000 steps.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from ftui.core.events import Done, Failed, Phase, Step, to_line

TOTAL = 10


def main() -> int:
    run = Path(sys.argv[1])
    behaviours = json.loads((run / "script.json").read_text())
    attempts = run / "attempts"
    number = len(attempts.read_text()) if attempts.exists() else 0
    attempts.write_text("x" * (number + 1))
    behaviour = behaviours[min(number, len(behaviours) - 1)]
    if behaviour == "mute":
        os.kill(os.getpid(), signal.SIGKILL)
    total = TOTAL if isinstance(behaviour, str) else 100_000
    pause = 1 / behaviour if not isinstance(behaviour, str) else 0.2 if behaviour == "slow" else 0.02
    stop = False

    def ask(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, ask)
    place = run / "checkpoints" / "place"
    step = int(place.read_text()) if place.exists() else 0

    def say(event: object) -> None:
        with (run / "events" / "trainer.jsonl").open("a") as file:
            file.write(to_line(event))  # type: ignore[arg-type]

    say(Phase("training"))
    while step < total:
        if stop:
            say(Done(step, "stopped", 0.1))
            return 75
        step += 1
        if step == 5 and isinstance(behaviour, str) and behaviour not in ("ok", "slow"):
            match behaviour:
                case "crash":
                    return 3
                case "sigkill-self":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "hang":
                    time.sleep(600)
                case "wordless-disk":
                    return 74
            say(Failed(behaviour, f"at step {step}", reason=behaviour, step=step))
            return 1
        say(Step(step, total, step / total, step * 10, {"loss": 1 / step, "step_seconds": pause}))
        place.write_text(str(step))
        time.sleep(pause)
    say(Done(step, "finished", 0.5))
    return 0


if __name__ == "__main__":
    sys.exit(main())
