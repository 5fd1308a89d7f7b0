"""The model: loaded in the type and with the kernel that the plan and the device agree on, and what LoRA adds to it."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from ftui.core.plan import Plan
from ftui.trainer.experts import four_bit_experts, has_four_bit_experts, has_open_experts, packed_linear_modules
from ftui.trainer.failure import TrainerError
from ftui.trainer.grouped import repeat_keys_where_needed
from ftui.trainer.job import Job

_DTYPES = {"float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}


def precision_of(plan: Plan) -> str:
    """bf16, bf16-mixed, fp16-mixed or fp32: what the plan says, or for `auto` what the device is good at."""
    import torch

    asked = plan.train.precision
    if asked == "auto":
        if not torch.cuda.is_available():
            return "fp32"  # CPUs emulate bf16 slowly, and tests want exact sums
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16-mixed"
    if asked == "fp16-mixed" and not torch.cuda.is_available():
        raise TrainerError(
            "This precision needs a GPU", "train.precision is fp16-mixed, and no GPU is there", "Use fp32 or auto."
        )
    if asked in ("bf16", "bf16-mixed") and torch.cuda.is_available() and not torch.cuda.is_bf16_supported(False):
        name = torch.cuda.get_device_name(0)
        raise TrainerError(
            "This GPU has no bf16", f"train.precision is {asked}; the GPU is a {name}", "Use fp16-mixed."
        )
    return asked


def weights_dtype(plan: Plan) -> str:
    """Type that the weights are held in: trained weights under autocast are fp32, frozen ones 16 bit."""
    if plan.model.dtype != "auto":
        return plan.model.dtype
    precision, frozen = precision_of(plan), plan.method.technique != "full"
    match precision:
        case "bf16":
            return "bfloat16"
        case "bf16-mixed" if frozen:
            return "bfloat16"
        case "fp16-mixed" if frozen:
            return "float16"
    return "float32"


def attention_of(plan: Plan) -> str:
    """transformers' name of the attention kernel; `auto` takes flash attention where it is installed and can run."""
    import torch

    asked = plan.train.attention
    flash_installed = importlib.util.find_spec("flash_attn") is not None
    can_flash = torch.cuda.is_available() and flash_installed and precision_of(plan) != "fp32"
    if asked == "flash" and not can_flash:
        why = "flash_attn is not installed" if torch.cuda.is_available() else "it runs on GPUs only"
        raise TrainerError("Flash attention cannot be used", f"train.attention is flash: {why}", "Use sdpa or auto.")
    if asked == "flash" or (asked == "auto" and can_flash):
        return "flash_attention_2"
    return "eager" if asked == "eager" else "sdpa"


def device_map_of(plan: Plan) -> dict[str, int] | None:
    """The GPU of this process for the whole model; None where several share it, and each takes its part later.

    The process is bound to its GPU here: the library does that later, when every process had loaded onto the first.
    """
    import torch

    index = int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(index)
    return {"": index} if plan.train.sharding in ("none", "ddp") else None


def kernels_of(plan: Plan, folder: str) -> str:
    """liger or torch; `auto` takes Liger's kernels where they are installed, can run and know the model in `folder`."""
    import torch

    asked = plan.train.kernels
    if asked == "torch" or (asked == "auto" and plan.train.compile):
        return "torch"  # torch.compile fuses the layers by itself
    if not torch.cuda.is_available():
        why = "they run on GPUs only"
    elif importlib.util.find_spec("liger_kernel") is None:
        why = "liger-kernel is not installed"
    elif plan.method.task == "reward":
        why = "they replace the head that writes text, and a reward model has another"
    else:
        why = _unknown_to_liger(folder)
    if why and asked == "liger":
        raise TrainerError("Liger's kernels cannot be used", f"train.kernels is liger: {why}", "Use torch or auto.")
    return "torch" if why else "liger"


def _unknown_to_liger(folder: str) -> str:
    """Why Liger would leave this model as it is, which it does without a word; "" where it knows it."""
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN

    model_type = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8")).get("model_type")
    return "" if model_type in MODEL_TYPE_TO_APPLY_LIGER_FN else f"they do not know {model_type}"


def quantisation_of(plan: Plan) -> Any | None:
    """bitsandbytes' settings for QLoRA; None for everything else."""
    if plan.method.technique != "qlora":
        return None
    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None:
        raise TrainerError("QLoRA needs bitsandbytes", "it is not installed", "pip install 'ftui-wizard[train]'")
    if plan.method.quant == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    types = {"bf16": torch.bfloat16, "bf16-mixed": torch.bfloat16, "fp16-mixed": torch.float16}
    compute = types.get(precision_of(plan), torch.float32)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=plan.method.quant == "nf4-dq",
        bnb_4bit_compute_dtype=compute,
        # FSDP shares tensors of one type only: four-bit weights lie in the type of the others.
        bnb_4bit_quant_storage=compute if plan.train.sharding == "fsdp" else torch.uint8,
    )


