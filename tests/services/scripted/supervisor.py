"""The real supervisor with the scripted trainer in the place of the real one."""

import sys
from pathlib import Path

from ftui.services import supervisor

TRAINER = Path(__file__).with_name("trainer.py")
supervisor.trainer_command = lambda run, plan: [sys.executable, str(TRAINER), str(run.path)]  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(supervisor.main(sys.argv[1:]))
