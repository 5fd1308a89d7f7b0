"""The real supervisor with the scripted trainer in the place of the real one.

RUN/no-room: as long as this file is there, the disk is full.
"""

import sys
from pathlib import Path

from ftui.services import space, supervision, supervisor

TRAINER = Path(__file__).with_name("trainer.py")
supervision.trainer_command = lambda run, plan: [sys.executable, str(TRAINER), str(run.path)]  # type: ignore[assignment]
supervision.SPACE_POLL_SECONDS = 0.1
space.has_room = lambda folder, need_bytes: not (folder / "no-room").exists()  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(supervisor.main(sys.argv[1:]))
