"""Builds the model of a fit request at any depth, as the trainer holds it: dtypes, quantisation, adapters, kernels.

Used by the dry run (tensors without contents) and by the probe (random tensors on a real GPU).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ftui.core.fit.recipe import adapter_dtype, kbit_upcast, quantisation
from ftui.core.fit.request import FitRequest
from ftui.errors import FtuiError
from ftui.trainer.experts import has_four_bit_experts, packed_linear_modules
from ftui.trainer.lean_lora import adapted_layers

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
LAYER_COUNTS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
NF4_BLOCK, DOUBLE_QUANT_BLOCK = 64, 256


def autocast_dtype(request: FitRequest) -> torch.dtype | None:
    """The dtype of autocast, or None where there is none."""
    return DTYPES[request.precision.removesuffix("-mixed")] if request.precision.endswith("-mixed") else None


def weights_dtype(request: FitRequest) -> torch.dtype:
    """The dtype that the weights are loaded in: fp32 where they are trained under autocast, else 16 bit."""
    if request.method == "full" and request.precision.endswith("-mixed"):
        return torch.float32
    if request.method != "full" and request.frozen_dtype:
        return DTYPES[request.frozen_dtype]
    return DTYPES[request.precision.removesuffix("-mixed")]


# ---- config ----


def layers_of(config: Mapping[str, Any]) -> int:
    """Number of transformer layers of the language model."""
    text = config.get("text_config") or config
    for name in LAYER_COUNTS:
        if isinstance(text.get(name), int):
            return int(text[name])
    raise FtuiError("The config does not say enough", f"it has none of {', '.join(LAYER_COUNTS)}")


def period_of(config: Mapping[str, Any]) -> tuple[int, int]:
    """(layers of an irregular start, layers after which the pattern repeats): (0, 1) where all layers are alike."""
    text = config.get("text_config") or config
    kinds = list(text.get("layer_types") or text.get("layers_block_type") or [])
    start = int(text.get("first_k_dense_replace") or 0)
    period = next((p for p in range(1, len(kinds)) if kinds == (kinds[:p] * len(kinds))[: len(kinds)]), len(kinds) or 1)
    period = max(period, *(int(text.get(name) or 1) for name in ("full_attention_interval", "sliding_window_pattern")))
    if start and start % period:
        start = -(-start // period) * period
    return start, period


def shortened(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """The same config with `layers` layers."""
    result = copy.deepcopy(dict(config))
    text = result.get("text_config") or result
    depth = layers_of(config)
    for name, value in list(text.items()):
        if name in LAYER_COUNTS:
            text[name] = layers
        elif isinstance(value, list) and len(value) == depth:
            text[name] = value[:layers]
    if isinstance(text.get("max_window_layers"), int):
        text["max_window_layers"] = min(text["max_window_layers"], layers)
    return result


# ---- model ----


def build(config: Mapping[str, Any], layers: int, request: FitRequest, device: str = "cpu") -> nn.Module:
    """The model with `layers` layers, adapters in place and ready to train. Weights are not initialised under
    FakeTensorMode and random otherwise. Raises FtuiError for what the installed libraries cannot build."""
    model = base_model(config, layers, request, device)
    if quantisation(request) != "none":
        _quantise(model, request)
    if request.method != "full":
        for parameter in model.parameters():
            parameter.requires_grad_(False)
    if quantisation(request) != "none" and kbit_upcast(request) != "none":
        _raise_to_fp32(model, norms_only=kbit_upcast(request) == "norms")
    if request.kernels == "liger":
        from ftui.trainer.dry_run_kernels import use_fused_kernels

        use_fused_kernels(model)
    if request.grad_checkpointing:
        model.gradient_checkpointing_enable()
    if request.method != "full":
        model = _with_adapter(model, request)
    model.train()
    return model


def base_model(config: Mapping[str, Any], layers: int, request: FitRequest, device: str) -> Any:
    """The model as transformers makes it from its config."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification
    from transformers.initialization import no_init_weights

    values = shortened(config, layers)
    model_type = values.pop("model_type", None)
    for name in ("torch_dtype", "dtype", "quantization_config", "auto_map"):
        values.pop(name, None)
    try:
        made = AutoConfig.for_model(model_type, **values)
        made.use_cache = False
        auto: Any = AutoModelForCausalLM
        if request.task == "reward":
            auto, made.num_labels, made.pad_token_id = AutoModelForSequenceClassification, 1, 0
        with torch.device(device), no_init_weights():
            model = _made(auto, made, request)
        # Tying is a part of initialising, which was left out.
        model.tie_weights()
        return model
    except (ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        import transformers

        words = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise FtuiError(
            "The installed transformers cannot build this model",
            f"transformers {transformers.__version__}, model type {model_type}: {words}",
            "The closed form (without --dry-run) may still answer.",
        ) from error


def _made(auto: Any, config: Any, request: FitRequest) -> Any:
    dtype = weights_dtype(request)
    wanted = "eager" if request.attention == "eager" else "sdpa"
    try:
        return auto.from_config(copy.deepcopy(config), dtype=dtype, attn_implementation=wanted)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        # BLOOM's ALiBi and Gemma 2's soft capping have no fused kernel.
        return auto.from_config(config, dtype=dtype, attn_implementation="eager")


def decoder_layers(model: nn.Module) -> list[nn.Module]:
    """The transformer layers of the language model, in order."""
    wanted = layers_of(_unwrapped(model).config.to_dict())
    stacks = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == wanted and "visi" not in name and "expert" not in name
    ]
    return list(stacks[0]) if stacks else []


