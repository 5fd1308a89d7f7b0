"""Several GPUs: what each of them holds under DDP, FSDP, ZeRO-2 and ZeRO-3.

DDP copies everything and exchanges gradients through buckets of their size. FSDP and ZeRO-3 keep 1/n of weights,
gradients and optimizer state, and gather the layers that are being computed in the dtype of the arithmetic; ZeRO-2
keeps all weights. DeepSpeed trains 16-bit weights with an fp32 copy in the optimizer (arXiv 1910.02054).
"""

from __future__ import annotations

from ftui.core.fit.step import Components, Step

GATHERED_LAYERS = 2
"""The layer that is computed, and the next one, which is fetched meanwhile."""
REDUCE_BUCKET = 500_000_000
"""Elements of DeepSpeed's bucket of gradients (reduce_bucket_size)."""
KEPT_IN_BACKWARD = 2
"""Hidden states per layer that are still there when FSDP's backward pass reaches the first layer, where the layers are
frozen: the checkpoint, and as much again. Measured, by fms-acceleration on 2 and 4 GPUs: 55 runs with adapters peak
there, at sharded weights, one layer and this, most within 1 %; runs that train the layers do not. (FSDP 1 puts a hook
on the inputs of frozen layers: torch/distributed/fsdp/_runtime_utils.py, _register_post_backward_reshard_only_hook.)"""
WITHOUT_WEIGHTS = ("optimizer",)
"""Phases that compute nothing with gathered weights."""


def shard(step: Step, phases: dict[str, Components]) -> dict[str, Components]:
    """Give the phases of one GPU of `gpus`."""
    request = step.request
    if request.gpus == 1 or request.sharding == "none":
        return phases
    if request.sharding == "ddp":
        return {name: {**parts, "communication": step.states.gradients} for name, parts in phases.items()}
    if request.sharding == "fsdp":
        return {name: _fsdp(step, name, parts) for name, parts in phases.items()}
    return {name: _zero(step, name, parts) for name, parts in phases.items()}


def _shared(step: Step, size: int) -> int:
    return 0 if step.request.cpu_offload else -(-size // step.request.gpus)


def _fsdp(step: Step, name: str, parts: Components) -> Components:
    shared = dict(parts)
    if step.recipe.train_base:
        shared["weights"] = step.states.trainable * step.recipe.trained
    for part in ("weights", "quantisation", "adapters", "optimizer", "reference", "optimizer_workspace", "gradients"):
        if part in shared:
            shared[part] = _shared(step, shared[part])
    if name not in WITHOUT_WEIGHTS:
        shared["gathered"] = _gathered_layers(step) + _root(step)
        if step.recipe.train_base and "gradients" in shared:
            shared["gradients"] += _layer_params(step) * step.recipe.compute
    if name == "backward_first_layer" and step.request.grad_checkpointing and not step.recipe.train_base:
        shared["checkpoints"] = KEPT_IN_BACKWARD * step.shape.layers * step.stream
    return shared


def _zero(step: Step, name: str, parts: Components) -> Components:
    states, request = step.states, step.request
    shared = dict(parts)
    width = step.recipe.compute
    if step.recipe.train_base:
        # 16-bit weights and gradients; fp32 weights and both moments in the optimizer.
        shared["weights"] = states.trainable * width
        shared["optimizer"] = _shared(step, states.trainable * 4 + states.trainable * 8)
        share = parts.get("gradients", 0) / max(1, states.gradients)
        bucket = min(REDUCE_BUCKET, states.trainable) * width
        shared["gradients"] = int(_shared(step, states.trainable * width) * min(1.0, share)) + bucket
    else:
        shared["optimizer"] = _shared(step, shared["optimizer"])
    if "optimizer_workspace" in shared:
        shared["optimizer_workspace"] = _shared(step, shared["optimizer_workspace"])
    if request.sharding == "zero3":
        for part in ("weights", "quantisation", "adapters", "reference"):
            if part in shared:
                shared[part] = _shared(step, shared[part])
        if name not in WITHOUT_WEIGHTS:
            shared["gathered"] = _gathered_layers(step) + _root(step)
    return shared


def _layer_params(step: Step) -> int:
    return max(block.params for block in step.shape.blocks)


def _gathered_layers(step: Step) -> int:
    """Two layers as they are stored when quantised, else in the dtype of the arithmetic."""
    layer = step.states.largest_layer
    if step.recipe.quant == "none":
        layer = _layer_params(step) * step.recipe.compute
    return GATHERED_LAYERS * layer


def _root(step: Step) -> int:
    """Embedding, head and final norm: the outermost unit stays gathered from the first forward to the last backward."""
    inside = sum(block.count * block.params for block in step.shape.blocks)
    return (step.shape.text_params - inside) * step.recipe.compute
