"""The sections of a plan as tables: every field with its default, its meaning and its limits. See core/plan.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TASKS = ("sft", "dpo", "kto", "orpo", "reward", "grpo", "rloo", "text")
TECHNIQUES = ("full", "lora", "qlora")
_WEEK_MINUTES = 7 * 24 * 60.0


def _of(default: Any, doc: str, **limits: Any) -> Any:
    """One plan field: its default, its meaning, and JSON Schema limits (enum, minimum, maximum, exclusiveMinimum)."""
    metadata = {"doc": doc, "limits": limits}
    if isinstance(default, list | dict):
        made = default
        return field(default_factory=lambda: type(made)(made), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ModelSection:
    """Which model is tuned."""

    id: str = _of("", "Folder, catalogue id, hub id, or `tiny` for the model that ships with ftui.")
    path: str | None = _of(None, "The resolved local folder; filled in when the run starts.")
    revision: str | None = _of(None, "Hub revision (branch, tag or commit).")
    chat_template: str | None = _of(
        None, "A Jinja file that replaces the model's chat template; null keeps the model's."
    )
    dtype: str = _of("auto", "Type that the weights are loaded in.", enum=["auto", "float32", "bfloat16", "float16"])
    trust_remote_code: bool = _of(False, "Run Python code that comes with the model. Needs typed consent.")


@dataclass(frozen=True)
class DataSection:
    """What it learns from, and how rows become tokens."""

    train: str = _of("", "Training rows: a file, a folder, or a glob.")
    eval: str | None = _of(None, "Held-out rows; null splits some off the training rows.")
    eval_fraction: float = _of(0.1, "Share of rows held out when `eval` is null.", minimum=0.0, maximum=0.9)
    eval_rows_max: int = _of(500, "At most this many rows are held out.", minimum=0)
    format: str = _of(
        "auto",
        "Row format; auto detects it.",
        enum=["auto", "chat", "sharegpt", "alpaca", "completion", "text", "preference", "kto", "prompt", "stepwise"],
    )
    map: dict[str, str] = _of({}, "Column mapping for formats that are not recognised: {prompt: question, ...}.")
    max_length_tokens: int = _of(1024, "Longest row in tokens, template included.", minimum=8)
    overlong: str = _of(
        "truncate_prompt",
        "What happens to longer rows: cut the prompt and keep the answer, drop the row, or refuse to start.",
        enum=["truncate_prompt", "drop", "refuse"],
    )
    train_on: str = _of("assistant", "Tokens that count for the loss.", enum=["assistant", "last_assistant", "all"])
    packing: bool = _of(False, "Several rows in one sequence, so that no padding is computed.")
    group_by_length: bool = _of(False, "Batches of similar length: less padding, less random order.")
    replay: str | None = _of(None, "General rows mixed in against forgetting.")
    replay_fraction: float = _of(0.0, "Share of general rows in the training mix.", minimum=0.0, maximum=0.9)
    workers: int = _of(0, "Data-loader processes.", minimum=0, maximum=64)


@dataclass(frozen=True)
class MethodSection:
    """How the weights change."""

    task: str = _of("sft", "What is optimised.", enum=list(TASKS))
    technique: str = _of("lora", "Which weights are trained.", enum=list(TECHNIQUES))
    lora_rank: int = _of(16, "Rank of the LoRA matrices.", minimum=1, maximum=1024)
    lora_alpha: int = _of(32, "LoRA scale: the update is multiplied by alpha / rank.", minimum=1)
    lora_dropout: float = _of(0.0, "Dropout on the LoRA input.", minimum=0.0, maximum=0.9)
    lora_targets: list[str] = _of(["all-linear"], "Modules that get an adapter: all-linear, or module names.")
    rslora: bool = _of(False, "Rank-stabilised LoRA: scale by alpha / sqrt(rank).")
    dora: bool = _of(False, "DoRA: learn magnitude and direction apart.")
    modules_to_save: list[str] = _of([], "Modules trained in full beside the adapter (embed_tokens, lm_head).")
    neftune_alpha: float | None = _of(None, "Noise on the embeddings while training (NEFTune).", exclusiveMinimum=0.0)
    quant: str = _of("nf4-dq", "Base quantisation of QLoRA.", enum=["nf4", "nf4-dq", "int8"])
    beta: float = _of(0.1, "How far preference tuning may move from the reference.", minimum=0.0)
    preference_loss: str = _of("sigmoid", "DPO loss.", enum=["sigmoid", "ipo", "sigmoid+sft"])
    rewards: list[str] = _of(
        [], "Reward functions of online RL: exact_match, json_schema, regex:PATTERN, length:MIN-MAX, file:PATH."
    )
    reward_model: str | None = _of(None, "Folder or run of a trained reward model for online RL.")
    trust_reward_file: bool = _of(False, "Run the Python of `file:` rewards. Needs typed consent.")
    generations: int = _of(4, "Completions per prompt in online RL.", minimum=2, maximum=64)
    completion_tokens: int = _of(64, "Longest completion in online RL, in tokens.", minimum=1)
    temperature: float = _of(0.9, "Sampling temperature in online RL.", exclusiveMinimum=0.0)


@dataclass(frozen=True)
class TrainSection:
    """The optimiser's settings."""

    epochs: float = _of(3.0, "Passes over the training rows.", exclusiveMinimum=0.0)
    max_steps: int | None = _of(None, "Stop after this many optimizer steps; overrides epochs.", minimum=1)
    learning_rate: float = _of(2e-4, "Peak learning rate.", exclusiveMinimum=0.0, maximum=1.0)
    schedule: str = _of(
        "cosine", "Learning-rate schedule.", enum=["cosine", "linear", "constant", "constant_with_warmup"]
    )
    warmup_ratio: float = _of(0.03, "Share of steps that warm up.", minimum=0.0, maximum=1.0)
    weight_decay: float = _of(0.0, "Decoupled weight decay.", minimum=0.0, maximum=1.0)
    max_grad_norm: float = _of(1.0, "Gradient clipping.", exclusiveMinimum=0.0)
    micro_batch: int = _of(1, "Rows per device and forward pass.", minimum=1)
    accumulation: int = _of(8, "Forward passes per optimizer step.", minimum=1)
    optimizer: str = _of(
        "adamw_torch",
        "Optimizer.",
        enum=["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor"],
    )
    precision: str = _of(
        "auto", "Arithmetic; auto asks the device.", enum=["auto", "bf16", "bf16-mixed", "fp16-mixed", "fp32"]
    )
    gradient_checkpointing: bool = _of(False, "Recompute activations in the backward pass: slower, far less memory.")
    attention: str = _of("auto", "Attention kernel.", enum=["auto", "sdpa", "flash", "eager"])
    loss: str = _of(
        "auto", "Cross-entropy: whole logits, in chunks, or fused.", enum=["auto", "full", "chunked", "fused"]
    )
    kernels: str = _of(
        "auto",
        "Kernels of the layers; auto takes Liger's on a GPU where they are installed and know the model.",
        enum=["auto", "torch", "liger"],
    )
    compile: bool = _of(False, "torch.compile the model.")
    seed: int = _of(42, "Seed of everything random.", minimum=0, maximum=2**32 - 1)
    log_every_steps: int = _of(1, "A step event every N steps.", minimum=1)
    eval_every_steps: int | None = _of(
        None, "Held-out loss every N steps; null chooses about ten evaluations.", minimum=1
    )
    save_every_steps: int | None = _of(None, "A checkpoint every N steps; null saves at each evaluation.", minimum=1)
    keep_checkpoints: int = _of(2, "Latest checkpoints kept, beside the best one.", minimum=1)
    early_stopping_patience: int | None = _of(
        None, "Stop after this many evaluations without a better held-out loss; null never stops early.", minimum=1
    )
    gpus: int = _of(1, "GPUs (or CPU processes) that share the work.", minimum=1)
    sharding: str = _of("none", "How several GPUs share.", enum=["none", "ddp", "fsdp", "zero2", "zero3"])


