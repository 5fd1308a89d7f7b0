"""The experts of a mixture in four bits.

transformers 5 holds the experts of a layer as one tensor, not as linear layers, and its bitsandbytes integration leaves
that tensor in 16 bit: nearly all of a mixture. Here each stack of experts is quantised while it is loaded, one at a
time, and unpacked for as long as its layer runs (bitsandbytes.nn.parametrize).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def four_bit_experts(quantisation: Any) -> Iterator[None]:
    """Inside, models that are loaded with these settings (a BitsAndBytesConfig of four bits) have their experts
    quantised too. Other settings, or None, change nothing."""
    if not getattr(quantisation, "load_in_4bit", False):
        yield
        return
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    plain = AUTO_QUANTIZER_MAPPING["bitsandbytes_4bit"]
    AUTO_QUANTIZER_MAPPING["bitsandbytes_4bit"] = _quantiser()
    try:
        yield
    finally:
        AUTO_QUANTIZER_MAPPING["bitsandbytes_4bit"] = plain


def has_four_bit_experts(model: Any) -> bool:
    """Whether any stack of experts of the model is held in four bits."""
    return any("experts.parametrizations." in name for name, _ in model.named_parameters())


def is_stack(module: Any, name: str) -> bool:
    """Whether this parameter of `module` holds the matrices of several experts."""
    import torch

    parameter = module._parameters.get(name)
    return hasattr(module, "num_experts") and isinstance(parameter, torch.nn.Parameter) and parameter.dim() == 3


def unpack_on_use(module: Any, name: str, state: Any) -> None:
    """Let `module` give its packed parameter `name` unpacked, once for each of its forward passes."""
    from bitsandbytes.nn import parametrize as bnb
    from torch.nn.utils import parametrize

    parametrize.register_parametrization(module, name, bnb.Bnb4bitParametrization(state), unsafe=True)
    bnb._register_parametrization_hooks(module, name)


def unpack_for_good(model: Any) -> None:
    """Give back plain parameters in the place of packed ones, as `model.dequantize()` does for linear layers."""
    import torch
    from torch.nn.utils import parametrize

    for module in list(model.modules()):
        for name in [name for name in getattr(module, "parametrizations", {}) if hasattr(module, "num_experts")]:
            plain = getattr(module, name).detach()
            parametrize.remove_parametrizations(module, name, leave_parametrized=False)
            setattr(module, name, torch.nn.Parameter(plain, requires_grad=False))


def packed_linear_modules(model: Any) -> list[str]:
    """Last names of the four-bit linear layers: what LoRA reaches of a mixture whose experts are packed."""
    named = model.named_modules()
    return sorted({name.rpartition(".")[2] for name, module in named if type(module).__name__ == "Linear4bit"})


def has_open_experts(model: Any) -> bool:
    """Whether the model has stacks of experts that are not packed."""
    return any(is_stack(module, name) for module in model.modules() for name in module._parameters)


def _quantiser() -> Any:
    """transformers' quantiser for four bits that takes stacks of experts as well."""
    from transformers.quantizers.quantizer_bnb_4bit import Bnb4BitHfQuantizer
    from transformers.quantizers.quantizers_utils import get_module_from_name

    class WithExperts(Bnb4BitHfQuantizer):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.states: dict[str, Any] = {}

        def param_needs_quantization(self, model: Any, param_name: str, **named: Any) -> bool:
            if param_name in self.states or is_stack(*get_module_from_name(model, param_name)):
                return True
            return bool(super().param_needs_quantization(model, param_name, **named))

        def get_quantize_ops(self) -> Any:
            return _operation()(self)

        def _process_model_after_weight_loading(self, model: Any, **named: Any) -> Any:
            model = super()._process_model_after_weight_loading(model, **named)
            for path, state in self.states.items():
                unpack_on_use(*get_module_from_name(model, path), state)
            return model

    return WithExperts


def _operation() -> Any:
    """What the loader does with each parameter that is to be quantised."""
    import torch
    from bitsandbytes.functional import quantize_4bit
    from transformers.integrations.bitsandbytes import Bnb4bitQuantize
    from transformers.quantizers.quantizers_utils import get_module_from_name

    class Quantise(Bnb4bitQuantize):
        def convert(  # type: ignore[override]
            self, input_dict: dict[str, Any], model: Any = None, **named: Any
        ) -> dict[str, Any]:
            settings, made, others = self.hf_quantizer.quantization_config, {}, {}
            for path, value in input_dict.items():
                if not is_stack(*get_module_from_name(model, path)):
                    others[path] = value
                    continue
                packed, state = quantize_4bit(
                    value[0] if isinstance(value, list) else value,
                    compress_statistics=settings.bnb_4bit_use_double_quant,
                    quant_type=settings.bnb_4bit_quant_type,
                )
                self.hf_quantizer.states[path] = state
                made[path] = torch.nn.Parameter(packed, requires_grad=False)
            return {**made, **(super().convert(others, model=model, **named) if others else {})}

    return Quantise
