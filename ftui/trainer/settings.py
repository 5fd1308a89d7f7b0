"""The plan in the training library's words, and the record of what was asked and what was done."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from ftui.core.plan import SCHEMA_VERSION, Plan, to_mapping
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job, write_json
from ftui.trainer.models import attention_of, kernels_of, precision_of, quantisation_of

EVALUATIONS = 10
"""About this many evaluations where the plan leaves it open."""


def refuse_unavailable(plan: Plan, folder: str) -> None:
    """Raise TrainerError for what this machine cannot do of the plan, before rows are read and models loaded.

    folder: of the model that is tuned.
    """
    import torch

    precision_of(plan)
    attention_of(plan)
    quantisation_of(plan)
    kernels_of(plan, folder)
    train, on_gpu = plan.train, torch.cuda.is_available()
    if train.optimizer.endswith("8bit") and not on_gpu:
        raise TrainerError(
            "This optimizer needs a GPU", f"train.optimizer is {train.optimizer}", "Use adamw_torch on a CPU."
        )
    if train.loss == "fused" and not on_gpu:
        raise TrainerError(
            "The fused loss needs a GPU", "train.loss is fused", "Use auto: a CPU computes it in chunks."
        )


def common_arguments(job: Job, rows: int, has_eval: bool) -> dict[str, Any]:
    """What every TRL trainer takes. rows: training rows (packed: sequences) that the steps are counted from."""
    import torch

    train, data = job.plan.train, job.plan.data
    precision = precision_of(job.plan)
    steps = steps_total(job, rows)
    eval_every = train.eval_every_steps or max(1, math.ceil(steps / EVALUATIONS))
    # Without held-out rows there is no evaluation to save at.
    save_every = train.save_every_steps or eval_every
    on_gpu = torch.cuda.is_available()
    kernels = kernels_of(job.plan, job.base)
    job.effective.update(
        {
            "train.steps_total": steps,
            "train.kernels": kernels,
            "train.eval_every_steps": eval_every if has_eval else None,
            "train.save_every_steps": save_every,
        }
    )
    return {
        # Checkpoints are written by ftui; nothing else may be.
        "output_dir": str(job.folder / "checkpoints"),
        "num_train_epochs": train.epochs,
        "max_steps": train.max_steps or -1,
        "per_device_train_batch_size": train.micro_batch,
        "per_device_eval_batch_size": train.micro_batch if on_gpu else max(8, train.micro_batch),
        "gradient_accumulation_steps": train.accumulation,
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.schedule,
        "warmup_steps": math.ceil(train.warmup_ratio * steps),
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "optim": train.optimizer,
        "bf16": precision == "bf16-mixed",
        "fp16": precision == "fp16-mixed",
        "gradient_checkpointing": train.gradient_checkpointing,
        "torch_compile": train.compile,
        "use_liger_kernel": kernels == "liger",
        "seed": train.seed,
        "logging_steps": train.log_every_steps,
        "logging_first_step": True,
        # A NaN that is filtered out of the log is a NaN that nobody stops.
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if has_eval else "no",
        "eval_steps": eval_every,
        "save_strategy": "steps",
        "save_steps": save_every,
        "train_sampling_strategy": "group_by_length" if data.group_by_length else "random",
        "dataloader_num_workers": data.workers,
        "dataloader_pin_memory": on_gpu,
        "remove_unused_columns": False,
        "use_cpu": not on_gpu,
        # The first process scores and saves while the others wait for it.
        "ddp_timeout": 4 * 3600,
        "report_to": "none",
        "disable_tqdm": True,
        "neftune_noise_alpha": job.plan.method.neftune_alpha,
    }


def refuse_other_sharding(job: Job, trainer: Any) -> None:
    """Raise where the launcher did not give the sharding that the plan asks for; note what it gave."""
    given = "fsdp" if trainer.is_fsdp_enabled else "zero" if trainer.is_deepspeed_enabled else "ddp"
    if trainer.args.world_size == 1:
        given = "none"
    job.effective["train.sharding"] = given
    if job.is_sharded and not job.plan.train.sharding.startswith(given):
        import torch

        why = "it needs GPUs" if not torch.cuda.is_available() else "the run was started in another way"
        raise TrainerError(
            "The model is not shared as asked",
            f"train.sharding is {job.plan.train.sharding}, and the processes run as {given}: {why}",
            "Use train.sharding ddp, or start the run with `ftui train`.",
        )


def steps_total(job: Job, rows: int) -> int:
    """Optimizer steps of the whole training, as transformers counts them."""
    train = job.plan.train
    if train.max_steps:
        return train.max_steps
    batches = math.ceil(rows / (train.micro_batch * train.gpus))
    return max(1, math.ceil(train.epochs * max(1, math.ceil(batches / train.accumulation))))


def write_effective(job: Job, trainer: Any) -> None:
    """effective.json: what the plan asks, what is used, and the library's settings that differ from its defaults."""
    if not job.is_first_process:
        return
    import accelerate
    import peft
    import torch
    import transformers
    import trl

    model = trainer.model
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    every = sum(_numel(p) for p in model.parameters())
    used = {
        **job.effective,
        "train.optimizer": str(getattr(trainer.args.optim, "value", trainer.args.optim)),
        "train.micro_batch": trainer.args.per_device_train_batch_size,
        "train.accumulation": trainer.args.gradient_accumulation_steps,
        "train.processes": trainer.args.world_size,
        "trained_parameters": trained,
        "parameters": every,
    }
    default = {field.name: field.default for field in fields(trainer.args)}
    arguments = {
        key: value
        for key, value in trainer.args.to_dict().items()
        if value != default.get(key) and not key.endswith("_token")
    }
    asked = to_mapping(job.plan)
    record = {
        "schema_version": SCHEMA_VERSION,
        "requested": {key: asked[key] for key in ("model", "data", "method", "train", "eval")},
        "effective": used,
        "library_arguments": {"class": type(trainer.args).__name__, **arguments},
        "versions": {module.__name__: module.__version__ for module in (torch, transformers, trl, peft, accelerate)},
    }
    write_json(job.folder / "effective.json", record)


def _numel(parameter: Any) -> int:
    """Parameters that a tensor stands for: bitsandbytes keeps two four-bit weights in a byte."""
    state = getattr(parameter, "quant_state", None)
    if state is not None and getattr(state, "shape", None) is not None:
        return math.prod(state.shape)
    return int(parameter.numel())
