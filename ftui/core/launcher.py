"""How several processes share one training: the arguments of `python` that start them."""

from __future__ import annotations

from ftui.core.plan import Plan


def launch_arguments(plan: Plan) -> list[str]:
    """Arguments that come before `-m ftui.trainer RUN`: accelerate's launcher with the plan's sharding.

    One machine; where no GPU is there accelerate takes gloo on the CPU. Several nodes go through `--emit`.
    """
    train = plan.train
    common = ["-m", "accelerate.commands.launch", "--num_machines", "1", "--num_processes", str(train.gpus)]
    mixed = {"bf16-mixed": "bf16", "fp16-mixed": "fp16"}.get(train.precision, "no")
    common += ["--mixed_precision", mixed, "--dynamo_backend", "no"]
    match train.sharding:
        case "fsdp":
            return [*common, "--use_fsdp", "--fsdp_version", "2", "--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"]
        case "zero2" | "zero3":
            return [*common, "--use_deepspeed", "--zero_stage", train.sharding[-1]]
    return [*common, "--multi_gpu"]
