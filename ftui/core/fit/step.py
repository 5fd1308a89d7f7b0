"""One training step taken apart: what stays, and the tapes of every layer and of the head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.head import Head, head_tape
from ftui.core.fit.layer import layer_tape
from ftui.core.fit.parts import Batch
from ftui.core.fit.recipe import Recipe, resolve
from ftui.core.fit.request import FitRequest
from ftui.core.fit.rounding import unsplit_bytes
from ftui.core.fit.shapes import Block, ModelShape
from ftui.core.fit.states import States, count_states
from ftui.core.fit.tape import Played, Tape

Components = dict[str, int]


@dataclass(frozen=True)
class LayerGroup:
    """Layers of one shape: how many, and the tape of one."""

    block: Block
    tape: Tape

    @cached_property
    def played(self) -> Played:
        """The highest moments of one layer."""
        return Played(self.tape)


@dataclass(frozen=True)
class Step:
    """Everything that the phases of one step on one GPU are computed from."""

    shape: ModelShape
    request: FitRequest
    recipe: Recipe
    states: States
    layers: tuple[LayerGroup, ...]
    head: Head
    library_bytes: int
    rows: int
    """Rows in one forward pass: twice the micro-batch where pairs are compared."""

    @property
    def tokens(self) -> int:
        """Tokens in one forward pass."""
        return self.rows * self.request.seq_len

    @property
    def stream(self) -> int:
        """Bytes of the hidden states between two layers: what checkpointing keeps of each layer."""
        return self.tokens * self.shape.hidden_size * self.recipe.residual

    @cached_property
    def head_played(self) -> Played:
        """The highest moments of the head."""
        return Played(self.head.tape)

    @cached_property
    def resident(self) -> Components:
        """What stays between steps, before any sharding."""
        states = self.states
        parts = {
            "weights": states.weights,
            "quantisation": states.quantisation,
            "adapters": states.adapters,
            "optimizer": states.optimizer,
            "library_workspace": self.library_bytes,
        }
        if self.request.sharding in ("none", "ddp"):
            parts["rounding"] = unsplit_bytes(self.shape, self.recipe)
        if keeps_reference(self.request):
            parts["reference"] = states.weights
        return parts

    @property
    def masked(self) -> bool:
        """Whether any layer is given a mask of tokens x tokens."""
        return any(is_masked(self.request, block.attention.window) for block in self.shape.blocks)


def plan_step(shape: ModelShape, request: FitRequest, gpu: Gpu | None = None) -> Step:
    """Resolve number types and write down all tapes for `request`."""
    recipe = resolve(shape, request, gpu)
    rows = request.micro_batch * (2 if request.task in ("dpo", "reward") else 1)
    layers = tuple(
        LayerGroup(
            block,
            layer_tape(
                block,
                shape.hidden_size,
                Batch(rows, request.seq_len, is_masked(request, block.attention.window)),
                recipe,
            ),
        )
        for block in shape.blocks
    )
    return Step(
        shape=shape,
        request=request,
        recipe=recipe,
        states=count_states(shape, request, recipe),
        layers=layers,
        head=head_tape(shape, request, recipe, rows * scored_tokens(request)),
        library_bytes=library_workspace(gpu),
        rows=rows,
    )


def scored_tokens(request: FitRequest) -> int:
    """Tokens of one row whose logits are computed: of online methods, the completion only."""
    if request.task in ("grpo", "rloo"):
        return completion_tokens(request)
    return request.seq_len


def completion_tokens(request: FitRequest) -> int:
    """Tokens that are generated per row: half of the row if the request does not say."""
    return request.completion_len or max(1, request.seq_len // 2)


def keeps_reference(request: FitRequest) -> bool:
    """Whether a frozen copy of the model is loaded beside the trained one."""
    if request.precompute_reference or request.task in ("sft", "reward"):
        return False
    if request.reference_model is not None:
        return request.reference_model
    if request.method != "full":
        return False  # the adapter is switched off instead
    return request.task in ("dpo", "kto") or request.beta_positive


def is_masked(request: FitRequest, window: int | None) -> bool:
    """Whether attention is given a mask of tokens x tokens. Flash attention never is."""
    if request.attention == "flash":
        return False
    return request.padded or (window is not None and window < request.seq_len)


def library_workspace(gpu: Gpu | None) -> int:
    """Bytes that cuBLAS takes from PyTorch's allocator: a workspace for the forward and one for the backward thread."""
    hopper = gpu is not None and gpu.compute_capability is not None and gpu.compute_capability[0] in (9, 10)
    return 2 * (4096 * 8 * 1024 if hopper else 4096 * 1024 * 2 + 16 * 1024 * 8)
