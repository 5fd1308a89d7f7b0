"""What stays on the GPU between steps: weights by storage type, adapters, optimizer state; and its passing needs."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.fit.recipe import Recipe
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import Linear, ModelShape

NF4_BLOCK, NF4_NESTED = 64, 256
"""Weights that share one absmax; absmaxes that share one second-level absmax (double quantisation)."""
STATE_BLOCK = 256
"""Elements that share one fp32 scale in 8-bit optimizer state."""


class States(NamedTuple):
    """Bytes on one GPU before any sharding."""

    weights: int
    """Base weights in their storage type, vision tower included; what full fine-tuning trains as well."""
    quantisation: int
    """Scales and zero points of quantised weights."""
    adapters: int
    """Adapters, and full copies of modules_to_save."""
    optimizer: int
    gradients: int
    """All gradients that the optimizer step reads."""
    workspace: int
    """Temporary tensors of the optimizer step."""
    trainable: int
    """Trained elements."""
    largest_layer: int
    """Bytes of the weights of one layer as they are stored (for sharding)."""
    root: int
    """Bytes of the weights outside layers."""


def count_states(shape: ModelShape, request: FitRequest, recipe: Recipe) -> States:
    """Count weights, adapters, gradients and optimizer state."""
    per_layer = [_layer(block.linears, block.norm_params, recipe) for block in shape.blocks]
    layers = sum(
        block.count * (stored + scales) for block, (stored, scales) in zip(shape.blocks, per_layer, strict=True)
    )
    scales = sum(block.count * scale for block, (_, scale) in zip(shape.blocks, per_layer, strict=True))
    # A reward model has one row in the place of the output head: its one number for a conversation.
    params = shape.text_params + (shape.hidden_size - shape.head_params if request.task == "reward" else 0)
    outside = params - sum(block.count * block.params for block in shape.blocks)
    root = outside * recipe.frozen_other
    weights = layers - scales + root + shape.vision_params * recipe.weight
    adapters, saved = lora_params(shape, recipe), _saved_modules(shape, request)
    if recipe.train_base:
        trainable, width, largest = params, recipe.trained, _largest(shape)
    else:
        trainable, width, largest = adapters + saved, recipe.adapter, shape.embedding_params if saved else 0
    gradients = trainable * width
    if request.optimizer_in_backward:
        gradients = 0
    embeddings = saved
    if recipe.train_base:
        embeddings = shape.embedding_params
    return States(
        weights=weights,
        quantisation=scales,
        adapters=0 if recipe.train_base else trainable * recipe.adapter,
        optimizer=_optimizer_state(request, trainable, width, embeddings, shape, recipe),
        gradients=gradients,
        workspace=_workspace(request, trainable, width, largest),
        trainable=trainable,
        largest_layer=max(stored + scale for stored, scale in per_layer),
        root=root,
    )


def _layer(linears: tuple[Linear, ...], norm_params: int, recipe: Recipe) -> tuple[int, int]:
    """Bytes of weights and of scales of one layer."""
    stored, scales = norm_params * recipe.norm_weight, 0
    for linear in linears:
        stored += stored_bytes(linear, recipe)
        if recipe.quantises(linear):
            scales += quantisation_bytes(linear, recipe.quant, recipe.gptq_group)
    return stored, scales


def stored_bytes(linear: Linear, recipe: Recipe) -> int:
    """Bytes of one matrix with its bias, as it is stored, without scales."""
    if not recipe.quantises(linear):
        return linear.params * recipe.weight
    return int(linear.weights * (1 if recipe.quant == "int8" else 0.5)) + (
        (linear.params - linear.weights) * recipe.frozen_other
    )


def quantisation_bytes(linear: Linear, quant: str, gptq_group: int = 128) -> int:
    """Bytes of scales and zero points of one quantised matrix (bitsandbytes, AutoGPTQ)."""
    match quant:
        case "nf4":
            return linear.weights // NF4_BLOCK * 4
        case "nf4-dq":
            blocks = linear.weights // NF4_BLOCK
            return blocks + blocks // NF4_NESTED * 4 + linear.copies * 1024
        case "int8":
            return linear.copies * linear.out_features * 4
        case _:
            groups = -(-linear.in_features // gptq_group) if gptq_group else 1
            return linear.copies * (groups * linear.out_features * 5 // 2 + linear.in_features * 4)


def lora_params(shape: ModelShape, recipe: Recipe) -> int:
    """Trained elements of LoRA: rank x (in + out) for every adapted matrix."""
    if not recipe.targets:
        return 0
    params = sum(
        block.count * recipe.rank_of(linear) * linear.copies * (linear.in_features + linear.out_features)
        for block in shape.blocks
        for linear in block.linears
        if recipe.adapts(linear)
    )
    if "lm_head" in recipe.targets:
        params += recipe.rank * (shape.vocab_size + shape.embedding_width)
    return params


def _saved_modules(shape: ModelShape, request: FitRequest) -> int:
    """Elements of modules that are copied and trained in full beside the adapters."""
    names = set(request.modules_to_save)
    heads = sum(1 for name in names if name in ("lm_head", "embed_out"))
    embeddings = sum(1 for name in names if name in ("embed_tokens", "wte", "embed_in", "word_embeddings"))
    return (heads + embeddings) * shape.embedding_params


def _largest(shape: ModelShape) -> int:
    """Elements of the largest single weight."""
    matrices = (linear.weights for block in shape.blocks for linear in block.linears)
    return max(shape.embedding_params, *matrices)


def _optimizer_state(
    request: FitRequest, trainable: int, width: int, embeddings: int, shape: ModelShape, recipe: Recipe
) -> int:
    """Bytes of AdamW's two moments (in the dtype of the weights, or 8 bit), or of Adafactor's rows and columns."""
    if request.offload_optimizer:
        return 0
    match request.optimizer:
        case "adamw_torch" | "adamw_torch_fused":
            return 2 * trainable * width
        case "adamw_8bit":
            # transformers keeps the state of embeddings in 32 bit.
            return int((trainable - embeddings) * (2 + 2 * 4 / STATE_BLOCK)) + embeddings * 8
        case "paged_adamw_8bit":
            # Paged state lives in unified memory: outside PyTorch's allocator, and moved away when space is short.
            return 0
        case "adafactor":
            rows = sum(
                block.count * linear.copies * (linear.in_features + linear.out_features)
                for block in shape.blocks
                for linear in block.linears
            )
            return 4 * rows if recipe.train_base else trainable * 4 // max(1, recipe.rank)
        case _:
            return 0


def _workspace(request: FitRequest, trainable: int, width: int, largest: int) -> int:
    """Temporary bytes of one optimizer step."""
    if request.optimizer_in_backward:
        return 2 * largest * width
    match request.optimizer:
        case "adamw_torch":
            # foreach: the square roots of all second moments at once.
            return trainable * width
        case "adafactor":
            # One matrix at a time: the update and the square of the gradient; both of 16-bit numbers in fp32 before.
            return largest * (8 if width == 4 else 16)
        case _:
            return 0
