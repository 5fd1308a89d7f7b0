"""What a prediction takes for granted: said to the user, so that no guess is silent."""

from __future__ import annotations

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.recipe import kbit_upcast
from ftui.core.fit.step import Step, completion_tokens, keeps_reference
from ftui.core.text import gib


def assumptions(step: Step, gpu: Gpu | None) -> tuple[str, ...]:
    """One sentence for each choice that the request left open and that changes the result."""
    request, shape, recipe = step.request, step.shape, step.recipe
    found = list(shape.assumed)
    if shape.max_positions is not None and request.seq_len > shape.max_positions:
        found.append(f"length {request.seq_len} is beyond the {shape.max_positions} tokens that the model was made for")
    if recipe.quant not in ("none", "gptq") and not request.kbit_upcast and kbit_upcast(request, gpu) == "all":
        found.append(
            "embeddings, norms and head are raised to fp32 (peft.prepare_model_for_kbit_training), no autocast"
        )
    if shape.is_moe and recipe.quant != "none" and not recipe.quantises_experts:
        experts = sum(
            block.count * linear.weights * recipe.weight
            for block in shape.blocks
            for linear in block.linears
            if linear.role == "expert"
        )
        found.append(
            f"the experts ({gib(experts)}) stay in 16 bit: transformers holds them as one tensor per layer, which is"
            " packed into four bits only, and only where each GPU holds a whole model"
        )
    if shape.is_moe and recipe.quantises_experts and recipe.quant != "none" and not recipe.loops_experts:
        found.append(
            "the experts are packed into four bits too, a layer's unpacked while it runs; LoRA adapts the layers"
            " around them"
        )
    if recipe.adapts_experts:
        found.append(
            "all-linear adapts the experts too: PEFT works on a 16-bit copy of one layer's; name q_proj,k_proj,v_proj,"
            "o_proj to leave them out"
        )
    if shape.vision_params:
        found.append("text only: the vision tower is loaded and frozen, no images pass through it")
    if request.task in ("grpo", "rloo") and request.completion_len is None:
        found.append(f"completions of {completion_tokens(request)} tokens, half of the length")
    if keeps_reference(request) and request.reference_model is None:
        found.append("a frozen copy of the model is loaded as reference")
    if request.attention == "sdpa" and any(block.attention.scores in ("alibi", "softcap") for block in shape.blocks):
        found.append("this model has no sdpa attention in transformers: its scores are written out (eager)")
    if request.sharding == "fsdp" and request.grad_checkpointing and not recipe.train_base:
        found.append("FSDP holds one more hidden state of each frozen layer until its backward pass ends, as measured")
    if request.gpus > 1 and request.sharding == "none":
        found.append(f"{request.gpus} GPUs without sharding: each is counted on its own")
    if any(block.attention.kind == "linear" for block in shape.blocks):
        found.append("linear attention runs in the torch code of transformers, not in a fused kernel")
    return tuple(found)