def load_model(job: Job, kind: str = "causal", folder: str | None = None) -> Any:
    """The model of the job (or of `folder`), on this process's device, without an adapter of its own.

    kind: causal writes text; reward gives one number for a conversation (its head is new, and trained).
    Raises TrainerError where the folder holds no model, or one that brings its own code; and where the plan's adapter
    targets no module of the model that is tuned, naming what is there.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, set_seed

    # What is new is drawn by chance, and by the plan's: a reward model's head, and the adapter that comes after.
    set_seed(job.plan.train.seed)
    plan, is_tuned = job.plan, folder is None
    folder = folder or job.base
    settings: dict[str, Any] = {
        "dtype": getattr(torch, _DTYPES[weights_dtype(plan)]),
        "attn_implementation": attention_of(plan),
        "trust_remote_code": plan.model.trust_remote_code,
        "use_safetensors": True,
    }
    if (quantisation := quantisation_of(plan)) is not None:
        settings["quantization_config"] = quantisation
    repeat_keys_where_needed()
    if torch.cuda.is_available():
        settings["device_map"] = device_map_of(plan)
    loader: Any = AutoModelForCausalLM
    if kind == "reward":
        loader = AutoModelForSequenceClassification
        settings["num_labels"] = 1
        if quantisation is not None:
            # The head is new and must learn: it is not among the weights that are stored in four bits.
            quantisation.llm_int8_skip_modules = ["score"]
    # Sharding deals out tensors in the type that they are computed in, not packed ones.
    packs_experts = plan.train.sharding in ("none", "ddp")
    try:
        with four_bit_experts(quantisation if packs_experts else None):
            model = loader.from_pretrained(folder, **settings)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise _cannot_load(folder, error) from None
    for module in model.modules():
        # On CPUs with AVX512-BF16 bitsandbytes repacks the weights at the first evaluation into a form that has no
        # backward pass: every gradient after it would be silently wrong.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    if is_tuned and plan.method.technique != "full":
        if list(plan.method.lora_targets) != ["all-linear"]:
            _refuse_unknown_modules(model, plan.method.lora_targets, "method.lora_targets")
        _refuse_unknown_modules(model, plan.method.modules_to_save, "method.modules_to_save")
    job.effective.update(
        {
            "model.dtype": weights_dtype(plan),
            "train.precision": precision_of(plan),
            "train.attention": model.config._attn_implementation,
            "train.loss": "fused" if torch.cuda.is_available() else "chunked",
            "device": str(model.device),
        }
    )
    if has_four_bit_experts(model):
        job.effective["model.experts"] = plan.method.quant
    return model


def adapter_of(job: Job, model: Any, kind: str = "causal") -> Any | None:
    """peft's settings for the plan's LoRA; None for full fine-tuning and where an adapter is already there."""
    method = job.plan.method
    if method.technique == "full" or getattr(model, "peft_config", None):
        return None
    from peft import LoraConfig

    targets: Any = list(method.lora_targets)
    dropout = method.lora_dropout
    if targets == ["all-linear"] and has_four_bit_experts(model):
        # PEFT cannot reach packed experts, and its wrapper around their router would be all that it adds.
        targets = packed_linear_modules(model)
        job.effective["method.lora_targets"] = targets
    elif targets == ["all-linear"]:
        targets = "all-linear"
        if dropout and has_open_experts(model):
            # The adapter of a stack of experts is a sum with its weights: there is no input of its own to drop.
            dropout = job.effective["method.lora_dropout"] = 0.0
    return LoraConfig(
        task_type="SEQ_CLS" if kind == "reward" else "CAUSAL_LM",
        r=method.lora_rank,
        lora_alpha=method.lora_alpha,
        lora_dropout=dropout,
        target_modules=targets,
        modules_to_save=list(method.modules_to_save) or None,
        use_rslora=method.rslora,
        use_dora=method.dora,
    )


def with_adapter(job: Job, model: Any, kind: str = "causal") -> Any:
    """The model with the adapter of the stage before, ready to be trained on; the model itself where there is none."""
    if job.adapter is None or kind == "reward":
        return model
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(job.adapter), is_trainable=True)


def linear_modules(model: Any) -> list[str]:
    """Last names of the linear modules, which LoRA can target: q_proj, down_proj, ..."""
    import torch

    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) or type(module).__name__ in ("Linear4bit", "Linear8bitLt", "Conv1D")
    }
    return sorted(names)


def _refuse_unknown_modules(model: Any, wanted: list[str], field: str) -> None:
    names = [name for name, _ in model.named_modules()]
    for target in wanted:
        if not any(name == target or name.endswith(f".{target}") for name in names):
            shown = ", ".join(linear_modules(model))
            raise TrainerError(
                "A module is not in the model",
                f"{field} names {target}, which matches nothing",
                f"Linear modules of this model are: {shown}.",
                reason="data",
            )


def _cannot_load(folder: str, error: Exception) -> TrainerError:
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "trust_remote_code" in str(error) or "custom code" in str(error):
        return TrainerError(
            "The model brings its own code",
            f"{folder} needs trust_remote_code",
            "Read that code first; then set model.trust_remote_code.",
            reason="data",
        )
    if not Path(folder).is_dir():
        words = "there is no such folder"
    elif "safetensors" in words and list(Path(folder).glob("*.bin")):
        words = "it has pickled weights (.bin) only, which can run code when they are loaded"
    return TrainerError("The model cannot be loaded", f"{folder}: {words}", reason="data")
