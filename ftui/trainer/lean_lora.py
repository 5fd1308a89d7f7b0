"""LoRA without a copy of every layer's input.

Under autocast PEFT raises a layer's input to its adapter's fp32, and autocast lowers it again for the product: two
passes over memory, and for the backward pass a 16-bit copy of its own at each adapted layer, of numbers that are there
already. Left out, q, k and v keep one input together, and so do gate and up. The products are the same ones. (PEFT's
layers over bitsandbytes weights do without that cast under autocast anyway.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ftui.core.plan import Plan
from ftui.trainer.columns import ONLINE


def leaves_out_casts(plan: Plan, mixed_precision: bool) -> bool:
    """Whether a plan's training steps can do without the casts: every forward pass of theirs is under autocast.

    DoRA measures its weights in the type of the input; online training also generates, outside of autocast.
    """
    method = plan.method
    return mixed_precision and method.technique != "full" and not method.dora and method.task not in ONLINE


@contextlib.contextmanager
def without_casts(layers: list[Any]) -> Iterator[None]:
    """Inside, these adapted layers (see `adapted_layers`) take their inputs as they come."""
    for layer in layers:
        layer.cast_input_dtype_enabled = False
    try:
        yield
    finally:
        for layer in layers:
            layer.cast_input_dtype_enabled = True


def adapted_layers(model: Any) -> list[Any]:
    """The layers of a model that have an adapter and would cast their input."""
    return [module for module in model.modules() if getattr(module, "cast_input_dtype_enabled", False)]
