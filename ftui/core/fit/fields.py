"""Reads single fields of a config.json, with one clear sentence when a field is missing or nonsense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ftui.errors import FtuiError


class Fields:
    """A config (or its text part) whose fields are read by name; remembers what had to be assumed."""

    def __init__(self, config: Mapping[str, Any], model_type: str) -> None:
        self.config = config
        self.model_type = model_type
        self.assumed: list[str] = []

    def has(self, *names: str) -> bool:
        """Whether any of these fields has a value."""
        return any(self.config.get(name) is not None for name in names)

    def size(self, *names: str) -> int:
        """Give the first of these fields that is there, a whole number from 1 up; FtuiError if none is."""
        value = self.optional_size(*names)
        if value is None:
            raise FtuiError(
                "The config does not say enough",
                f"a {self.model_type} config needs {' or '.join(names)}",
                "Give the model's own config.json, complete.",
            )
        return value

    def optional_size(self, *names: str) -> int | None:
        """Like `size`, but None where the field is absent or null (0 counts as absent)."""
        for name in names:
            value = self.config.get(name)
            if value is None or value == 0:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value) or value < 1:
                raise FtuiError(
                    "The config makes no sense", f"{name} is {value!r}; it must be a whole number from 1 up"
                )
            return int(value)
        return None

    def assume_size(self, default: int, *names: str) -> int:
        """Like `size`, but takes `default` where the field is absent, and says so."""
        value = self.optional_size(*names)
        if value is None:
            self.assumed.append(f"{names[0]} is not in the config: took {default}")
            return default
        return value

    def flag(self, default: bool, *names: str) -> bool:
        """Give the first of these fields that is there as a truth value; `default` is transformers' own."""
        for name in names:
            if self.config.get(name) is not None:
                return bool(self.config[name])
        return default

    def text(self, default: str, *names: str) -> str:
        """Give the first of these fields that is there as text."""
        for name in names:
            if isinstance(self.config.get(name), str):
                return str(self.config[name])
        return default

    def heads(self) -> tuple[int, int, int]:
        """Attention heads, key/value heads, and elements per head; FtuiError if they do not divide."""
        heads = self.size("num_attention_heads", "n_head")
        kv_heads = self.optional_size("num_key_value_heads") or heads
        hidden = self.size("hidden_size", "n_embd")
        head_dim = self.optional_size("head_dim")
        if head_dim is None:
            if hidden % heads:
                raise FtuiError(
                    "The config makes no sense", f"hidden_size {hidden} is no multiple of num_attention_heads {heads}"
                )
            head_dim = hidden // heads
        if heads % kv_heads:
            raise FtuiError(
                "The config makes no sense", f"{heads} attention heads cannot share {kv_heads} key/value heads"
            )
        return heads, kv_heads, head_dim
