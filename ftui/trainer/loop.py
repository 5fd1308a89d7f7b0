"""The training loop as ftui wants it, laid over any TRL trainer: events, checkpoints, guards, stopping, exact resume.

`watched(SFTTrainer)` is that trainer with its loop unchanged; only what surrounds a step is ftui's. Everything that is
not training (evaluation, probe, samples, checks) leaves the random numbers as it found them, so a run gives the losses
of the bare trainer, and a resumed run those of one that was never stopped.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import torch
from transformers import PrinterCallback
from transformers.trainer import TRAINER_STATE_NAME

from ftui.core.events import Checkpoint
from ftui.trainer import checkpoints, guards
from ftui.trainer.batch_check import check_batch
from ftui.trainer.job import Job
from ftui.trainer.lean_lora import adapted_layers, leaves_out_casts, without_casts
from ftui.trainer.narrator import Narrator
from ftui.trainer.progress import Progress


@contextlib.contextmanager
def untouched_randomness() -> Iterator[None]:
    """Give every random generator of this process back as it was."""
    python, numbers = random.getstate(), numpy.random.get_state()
    # Only its own GPU's: asking another one would open a context there, half a GiB for each process.
    own = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=own):
        yield
    random.setstate(python)
    numpy.random.set_state(numbers)


class KeepRows:
    """A collator that lets the numbers of the rows travel with their batch, so that a bad batch can be named."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, examples: list[dict[str, Any]]) -> Any:
        rows = [example.get("row") for example in examples]
        batch = self.inner(examples)
        if isinstance(batch, dict) and rows and rows[0] is not None:
            # Packed sequences carry one number per token.
            flat = [sorted(set(row)) if isinstance(row, list) else [row] for row in rows]
            batch["row"] = torch.tensor([number for some in flat for number in some])
        return batch


def watched(trainer_class: type[Any]) -> type[Any]:
    """`trainer_class` with ftui's checkpoints, guards and pre-tokenised rows."""
    return type(f"Watched{trainer_class.__name__}", (Watched, trainer_class), {"_name": trainer_class._name})


