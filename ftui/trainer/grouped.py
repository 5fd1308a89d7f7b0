"""Grouped queries on GPUs before Ampere: keys are repeated there, or the scores of all pairs of tokens are written out.

transformers asks PyTorch's attention for grouped queries whatever the GPU. Only FlashAttention has a kernel for them;
where the GPU cannot run it, PyTorch falls back to plain arithmetic without a word: gigabytes at 2,048 tokens on a T4,
and half the speed. With keys and values repeated for every query head the memory-efficient kernel serves.
Source: transformers issue 48633; aten/src/ATen/native/transformers/cuda/sdp_utils.cpp.
"""

from __future__ import annotations

from typing import Any

FLASH_SINCE = (8, 0)
"""Compute capability from which on FlashAttention-2 runs."""


def repeat_keys_where_needed() -> None:
    """Let transformers repeat keys and values in this process, if its GPU has no kernel for grouped queries."""
    import torch

    if torch.cuda.is_available() and torch.cuda.get_device_capability() < FLASH_SINCE:
        for owner, name, stand_in in repeated_keys():
            setattr(owner, name, stand_in)


def repeated_keys() -> list[tuple[Any, str, Any]]:
    """What has to be replaced by what in transformers, so that keys and values are repeated."""
    from transformers.integrations import sdpa_attention

    return [(sdpa_attention, "use_gqa_in_sdpa", _never)]


def _never(*_: object, **__: object) -> bool:
    return False
