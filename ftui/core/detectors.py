"""What loss curves say, in words: overfitting, divergence, forgetting, no learning at all.

Thresholds are relative, so that they hold for a loss of 4 nats and of 0.2; each is named with why it is what it is.
Losses are in nats per token.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ftui.core.events import Alert
from ftui.core.metrics import ema, ema_step

Series = Sequence[tuple[int, float]]
"""(step, loss) pairs, steps rising."""

RISE = 0.02
"""Held-out loss must be this much above its best, relatively: repeated evaluations of one model on a few hundred rows
differ by less than 1 % between neighbouring checkpoints."""
RISING_EVALUATIONS = 2
"""...and for this many evaluations in a row: one may be chance."""
SMOOTHING = 0.1
"""Weight of a new training loss in its average: about twenty steps count."""
DIVERGENCE = 1.5
"""The smoothed training loss at this multiple of its lowest, and..."""
DIVERGENCE_NATS = 0.5
"""...this far above it: ordinary noise and harder batches do neither."""
DIVERGENCE_STEPS = 10
LEARNING = 0.01
"""Held-out loss that has not fallen by this share of its start has not moved."""
LEARNING_EVALUATIONS = 4
FORGETTING = 0.05
"""Relative rise of the loss on general text that counts as forgetting; the plan's eval.margin has the same default."""


@dataclass(frozen=True)
class Curves:
    """What is known so far. held_out and general begin with step 0, the value before training, where it is known."""

    train: Series = field(default_factory=tuple)
    held_out: Series = field(default_factory=tuple)
    general: Series = field(default_factory=tuple)


def findings(curves: Curves, forgetting_margin: float = FORGETTING) -> list[Alert]:
    """Everything that the curves show now, the gravest first; an empty list is a healthy run."""
    found = (
        diverging(curves.train),
        overfitting(curves.train, curves.held_out),
        forgetting(curves.general, forgetting_margin),
        not_learning(curves.held_out),
    )
    return [alert for alert in found if alert is not None]


def overfitting(train: Series, held_out: Series) -> Alert | None:
    """Held-out loss rises from its best while training loss goes on falling."""
    if len(held_out) < RISING_EVALUATIONS + 1:
        return None
    best = min(range(len(held_out)), key=lambda index: held_out[index][1])
    since = held_out[best + 1 :]
    best_step, best_loss = held_out[best]
    if len(since) < RISING_EVALUATIONS or any(
        loss <= best_loss * (1 + RISE) for _, loss in since[-RISING_EVALUATIONS:]
    ):
        return None
    smooth = _smooth(train)
    before = [loss for step, loss in smooth if step <= best_step]
    # Where training loss rises as well this is no overfitting but divergence, which has words of its own.
    if not smooth or (before and smooth[-1][1] > before[-1]):
        return None
    last_step, last_loss = since[-1]
    fell = f" while the training loss fell to {smooth[-1][1]:.3f}" if before else ""
    return Alert(
        "warning",
        "overfitting",
        f"Held-out loss was lowest at step {best_step} ({best_loss:.3f}) and has risen to {last_loss:.3f}{fell}: "
        "the model is learning its rows by heart.",
        "The best checkpoint is kept. Fewer epochs, a lower learning rate or more rows would help.",
        last_step,
    )


def diverging(train: Series) -> Alert | None:
    """The smoothed training loss is far above its lowest and stays there."""
    watch = DivergenceWatch()
    for step, loss in train:
        watch.note(step, loss)
    return watch.alert()


class DivergenceWatch:
    """`diverging` for a curve that grows: each loss is looked at once, so that a step costs the same in a long run."""

    def __init__(self) -> None:
        self._total = self._weight = 0.0
        self._recent: deque[tuple[int, float]] = deque()
        """The last DIVERGENCE_STEPS smoothed losses."""
        self._lowest: tuple[int, float] | None = None
        """Of the smoothed losses before those."""
        self._noted = 0

    def note(self, step: int, loss: float) -> None:
        """Take in the next training loss; one that is not finite leaves the average as it is."""
        self._noted += 1
        if math.isfinite(loss):
            self._total, self._weight = ema_step(self._total, self._weight, loss, SMOOTHING)
        if not self._weight:
            return
        self._recent.append((step, self._total / self._weight))
        if len(self._recent) > DIVERGENCE_STEPS:
            oldest = self._recent.popleft()
            if self._lowest is None or oldest[1] < self._lowest[1]:
                self._lowest = oldest

    def alert(self) -> Alert | None:
        """The finding about the losses so far."""
        if self._lowest is None or self._noted < 2 * DIVERGENCE_STEPS:
            return None
        low_step, low = self._lowest
        lately = min(loss for _, loss in self._recent)
        if lately < low * DIVERGENCE or lately < low + DIVERGENCE_NATS:
            return None
        step, loss = self._recent[-1]
        return Alert(
            "warning",
            "diverging",
            f"Training loss was {low:.3f} at step {low_step} and is {loss:.3f} now: the training is coming apart.",
            "Stop and go on from an earlier checkpoint with half the learning rate, or with a longer warm-up.",
            step,
        )


def forgetting(general: Series, margin: float = FORGETTING) -> Alert | None:
    """The loss on general text has risen by more than the margin since before training."""
    if len(general) < 2 or general[0][0] != 0 or general[0][1] <= 0:
        return None
    before, (step, now) = general[0][1], general[-1]
    rise = now / before - 1
    if rise <= margin:
        return None
    return Alert(
        "warning",
        "forgetting",
        f"Loss on general text rose by {rise:.0%} since before training ({before:.3f} to {now:.3f}): "
        "the model is forgetting what it knew.",
        "Mix in general rows (data.replay, data.replay_fraction 0.05), halve the learning rate or the epochs, or train "
        "LoRA in place of all weights.",
        step,
    )


def not_learning(held_out: Series) -> Alert | None:
    """After several evaluations the held-out loss is where it began."""
    if len(held_out) < LEARNING_EVALUATIONS + 1 or held_out[0][0] != 0:
        return None
    start = held_out[0][1]
    best = min(loss for _, loss in held_out[1:])
    if best <= start * (1 - LEARNING):
        return None
    return Alert(
        "warning",
        "not_learning",
        f"Held-out loss has not fallen since before training ({start:.3f}, at best {best:.3f}).",
        "Is the learning rate too low, the loss mask empty where it matters, or is there nothing new in the rows?",
        held_out[-1][0],
    )


def _smooth(series: Series) -> list[tuple[int, float]]:
    values = ema([loss for _, loss in series], SMOOTHING)
    return [(step, value) for (step, _), value in zip(series, values, strict=True) if value is not None]
