"""What a fit question leaves unsaid about the training loop: ftui's own, or the plain one that others run.

ftui never trains with the `full` loss: it computes the loss in pieces. Whoever asks about `--loss full` asks about
another loop. What those have in common was measured in published runs: PEFT's adapters in fp32 with casts around them,
logits that are copied when they are shifted by one token (transformers before 5, loss/loss_utils.py: ForCausalLMLoss),
and an output object that holds the logits while the backward pass runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRAINER = {"accumulates": True, "logits_held": False}
"""How ftui's trainer differs from a bare training loop: it adds up gradients, and lets the logits go."""
PLAIN_LOOP = {"accumulates": False, "logits_held": True, "lora_casts": True, "transformers": "4.48"}
ONLINE = ("grpo", "rloo")


def with_stack(given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the fields of FitRequest that describe the training loop to those that the user named, which win."""
    if is_plain_loop(given):
        adapters = {} if given.get("method") == "full" else {"adapter_dtype": "fp32"}
        # The kernels that work in place come with trainers that let go of the output.
        in_place = {"logits_held": False} if given["loss"] == "inplace" else {}
        return {**PLAIN_LOOP, **adapters, **in_place, **given}
    # Online training generates outside of autocast, and needs the casts of LoRA's inputs that ftui else leaves out.
    found = {**TRAINER, "lora_casts": given.get("task") in ONLINE, **given}
    if one_micro_batch(given):
        found["accumulates"] = False
    return found


def is_plain_loop(given: Mapping[str, Any]) -> bool:
    """Whether the question can only be about another program's training."""
    return given.get("loss") in ("full", "inplace") and given.get("task", "sft") == "sft"


def one_micro_batch(given: Mapping[str, Any]) -> bool:
    """Whether method and micro-batch were named, and nothing was said of adding up several."""
    return "method" in given and "micro_batch" in given and "accumulates" not in given


def stack_words(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What was taken for granted, in sentences."""
    found = []
    if is_plain_loop(given) and "transformers" not in given:
        found.append(
            "ftui itself never holds all logits: a whole loss is counted as other loops take it, with the shifted copy "
            "that transformers made before 5 (--transformers 5 leaves it out)"
        )
    if given.get("method") == "full" and one_micro_batch(given):
        found.append("one micro-batch makes a step; gradients of several are kept longer (--accumulation N)")
    return tuple(found)