def _unwrapped(model: nn.Module) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


# ---- parts ----


def _linear_modules(model: Any) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """(parent, name, layer) of every layer that transformers' bitsandbytes integration replaces."""
    from transformers.pytorch_utils import Conv1D
    from transformers.quantizers.base import get_keys_to_not_convert

    kept = tuple(get_keys_to_not_convert(model))
    for path, parent in list(model.named_modules()):
        for name, child in list(parent.named_children()):
            full = f"{path}.{name}".lstrip(".")
            if any(full == key or full.endswith(f".{key}") for key in kept) or name == "score":
                continue
            if isinstance(child, nn.Linear | Conv1D):
                yield parent, name, child


def _quantise(model: Any, request: FitRequest) -> None:
    kind = quantisation(request)
    if kind == "gptq":
        raise FtuiError(
            "The dry run cannot build GPTQ weights", "quant is gptq", "Take nf4-dq, or leave --dry-run out."
        )
    from ftui.trainer.dry_run_quantised import four_bit_layer, int8_layer, pack_experts

    compute = autocast_dtype(request) or weights_dtype(request)
    for parent, name, layer in _linear_modules(model):
        if kind == "int8":
            setattr(parent, name, int8_layer(layer))
        else:
            setattr(parent, name, four_bit_layer(layer, compute, double=kind == "nf4-dq"))
    if kind != "int8" and request.sharding in ("none", "ddp") and request.quantize_experts is not False:
        pack_experts(model, double=kind == "nf4-dq")
    model.is_quantized = True
    model.is_loaded_in_8bit, model.is_loaded_in_4bit = kind == "int8", kind != "int8"


def _raise_to_fp32(model: nn.Module, norms_only: bool) -> None:
    """What peft.prepare_model_for_kbit_training does to 16-bit parameters; tied ones stay tied."""
    made: dict[int, nn.Parameter] = {}
    for module in model.modules():
        if norms_only and "norm" not in type(module).__name__.lower():
            continue
        for name, parameter in list(module._parameters.items()):
            if parameter is None or parameter.dtype not in (torch.bfloat16, torch.float16):
                continue
            if id(parameter) not in made:
                made[id(parameter)] = nn.Parameter(parameter.detach().float(), requires_grad=False)
            module._parameters[name] = made[id(parameter)]


def _with_adapter(model: Any, request: FitRequest) -> Any:
    from peft import LoraConfig, get_peft_model

    targets: Any = "all-linear" if request.lora_targets == ("all-linear",) else list(request.lora_targets)
    if targets == "all-linear" and has_four_bit_experts(model):
        targets = packed_linear_modules(model)  # as the trainer does
    config = LoraConfig(
        task_type="SEQ_CLS" if request.task == "reward" else "CAUSAL_LM",
        r=request.lora_rank,
        lora_dropout=request.lora_dropout,
        target_modules=targets,
        modules_to_save=list(request.modules_to_save) or None,
        init_lora_weights=not _is_fake(model),
    )
    try:
        adapted: Any = get_peft_model(model, config)
    except ValueError as error:
        raise FtuiError("No module of the model matches the LoRA targets", str(error).splitlines()[0][:300]) from error
    if request.grad_checkpointing:
        adapted.enable_input_require_grads()
    wanted = DTYPES[adapter_dtype(request)]
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad and "lora_" in name and parameter.dtype is not wanted:
            parameter.data = parameter.data.to(wanted)
    if not request.lora_casts and request.precision.endswith("-mixed"):
        for layer in adapted_layers(adapted):
            layer.cast_input_dtype_enabled = False
    return adapted


def _is_fake(model: nn.Module) -> bool:
    from torch._subclasses.fake_tensor import FakeTensor

    return isinstance(next(model.parameters()), FakeTensor)
