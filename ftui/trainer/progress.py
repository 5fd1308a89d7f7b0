"""What a training remembers across checkpoints beside its weights: tokens, seconds, evaluations, the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ftui.core.detectors import Curves, DivergenceWatch, findings
from ftui.core.events import Alert

KEPT_LOSSES = 2000
"""Training losses that detectors look back on; a checkpoint must not grow with the run's length."""


@dataclass
class Progress:
    """Goes into progress.json of each checkpoint and comes back from there."""

    metric: str = "eval_loss"
    """The evaluation metric that chooses the best checkpoint."""
    greater_is_better: bool = False
    tokens: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, training loss), as logged."""
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    """{"step": N, metric: value, ...} in order."""
    best_step: int | None = None
    best_value: float | None = None
    finished: bool = False
    """Whether the training was over when this was saved; going on from here means only to score and save."""
    told: list[str] = field(default_factory=list)
    """Codes of detector alerts already given."""
    seconds_before: float = 0.0
    divergence: DivergenceWatch = field(default_factory=DivergenceWatch)
    """Made of the losses."""

    def to_mapping(self) -> dict[str, Any]:
        """As progress.json has it."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "divergence"}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what a checkpoint knew."""
        for name in ("tokens", "seconds", "evaluations", "best_step", "best_value", "told", "finished"):
            setattr(self, name, data.get(name, getattr(self, name)))
        self.losses, self.divergence = [], DivergenceWatch()
        for step, loss in data.get("losses", []):
            self.note_loss(int(step), float(loss))
        self.seconds_before = self.seconds

    def note_loss(self, step: int, loss: float) -> None:
        """Remember a logged training loss."""
        if math.isfinite(loss):
            self.losses.append((step, loss))
            self.divergence.note(step, loss)
            del self.losses[:-KEPT_LOSSES]

    def note_evaluation(self, step: int, metrics: Mapping[str, float | None]) -> bool:
        """Remember an evaluation; True where it is the best so far. Step 0, before training, never is."""
        self.evaluations.append({"step": step, **metrics})
        value = metrics.get(self.metric)
        if step == 0 or value is None or not math.isfinite(value):
            return False
        better = self.best_value is None or (
            value > self.best_value if self.greater_is_better else value < self.best_value
        )
        if better:
            self.best_step, self.best_value = step, value
        return better

    def evaluations_since_best(self) -> int:
        """Evaluations after the best one."""
        return sum(1 for entry in self.evaluations if self.best_step is not None and entry["step"] > self.best_step)

    def alerts(self, forgetting_margin: float) -> list[Alert]:
        """What the curves say now and have not said before. Rewarded training has no loss that means something."""
        has_loss = self.metric == "eval_loss"
        curves = Curves(
            train=self.losses if has_loss else (),
            held_out=_series(self.evaluations, "eval_loss") if has_loss else (),
            general=_series(self.evaluations, "probe_loss"),
        )
        new = [alert for alert in findings(curves, forgetting_margin) if alert.code not in self.told]
        self.told += [alert.code for alert in new]
        return new


def _series(evaluations: list[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    return [(entry["step"], entry[name]) for entry in evaluations if isinstance(entry.get(name), int | float)]