@dataclass(frozen=True)
class EvalSection:
    """How base and tuned are compared."""

    enabled: bool = _of(True, "Score the base before training and the tuned model after it.")
    rows_max: int = _of(64, "Held-out prompts that are generated for.", minimum=1)
    max_new_tokens: int = _of(256, "Longest answer, in tokens.", minimum=1)
    batch: int = _of(16, "Prompts generated at a time.", minimum=1)
    schema: str | None = _of(None, "A JSON Schema that every answer must satisfy.")
    regex: str | None = _of(None, "A pattern that every answer must match in full.")
    primary: str | None = _of(None, "Metric that the verdict rests on; null chooses by the kind of answers.")
    probe: str | None = _of(None, "General rows whose loss shows forgetting; null takes those that ship with ftui.")
    margin: float = _of(0.05, "How much worse general ability may get: relative rise of the probe loss.", minimum=0.0)
    samples: int = _of(3, "Generations shown at each evaluation.", minimum=0, maximum=32)


@dataclass(frozen=True)
class RecoverySection:
    """What happens when something goes wrong."""

    on_oom: str = _of(
        "shrink", "Out of memory: halve the micro-batch (same effective batch), then checkpointing; or stop.",
        enum=["shrink", "stop"],
    )  # fmt: skip
    on_nan: str = _of(
        "rewind",
        "Loss not a number: last good checkpoint with half the learning rate; or stop.",
        enum=["rewind", "stop"],
    )
    max_restarts: int = _of(3, "Restarts after a crash before giving up.", minimum=0, maximum=100)
    hang_minutes: float = _of(
        10.0,
        "No step for this long (or 20 times the median step) is a hang.",
        exclusiveMinimum=0.0,
        maximum=_WEEK_MINUTES,
    )
    stop_grace_seconds: float = _of(
        60.0, "Time for the last checkpoint when asked to stop.", minimum=1.0, maximum=60.0 * _WEEK_MINUTES
    )
    disk_reserve_mib: int = _of(512, "Free space that saving must leave.", minimum=0)


@dataclass(frozen=True)
class RunSection:
    """The run itself."""

    name: str = _of("run", "Short name; becomes part of the folder's name.")
    notes: str = _of("", "Anything worth remembering.")
    alert_command: str | None = _of(None, "Shell command run on finished, failed, diverged, overfitting.")
    alert_webhook: str | None = _of(None, "URL that alerts are posted to.")


SECTIONS: dict[str, type[Any]] = {
    "model": ModelSection,
    "data": DataSection,
    "method": MethodSection,
    "train": TrainSection,
    "eval": EvalSection,
    "recovery": RecoverySection,
    "run": RunSection,
}
