"""Parameters of the vision towers that come with some language models. They are loaded even for text-only tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.core.fit.fields import Fields


def vision_params(config: Mapping[str, Any], text_hidden: int) -> int:
    """Elements of the vision tower and its projector; 0 for a text-only model or an unknown tower."""
    vision = config.get("vision_config")
    if not isinstance(vision, Mapping):
        return 0
    model_type = str(config.get("model_type"))
    fields = Fields(vision, f"{model_type} vision")
    if model_type == "gemma3":
        return _siglip(fields, text_hidden)
    if model_type == "mistral3":
        return _pixtral(fields, text_hidden, int(config.get("spatial_merge_size") or 2))
    if model_type in ("qwen3_5", "qwen3_5_moe"):
        return _qwen(fields)
    return 0


def _siglip(fields: Fields, text_hidden: int) -> int:
    hidden, width, patch = fields.size("hidden_size"), fields.size("intermediate_size"), fields.size("patch_size")
    patches = (fields.size("image_size") // patch) ** 2
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * width + width + hidden + 4 * hidden
    embedding = 3 * patch * patch * hidden + hidden + patches * hidden
    projector = hidden * text_hidden + hidden
    return embedding + fields.size("num_hidden_layers") * layer + 2 * hidden + projector


def _pixtral(fields: Fields, text_hidden: int, merge: int) -> int:
    hidden, width, patch = fields.size("hidden_size"), fields.size("intermediate_size"), fields.size("patch_size")
    heads, _, head_dim = fields.heads()
    layer = 4 * hidden * heads * head_dim + 3 * hidden * width + 2 * hidden
    projector = hidden + merge * merge * hidden * hidden + hidden * text_hidden + text_hidden * text_hidden
    return 3 * patch * patch * hidden + hidden + fields.size("num_hidden_layers") * layer + projector


def _qwen(fields: Fields) -> int:
    hidden, width, patch = fields.size("hidden_size"), fields.size("intermediate_size"), fields.size("patch_size")
    merged = hidden * fields.size("spatial_merge_size") ** 2
    out = fields.size("out_hidden_size")
    layer = 4 * hidden + 4 * hidden * hidden + 4 * hidden + 2 * hidden * width + width + hidden
    embedding = fields.size("in_channels") * fields.size("temporal_patch_size") * patch * patch * hidden + hidden
    positions = fields.size("num_position_embeddings") * hidden
    projector = 2 * hidden + merged * merged + merged + merged * out + out
    return embedding + positions + fields.size("depth") * layer + projector
