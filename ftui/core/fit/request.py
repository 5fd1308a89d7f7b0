"""What is asked of a fit prediction: the recipe of one training run, with nothing left to guess.

Stable interface. Fields that `ftui fit` has no flag for describe the training stack, because the same recipe takes
different memory in different stacks; their defaults are those of ftui's own trainer (TRL and PEFT).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ftui.errors import FtuiError

Method = Literal["full", "lora", "qlora"]
Task = Literal["sft", "dpo", "kto", "reward", "grpo", "rloo"]
Optimizer = Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit", "adafactor", "sgd"]
Precision = Literal["bf16", "bf16-mixed", "fp16", "fp16-mixed", "fp32"]
Quant = Literal["none", "nf4", "nf4-dq", "int8", "gptq"]
Loss = Literal["full", "inplace", "chunked", "fused"]
AttentionImpl = Literal["sdpa", "flash", "eager"]
Sharding = Literal["none", "ddp", "fsdp", "zero2", "zero3"]
Kernels = Literal["torch", "liger", "unsloth"]
Transformers = Literal["5", "4.48", "4.45"]
KbitUpcast = Literal["", "none", "norms", "all"]

CHOICES: dict[str, tuple[str, ...]] = {
    "method": get_args(Method),
    "task": get_args(Task),
    "optimizer": get_args(Optimizer),
    "precision": get_args(Precision),
    "quant": get_args(Quant),
    "loss": get_args(Loss),
    "attention": get_args(AttentionImpl),
    "sharding": get_args(Sharding),
    "kernels": get_args(Kernels),
    "transformers": get_args(Transformers),
    "kbit_upcast": get_args(KbitUpcast),
}
"""Field name -> the values it takes, for argument parsers and pickers."""


@dataclass(frozen=True)
class FitRequest:
    """One training recipe. Lengths in tokens, batches in rows per GPU. Invalid values raise FtuiError at once."""

    method: Method = "lora"
    task: Task = "sft"
    seq_len: int = 2048
    """Tokens of one row after padding or packing; of prompt and completion together for DPO, GRPO."""
    micro_batch: int = 1
    """Rows of one forward pass on one GPU (pairs for DPO and reward; completions for GRPO and RLOO)."""
    grad_checkpointing: bool = True
    optimizer: Optimizer = "adamw_torch_fused"
    precision: Precision = "bf16-mixed"
    """bf16, fp16: weights and arithmetic in 16 bit, no autocast. bf16-mixed, fp16-mixed: autocast; trained weights
    are kept in fp32. fp32: everything."""
    quant: Quant = "none"
    """How frozen weights are stored; QLoRA with "none" takes nf4-dq."""
    loss: Loss = "full"
    """full: logits and their fp32 copy. inplace: a Triton cross-entropy that overwrites the logits. chunked: logits
    of a few rows at a time. fused: logits never leave the kernel (Liger)."""
    attention: AttentionImpl = "sdpa"
    lora_rank: int = 16
    lora_targets: tuple[str, ...] = ("all-linear",)
    """Module names, or ("all-linear",)."""
    lora_dropout: float = 0.0
    gpus: int = 1
    sharding: Sharding = "none"
    # --- of the training stack ---
    kernels: Kernels = "torch"
    """Fused RMSNorm, rotary and SwiGLU kernels that keep fewer tensors."""
    compiled: bool = False
    """torch.compile: counted like fused kernels."""
    gptq_group: int = 128
    """Weights of one row that share a scale in GPTQ; 0: the whole row does."""
    kbit_upcast: KbitUpcast = ""
    """What is raised to fp32 beside quantised weights: "all" is peft.prepare_model_for_kbit_training, "norms" is TRL
    before 1.0. Empty: all in fp16 on a GPU without bf16 (and then no autocast), else none."""
    frozen_dtype: Literal["", "bf16", "fp16", "fp32"] = ""
    """Dtype of frozen 16-bit weights under LoRA; empty: that of `precision` (bf16 for bf16-mixed)."""
    adapter_dtype: Literal["", "bf16", "fp16", "fp32"] = ""
    """Dtype of LoRA matrices, their gradients and optimizer state; empty: bf16 beside quantised weights
    (TRL), else fp32 (PEFT)."""
    lora_casts: bool = True
    """Whether adapted 16-bit layers cast their input to the adapter's dtype under autocast, as PEFT does by itself."""
    quantize_experts: bool | None = None
    """Whether routed experts are quantised too. None: as the trainer does."""
    modules_to_save: tuple[str, ...] = ()
    """Modules trained in full beside the adapters: "embed_tokens", "lm_head"."""
    optimizer_in_backward: bool = False
    """The optimizer steps inside the backward pass: one layer's gradients at a time."""
    offload_activations: bool = False
    """Checkpointed activations are kept in host memory."""
    offload_optimizer: bool = False
    """Optimizer state is kept in host memory."""
    eval_batch: int | None = None
    """Rows of one evaluation forward pass; None: as micro_batch."""
    loss_keeps_logits: bool = False
    """Chunked loss only: the chunks of logits are kept for the backward pass (torchtune, litgpt), not made again."""
    logits_held: bool = True
    """The output object, and with it the logits, is alive during the backward pass (a plain training loop)."""
    transformers: Transformers = "5"
    """Generation of transformers whose loss code runs: before 5 the shift by one token copies the fp32 logits."""
    accumulates: bool = False
    """Gradients are summed over several micro-batches: they exist during the next forward pass."""
    padded: bool = False
    """Rows of different length in one batch, or several packed into one row without flash attention: a mask of
    seq_len x seq_len."""
    completion_len: int | None = None
    """Tokens generated per completion (GRPO, RLOO); None: half of seq_len."""
    generations: int = 8
    """Completions per prompt (GRPO, RLOO)."""
    generation_batch: int | None = None
    """Completions generated at a time; None: as micro_batch."""
    reference_model: bool | None = None
    """Whether a frozen copy of the model is loaded as reference. None: DPO, KTO (and GRPO, RLOO with beta > 0) load
    one for full fine-tuning and switch the adapter off for LoRA."""
    precompute_reference: bool = False
    """DPO, KTO: reference log-probabilities are computed before training, and the reference is dropped."""
    beta_positive: bool = False
    """GRPO, RLOO: a KL term that needs reference log-probabilities."""
    cpu_offload: bool = False
    """FSDP and ZeRO: parameters, gradients and optimizer state live in host memory."""

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise FtuiError(f"No {name} {value!r}", f"it is one of {', '.join(allowed)}")
        for name in ("seq_len", "micro_batch", "lora_rank", "gpus", "generations"):
            _positive(name, getattr(self, name))
        for name in ("eval_batch", "completion_len", "generation_batch"):
            if getattr(self, name) is not None:
                _positive(name, getattr(self, name))
        if not 0 <= self.lora_dropout < 1:
            raise FtuiError(f"lora_dropout {self.lora_dropout} is out of range", "it is a share, from 0 to below 1")
        if self.method != "full" and not self.lora_targets:
            raise FtuiError("No LoRA target", "lora_targets is empty", "Name modules, or all-linear.")
        if self.method == "full" and self.quant != "none":
            raise FtuiError(f"Full fine-tuning cannot train {self.quant} weights", "quant must be none", "Use qlora.")
        if self.completion_len is not None and self.completion_len > self.seq_len:
            raise FtuiError(
                f"completion_len {self.completion_len} is above seq_len {self.seq_len}",
                "seq_len holds prompt and completion together",
            )
        if self.sharding != "none" and self.gpus == 1:
            raise FtuiError(f"Sharding {self.sharding} needs several GPUs", "gpus is 1", "Add --gpus 2, or drop it.")


def _positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise FtuiError(f"{name} {value!r} is not possible", "it is a whole number from 1 up")
