"""What one training knows about itself: its folder, its plan, its voice. Handed to every function, never global."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftui.core.events import Alert, Event, Step
from ftui.core.plan import Plan, from_mapping, with_values
from ftui.trainer.emit import Emitter
from ftui.trainer.failure import TrainerError
from ftui.trainer.stopping import StopRequest


@dataclass
class Job:
    """One training: the whole run, or one stage of it.

    folder: the run directory, or the stage's folder inside it; holds data/, checkpoints/ and model/.
    run_folder: the run directory; eval/ and effective.json are there.
    base: the folder of the model that is tuned. adapter: an adapter to go on with, from the stage before.
    step_offset: optimizer steps of the stages before, so that steps only ever rise in the run's events.
    """

    folder: Path
    run_folder: Path
    plan: Plan
    emitter: Emitter
    stop: StopRequest
    base: str
    adapter: Path | None = None
    step_offset: int = 0
    scores_base: bool = True
    """Whether the untouched model is scored here: in the first stage that makes a policy."""
    score_rows: Path | None = None
    """The held-out rows that base and tuned are compared on; None: those of this training."""
    effective: dict[str, Any] = field(default_factory=dict)
    """What was really used, by plan field or library argument; becomes effective.json."""

    @property
    def is_first_process(self) -> bool:
        """Rank 0 of a distributed run; only it writes events, rows and checkpoints."""
        return os.environ.get("RANK", "0") == "0"

    @property
    def is_sharded(self) -> bool:
        """Whether no process holds the whole model."""
        return self.plan.train.gpus > 1 and self.plan.train.sharding in ("fsdp", "zero2", "zero3")

    def emit(self, event: Event) -> None:
        """Write an event with its step counted from the start of the run."""
        if self.step_offset and getattr(event, "step", None) is not None:
            from dataclasses import replace

            changes: dict[str, Any] = {"step": event.step + self.step_offset}  # type: ignore[union-attr, operator]
            if isinstance(event, Step):
                changes["steps_total"] = event.steps_total + self.step_offset
            event = replace(event, **changes)
        self.emitter.emit(event)

    def phase(self, name: str, detail: str = "", fraction: float | None = None) -> None:
        """Say what the run is busy with, before it is."""
        self.emitter.phase(name, detail, fraction)

    def warn(self, code: str, message: str, hint: str = "", step: int | None = None) -> None:
        """Tell the user something that does not stop the training."""
        self.emit(Alert("warning", code, message, hint, step))


def read_plan(folder: Path) -> Plan:
    """The run's plan with the supervisor's changes (overrides.json) laid over it. Raises FtuiError."""
    import yaml

    try:
        text = (folder / "plan.yaml").read_text(encoding="utf-8")
        data = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TrainerError("The plan cannot be read", f"{folder / 'plan.yaml'}: {error}", reason="data") from None
    if not isinstance(data, dict):
        raise TrainerError("The plan cannot be read", f"{folder / 'plan.yaml'} holds no keys", reason="data")
    plan = from_mapping(data)
    with contextlib.suppress(FileNotFoundError):
        overrides = json.loads((folder / "overrides.json").read_text(encoding="utf-8"))
        plan = with_values(plan, overrides)
    return plan


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The canonical rows of a file, one JSON object a line. Raises TrainerError naming the line that is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield parse_row(path, number, line)


def parse_row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """The row on line `number` of `path`. Raises TrainerError naming the line where there is none."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise TrainerError("The run's data is damaged", f"{path}, line {number} is no JSON object", reason="data")
    return row


def write_json(path: Path, data: Any) -> None:
    """Replace the file at once: a reader sees the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    temporary.replace(path)
