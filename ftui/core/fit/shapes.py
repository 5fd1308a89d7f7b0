"""The shapes of a model: every matrix it holds, from a config.json alone.

Stable interface: `ModelShape`, `shape_from_config`, and the dataclasses below. A `ModelShape` is what every formula
of this package reads; how it is read out of a config of each model family is in `families.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

Role = Literal["attention", "mlp", "expert", "router", "other"]
AttentionKind = Literal["softmax", "linear"]
MlpKind = Literal["gated", "plain", "moe"]
NormKind = Literal["rms", "rms_wide", "layer", "none"]


class Linear(NamedTuple):
    """One weight matrix (out_features x in_features), or `copies` equal ones (the experts of a MoE layer)."""

    name: str
    """The module's own name in transformers: what a LoRA target list says ("q_proj")."""
    in_features: int
    out_features: int
    bias: bool = False
    copies: int = 1
    role: Role = "mlp"

    @property
    def weights(self) -> int:
        """Elements of the matrix itself, without bias."""
        return self.copies * self.in_features * self.out_features

    @property
    def params(self) -> int:
        """Elements with bias."""
        return self.weights + (self.copies * self.out_features if self.bias else 0)


class Attention(NamedTuple):
    """What the attention of one layer computes. Dimensions per head, in elements."""

    kind: AttentionKind = "softmax"
    heads: int = 0
    kv_heads: int = 0
    qk_dim: int = 0
    value_dim: int = 0
    window: int | None = None
    """Sliding window in tokens; None looks at everything."""
    qk_norm: bool = False
    rotary_fraction: float = 1.0
    """Share of qk_dim that is rotated; 0 where positions are learned or ALiBi."""
    output_gate: bool = False
    scores: Literal["", "alibi", "softcap", "math"] = ""
    """Why the score matrix is not left to a fused kernel: ALiBi (BLOOM), soft-capping (Gemma 2, unless flash attention
    does it), one key head for all queries without saying so (Falcon)."""


class Mlp(NamedTuple):
    """What the feed-forward part of one layer computes."""

    kind: MlpKind = "gated"
    width: int = 0
    """Hidden width of the dense MLP, or of one routed expert."""
    activation: str = "silu"
    experts: int = 0
    experts_per_token: int = 0
    shared_width: int = 0
    """Hidden width of the experts that every token passes (MoE), 0 if none."""


@dataclass(frozen=True, slots=True)
class Block:
    """`count` transformer layers of the same shape."""

    count: int
    attention: Attention
    mlp: Mlp
    linears: tuple[Linear, ...]
    norm_params: int
    """Elements of norms, attention sinks and convolutions: never quantised, no adapter."""
    norm: NormKind = "rms"
    """rms_wide: the weight is multiplied in fp32, before the result is narrowed (Gemma, OLMo 2)."""
    norms: int = 2
    """How many norms of hidden_size are applied to the stream in this layer."""
    parallel: bool = False
    """Attention and MLP read the same input (GPT-NeoX, Falcon, Phi)."""
    norms_after: bool = False
    """The two norms are applied to the results of attention and MLP, not to their inputs (OLMo 2)."""
    residual_dropout: bool = False
    """What attention and MLP add to the stream passes a dropout (GPT-2, OPT)."""

    @property
    def params(self) -> int:
        """Elements of one of these layers."""
        return sum(linear.params for linear in self.linears) + self.norm_params


@dataclass(frozen=True)
class ModelShape:
    """A causal language model, as sizes. Counts are elements, not bytes; tied matrices are counted once."""

    model_type: str
    architecture: str
    hidden_size: int
    vocab_size: int
    blocks: tuple[Block, ...]
    tied: bool
    max_positions: int | None
    """Longest input that the model was made for, in tokens; None if the config names no limit (ALiBi)."""
    embedding_width: int
    """Width of one token's embedding: hidden_size, except OPT-350m."""
    position_params: int = 0
    """Learned position embeddings."""
    final_norm_params: int = 0
    other_params: int = 0
    """Projections around the embedding and norms after it (OPT-350m, BLOOM)."""
    head_bias: bool = False
    vision_params: int = 0
    """A vision tower and its projector: loaded, and frozen when text is tuned."""
    checkpoint_dtype: str = ""
    """The dtype that the config names ("bfloat16"), empty if none."""
    softcap: bool = False
    """Final logits pass a tanh soft cap (Gemma 2): one more copy of the logits."""
    assumed: tuple[str, ...] = ()
    """Fields that the config did not have, and what was taken instead: say them to the user."""

    @cached_property
    def layers(self) -> int:
        """Number of transformer layers."""
        return sum(block.count for block in self.blocks)

    @cached_property
    def embedding_params(self) -> int:
        """Elements of the token embedding."""
        return self.vocab_size * self.embedding_width

    @cached_property
    def head_params(self) -> int:
        """Elements of an output head of its own: 0 when tied."""
        head = 0 if self.tied else self.vocab_size * self.embedding_width
        return head + (self.vocab_size if self.head_bias else 0)

    @cached_property
    def text_params(self) -> int:
        """Elements of the language model: embedding, layers, norms, head."""
        return (
            self.embedding_params
            + self.position_params
            + self.other_params
            + sum(block.count * block.params for block in self.blocks)
            + self.final_norm_params
            + self.head_params
        )

    @cached_property
    def total_params(self) -> int:
        """Elements of the whole loaded model, the vision tower included."""
        return self.text_params + self.vision_params

    @cached_property
    def linear_params(self) -> int:
        """Elements of the matrices inside the layers, without bias: what 4-bit quantisation applies to."""
        return sum(block.count * linear.weights for block in self.blocks for linear in block.linears)

    @cached_property
    def active_params(self) -> int:
        """Elements that one token passes: of a MoE layer, the chosen experts only."""
        idle = 0
        for block in self.blocks:
            if block.mlp.experts:
                routed = sum(linear.params for linear in block.linears if linear.role == "expert")
                idle += block.count * routed * (block.mlp.experts - block.mlp.experts_per_token) // block.mlp.experts
        return self.text_params - idle

    @property
    def is_moe(self) -> bool:
        """Whether any layer has routed experts."""
        return any(block.mlp.experts for block in self.blocks)


def shape_from_config(config: Mapping[str, Any]) -> ModelShape:
    """Read the shapes out of a Hugging Face `config.json`, given as a mapping.

    Raises FtuiError when the model type is unknown or a field that decides sizes is missing or not a positive
    number; what could be assumed instead is listed in the result's `assumed`.
    """
    from ftui.core.fit.families import read_config

    return read_config(config)
