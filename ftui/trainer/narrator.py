"""What the loop tells while it runs, and what it decides between steps: evaluate once more, stop early, stop now."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from ftui.core.events import Eval, Memory, Step
from ftui.trainer import guards

MEMORY_SECONDS = 1.0
"""Memory events are at least this far apart."""
SLOW_LOADER_SHARE = 0.2
SLOW_LOADER_SECONDS = 30.0
"""A loader is slow where it takes this share of the time, once this many seconds have shown it."""


class Narrator(TrainerCallback):
    """Tells what happens, and decides when to evaluate a last time, to stop early and to stop on request."""

    def __init__(self, trainer: Any) -> None:
        self.trainer, self.job = trainer, trainer.job
        self.new_step = True
        self.checkpoint_bytes = 0
        self.started = time.monotonic()
        self.step_started = 0.0
        self.steps = 0
        """Since the last word about steps; so are the seconds below."""
        self.loading = 0.0
        self.computing = 0.0
        self.spent = [0.0, 0.0]
        """Seconds of loading and of everything, in this attempt."""
        self.told_slow_loader = False
        self.tokens_before = 0
        self.memory_told = 0.0
        self.held_bytes = 0
        self.stopped_early = False
        self.watchers: list[Any] = []
        """Called as watcher(step, metrics) at each evaluation; may add metrics."""

    def seconds(self) -> float:
        """Seconds of training so far, over all attempts that led here."""
        return self.trainer.progress.seconds_before + time.monotonic() - self.started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.started = time.monotonic()
        self.job.stop.stepping = True
        self.job.phase("training", f"step {state.global_step + self.job.step_offset}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.job.stop.stepping = False

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.step_started = time.perf_counter()
        self.new_step = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.computing += time.perf_counter() - self.step_started
        self.steps += 1
        guards.refuse_dead_adapter(self.trainer, state.global_step)
        last = state.global_step >= state.max_steps
        if last and args.eval_strategy != "no":
            control.should_evaluate = True
        if self._stop_asked(args):
            control.should_evaluate = False
            control.should_save = control.should_training_stop = True

    def _stop_asked(self, args: Any) -> bool:
        """Whether any process was asked: signals arrive at different moments, but all must stop after the same step."""
        if args.world_size > 1:
            asked = torch.tensor(int(self.job.stop.asked), device=args.device)
            self.job.stop.asked = bool(self.trainer.accelerator.reduce(asked, reduction="sum").item())
        return self.job.stop.asked

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        seconds = self.loading + self.computing
        done = int(logs.get("num_tokens", 0))
        new = done - self.tokens_before
        self.tokens_before = done
        self.trainer.progress.tokens += new
        metrics: dict[str, float | None] = {
            _metric_name(key): value
            for key, value in logs.items()
            if key not in _NOT_METRICS and isinstance(value, int | float)
        }
        if seconds:
            metrics["step_seconds"] = seconds / self.steps
            metrics["tokens_per_second"] = new / seconds
        self._watch_loader(state.global_step)
        self.steps, self.loading, self.computing = 0, 0.0, 0.0
        self.trainer.progress.note_loss(state.global_step, logs["loss"])
        self.job.emit(
            Step(
                state.global_step, state.max_steps, round(state.epoch or 0.0, 4), self.trainer.progress.tokens, metrics
            )
        )
        guards.refuse_hopeless(self.trainer.progress, state.global_step, self.trainer.last_rows, self.job)
        self.tell_memory(state.global_step)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **_: Any
    ) -> None:
        progress, step = self.trainer.progress, state.global_step
        told: dict[str, float | None] = {
            _eval_name(key): value
            for key, value in (metrics or {}).items()
            if isinstance(value, int | float) and key not in _NOT_EVAL
        }
        for watcher in self.watchers:
            watcher(step, told)
        self.job.emit(Eval(step, round(state.epoch or 0.0, 4), progress.tokens, told))
        if progress.note_evaluation(step, told):
            control.should_save = True
        for alert in progress.alerts(self.job.plan.eval.margin):
            self.job.emit(alert)
        patience = self.job.plan.train.early_stopping_patience
        if step and patience and progress.evaluations_since_best() >= patience:
            words = f"{progress.metric} has not become better for {patience} evaluations; the best was step"
            self.job.warn("early_stopping", f"{words} {progress.best_step}. Training stops here.", step=step)
            control.should_training_stop = control.should_save = self.stopped_early = True

    def _watch_loader(self, step: int) -> None:
        """Say so, once, where the training waits for its rows."""
        self.spent[0] += self.loading
        self.spent[1] += self.loading + self.computing
        share = self.spent[0] / self.spent[1] if self.spent[1] else 0.0
        if not self.told_slow_loader and self.spent[1] > SLOW_LOADER_SECONDS and share > SLOW_LOADER_SHARE:
            self.told_slow_loader = True
            words = f"{share:.0%} of the time goes into waiting for rows."
            self.job.warn("slow_loader", words, "Give it data.workers, or a faster disk.", step)

    def tell_memory(self, step: int) -> None:
        """Report what the training holds now, at most once a second."""
        moment = time.monotonic()
        if moment - self.memory_told < MEMORY_SECONDS and step > 2:
            return
        self.memory_told = moment
        if torch.cuda.is_available():
            event = Memory(
                step,
                allocated_bytes=torch.cuda.memory_allocated(),
                allocated_peak_bytes=torch.cuda.max_memory_allocated(),
                reserved_bytes=torch.cuda.memory_reserved(),
                host_rss_bytes=_resident_bytes(),
            )
        else:
            if step <= 2 or not self.held_bytes:  # from then on nothing is added
                self.held_bytes = _held_bytes(self.trainer.model, self.trainer.optimizer)
            event = Memory(step, host_rss_bytes=_resident_bytes(), tensors_bytes=self.held_bytes)
        self.job.emit(event)


_METRIC_NAMES = {
    "mean_token_accuracy": "token_accuracy",
    "runtime": "eval_seconds",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
}
_NOT_METRICS = ("epoch", "num_tokens", "step", "total_flos")
_NOT_EVAL = (
    "epoch",
    "eval_num_tokens",
    "eval_samples_per_second",
    "eval_steps_per_second",
    "eval_model_preparation_time",
)


def _eval_name(key: str) -> str:
    return "eval_loss" if key == "eval_loss" else _metric_name(key.removeprefix("eval_"))


def _metric_name(key: str) -> str:
    return _METRIC_NAMES.get(key, key.replace("/", "_"))


def _resident_bytes() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def _held_bytes(model: Any, optimizer: Any) -> int:
    """Bytes of weights, gradients and optimizer state."""
    total = 0
    for tensor in (*model.parameters(), *model.buffers()):
        total += tensor.numel() * tensor.element_size()
        if getattr(tensor, "grad", None) is not None:
            total += tensor.grad.numel() * tensor.grad.element_size()
    for state in getattr(optimizer, "state", {}).values():
        total += sum(t.numel() * t.element_size() for t in state.values() if isinstance(t, torch.Tensor))
    return total