class Watched:
    """What `watched` puts in front of a TRL trainer. Not to be used alone."""

    job: Job
    progress: Progress
    narrator: Narrator
    last_rows: list[int]
    lean_layers: list[Any]
    checked_batch = False
    checked_gradients = False

    def watch(self: Any, job: Job, better: str, greater_is_better: bool = False) -> None:
        """Connect the trainer with its job. better: the evaluation metric that chooses the best checkpoint."""
        self.job, self.last_rows = job, []
        self.progress = Progress(metric=better, greater_is_better=greater_is_better)
        self.narrator = Narrator(self)
        self.add_callback(self.narrator)
        self.remove_callback(PrinterCallback)  # the events say it all, the log is for what goes wrong
        self.data_collator = KeepRows(self.data_collator)
        lean = leaves_out_casts(job.plan, self.args.bf16 or self.args.fp16)
        self.lean_layers = adapted_layers(self.model) if lean else []
        if self.lean_layers:
            job.effective["method.adapter_input_casts"] = False

    # -- rows are tokens already --------------------------------------------------------------------------------------

    def _prepare_dataset(self: Any, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset

    def training_step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.checked_batch:
            # The very batch that the first step takes, as the loader handed it over.
            check_batch(self.job, self.processing_class, inputs)
            self.checked_batch = True
        self._note_rows(inputs)
        with without_casts(self.lean_layers):
            loss = super().training_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        guards.refuse_bad_loss(loss, self.state.global_step + 1, self.last_rows)
        return loss

    def prediction_step(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(inputs, dict):
            inputs.pop("row", None)
        # Several processes must evaluate together or not at all: they stop at the end of the step.
        if self.job.stop.asked and self.args.world_size == 1:
            raise EvaluationCut
        return super().prediction_step(model, inputs, *args, **kwargs)  # type: ignore[misc]

    def _note_rows(self: Any, inputs: Any) -> None:
        if isinstance(inputs, dict):
            rows = inputs.pop("row", None)
            numbers = rows.tolist() if rows is not None else []
        else:
            # Online training gets its rows as they are, each once per completion.
            numbers = sorted({row["row"] for row in inputs})
        if self.narrator.new_step:
            self.last_rows, self.narrator.new_step = [], False
        self.last_rows += numbers

    def get_batch_samples(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        samples = super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]
        self.narrator.loading += time.perf_counter() - began
        return samples

    # -- guards -------------------------------------------------------------------------------------------------------

    def _clip_grad_norm(self: Any, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)  # type: ignore[misc]
        step = self.state.global_step + 1
        if not self.checked_gradients:
            guards.refuse_no_gradient(self.model, step, self.job.plan.method.task, self.last_rows)
            self.checked_gradients = True
        # Under fp16 the scaler meets infinite gradients on its way to a good scale, and skips those steps.
        if norm is not None and not self.args.fp16:
            guards.refuse_bad_gradient(norm, step, self.last_rows)
        return norm

    # -- evaluation ---------------------------------------------------------------------------------------------------

    def evaluate(self: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        self.job.phase("evaluating", "held-out rows")
        with untouched_randomness():
            # Evaluations that sample (online training) sample alike, so that they can be compared.
            torch.manual_seed(self.args.seed)
            try:
                metrics: dict[str, float] = super().evaluate(*args, **kwargs)  # type: ignore[misc]
            except EvaluationCut:
                # Asked to stop in the middle: the step is done and can be saved, the evaluation is not.
                metrics = {}
                self.control.should_save = self.control.should_training_stop = True
        self.model.train()
        if not self.job.stop.asked:
            self.job.phase("training")
        return metrics

    # -- checkpoints --------------------------------------------------------------------------------------------------

    def _save_checkpoint(self: Any, model: Any, trial: Any) -> None:
        job, step = self.job, self.state.global_step
        folder = job.folder / "checkpoints"
        self.job.phase("saving", f"checkpoint of step {step + job.step_offset}")
        first = self.is_world_process_zero()
        temporary = folder / f".saving-step-{step}"
        if first:
            reserve = job.plan.recovery.disk_reserve_mib << 20
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            checkpoints.refuse_full_disk(folder, self.narrator.checkpoint_bytes, reserve, step)
            checkpoints.refuse_unsaid(job.emitter.flush(), folder, step)
            checkpoints.begin(folder, step)
        self.accelerator.wait_for_everyone()
        try:
            self.save_model(str(temporary), _internal_call=True)
            self._save_optimizer_and_scheduler(str(temporary))
            self._save_scaler(str(temporary))
            self._save_rng_state(str(temporary))
            self.accelerator.wait_for_everyone()
            if first:
                self.state.save_to_json(str(temporary / TRAINER_STATE_NAME))
                self.progress.seconds = self.narrator.seconds()
                self.progress.finished = step >= self.state.max_steps or self.narrator.stopped_early
                saved = checkpoints.seal(temporary, step, self.progress.to_mapping())
        except BaseException:
            # Half a checkpoint on a full disk would keep it full.
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        if first:
            best = self.progress.best_step
            checkpoints.retain(folder, job.plan.train.keep_checkpoints, best)
            self.narrator.checkpoint_bytes = saved.size_bytes
            path = str(saved.path.relative_to(job.run_folder))
            job.emit(Checkpoint(step, path, saved.size_bytes, best=best == step))
        self.accelerator.wait_for_everyone()
        self.job.phase("training")

    def _load_from_checkpoint(self: Any, resume_from_checkpoint: str, model: Any = None) -> None:
        from accelerate.utils import is_peft_model

        if not is_peft_model(self.model) or self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        # peft's load_adapter would raise sixteen-bit adapters to fp32: the weights must come back as they were.
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        for name in self.model.peft_config:
            folder = Path(resume_from_checkpoint) / ("" if name == "default" else name)
            weights = load_file(str(folder / "adapter_model.safetensors"))
            set_peft_model_state_dict(self.model, weights, adapter_name=name)

    def _load_optimizer_and_scheduler(self: Any, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]
        if checkpoint is None or self.lr_scheduler is None or not hasattr(self.lr_scheduler, "base_lrs"):
            return
        # A rewind halves the learning rate; the checkpoint brings the old one back with it.
        before = max(self.lr_scheduler.base_lrs, default=0.0)
        if before and before != self.args.learning_rate:
            ratio = self.args.learning_rate / before
            self.lr_scheduler.base_lrs = [rate * ratio for rate in self.lr_scheduler.base_lrs]
            for group in self.optimizer.param_groups:
                group["lr"] *= ratio
                group["initial_lr"] = group.get("initial_lr", before) * ratio
            self.lr_scheduler._last_lr = [group["lr"] for group in self.optimizer.param_groups]


class EvaluationCut(Exception):
    """The run was asked to stop while it evaluated."""
