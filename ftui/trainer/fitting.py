"""From a trainer that is set up to a model that is trained: checks, resume, the loop, the best weights, the files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ftui.core.events import Alert
from ftui.trainer import checkpoints
from ftui.trainer.batch_check import check_first_batches
from ftui.trainer.job import Job
from ftui.trainer.loop import untouched_randomness
from ftui.trainer.models import precision_of
from ftui.trainer.probe_loss import mean_loss
from ftui.trainer.rows import probe_rows
from ftui.trainer.samples import watch_samples
from ftui.trainer.settings import refuse_other_sharding, write_effective
from ftui.trainer.stopping import Stopped


@dataclass(frozen=True)
class Outcome:
    """A finished training: the model with its best weights in memory, and where it was saved."""

    model: Any
    tokenizer: Any
    folder: Path
    steps: int
    best_step: int | None
    summary: dict[str, Any]


def fit(job: Job, trainer: Any, tokenizer: Any) -> Outcome:
    """Train from the newest whole checkpoint, or the start, to the end. Raises Stopped when asked to, after saving."""
    refuse_other_sharding(job, trainer)
    _hold_as_asked(job, trainer.model)
    write_effective(job, trainer)
    check_first_batches(job, trainer, tokenizer)
    if getattr(trainer, "writes_text", True):
        _watch_general_ability(job, trainer, tokenizer)
        watch_samples(job, trainer, tokenizer)
    resume = _resume(job, trainer)
    if resume is not None and trainer.progress.finished:
        # It had finished, and something after that had not: there is only the rest to do.
        trainer._load_from_checkpoint(str(resume.path))
        trainer.state.global_step = resume.step
    else:
        _train(job, trainer, resume)
    steps, best = trainer.state.global_step, trainer.progress.best_step
    if best is not None and best != steps:
        _take_back(job, trainer, best)
    folder = _save_model(job, trainer, tokenizer)
    summary = {
        "seconds": round(trainer.narrator.seconds(), 1),
        "tokens": trainer.progress.tokens,
        "best_step": best + job.step_offset if best is not None else None,
        trainer.progress.metric: trainer.progress.best_value,
    }
    return Outcome(trainer.model, tokenizer, folder, steps, best, summary)


def _hold_as_asked(job: Job, model: Any) -> None:
    """Hold what is trained in fp32 where the plan's precision means that.

    TRL holds what is trained on quantised weights in bf16, whatever was asked; and the scaler of fp16 refuses
    gradients in 16 bit, which whole modules beside an adapter (a reward model's head) would have.
    """
    precision, technique = precision_of(job.plan), job.plan.method.technique
    if technique != "full" and (precision == "fp16-mixed" or (precision, technique) == ("fp32", "qlora")):
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()


def _train(job: Job, trainer: Any, resume: checkpoints.Saved | None) -> None:
    # Only mixtures of experts have weights that a batch does not reach; looking for them costs time in every step.
    config = trainer.model.config.get_text_config()
    trainer.args.ddp_find_unused_parameters = any(hasattr(config, n) for n in ("num_experts", "num_local_experts"))
    trainer.args.eval_on_start = resume is None and trainer.args.eval_strategy != "no"
    trainer.narrator.checkpoint_bytes = trainer.narrator.checkpoint_bytes or _checkpoint_bytes(trainer.model)
    job.stop.stepping = True
    try:
        if job.stop.asked:
            raise Stopped
        trainer.train(resume_from_checkpoint=str(resume.path) if resume else None)
    finally:
        job.stop.stepping = False
    # Asked in the very last step: everything is done, so it may finish.
    if job.stop.asked and trainer.state.global_step < trainer.state.max_steps:
        raise Stopped


def _checkpoint_bytes(model: Any) -> int:
    """About what the first checkpoint will take: trained weights and two averages of each."""
    return sum(3 * p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)


def _resume(job: Job, trainer: Any) -> checkpoints.Saved | None:
    def complain(message: str) -> None:
        job.warn("checkpoint_damaged", message, "The one before it is used.")

    if any((job.folder / "checkpoints").glob("step-*")):
        job.phase("loading", "the last checkpoint")
    saved = checkpoints.newest_whole(job.folder / "checkpoints", complain)
    if saved is None:
        return None
    trainer.progress.restore(saved.progress)
    trainer.narrator.checkpoint_bytes = saved.size_bytes
    words = f"Going on from step {saved.step + job.step_offset}; anything after it is done again."
    job.emit(Alert("info", "resumed", words, step=saved.step))
    return saved


def _watch_general_ability(job: Job, trainer: Any, tokenizer: Any) -> None:
    rows = probe_rows(job, tokenizer)

    def watcher(step: int, metrics: dict[str, float | None]) -> None:
        loss = mean_loss(trainer.model, rows, tokenizer.pad_token_id)
        if loss is not None:
            metrics["probe_loss"] = loss

    if rows:
        trainer.narrator.watchers.append(watcher)


def _take_back(job: Job, trainer: Any, step: int) -> None:
    """Put the weights of the best evaluation into the model."""
    path = job.folder / "checkpoints" / f"step-{step}"
    try:
        checkpoints.check(path)
    except ValueError as error:
        job.warn("checkpoint_damaged", f"The best checkpoint is damaged, the last weights are kept: {error}.")
        return
    job.phase("loading", f"the best checkpoint, step {step + job.step_offset}")
    trainer._load_from_checkpoint(str(path))


def _save_model(job: Job, trainer: Any, tokenizer: Any) -> Path:
    """Write model/: the adapter or the whole model as safetensors, with tokenizer and chat template, at once."""
    job.phase("saving", "the tuned model")
    final = job.folder / "model"
    temporary = job.folder / ".model"
    with untouched_randomness(), torch.no_grad():
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            if trainer.is_fsdp_enabled:
                trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
            trainer.save_model(str(temporary), _internal_call=True)
        elif job.is_first_process:
            shutil.rmtree(temporary, ignore_errors=True)
            # Preference tuning keeps its reference as a second adapter; it is no part of the result.
            extra = {"selected_adapters": ["default"]} if hasattr(trainer.model, "peft_config") else {}
            trainer.model.save_pretrained(str(temporary), **extra)
    if job.is_first_process:
        tokenizer.save_pretrained(str(temporary))
        for name in checkpoints.UNWANTED:
            (temporary / name).unlink(missing_ok=True)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
    trainer.accelerator.wait_for_everyone()
    return final
