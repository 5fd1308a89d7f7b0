"""Bytes of one training step in closed form: each component, each phase, and the peak. Stable interface.

The peak is the highest of several moments, not the sum of everything: the end of the forward pass, the loss, the
backward pass through the last and through the first layer, and the optimizer step have different things alive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.head import Head, play_head
from ftui.core.fit.layer import Batch, play_layer
from ftui.core.fit.recipe import Recipe, resolve
from ftui.core.fit.report import MemoryReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.core.fit.states import States, count_states
from ftui.core.fit.tape import ACTIVATION, WEIGHT_COPY, Played

Components = dict[str, int]


def library_workspace(gpu: Gpu | None) -> int:
    """Bytes that cuBLAS takes from PyTorch's allocator: a workspace for the forward and one for the backward thread."""
    hopper = gpu is not None and gpu.compute_capability is not None and gpu.compute_capability[0] in (9, 10)
    return 2 * (4096 * 8 * 1024 if hopper else 4096 * 1024 * 2 + 16 * 1024 * 8)


def predict_memory(shape: ModelShape, request: FitRequest, gpu: Gpu | None = None) -> MemoryReport:
    """Predict the memory of one GPU during `request` on a model of `shape`, in bytes.

    `gpu` tells whether the attention kernel takes grouped queries as they are (compute capability 8.0 and above).
    """
    recipe = resolve(shape, request, gpu)
    states = count_states(shape, request, recipe)
    step = _Step(shape, request, recipe, states, library_workspace(gpu))
    phases = step.phases()
    totals = {name: sum(parts.values()) for name, parts in phases.items()}
    deciding = max(totals, key=lambda name: totals[name])
    return MemoryReport(
        request=request,
        components={name: size for name, size in phases[deciding].items() if size},
        phases=totals,
        deciding_phase=deciding,
        allocated_bytes=totals[deciding],
        resident_bytes=sum(step.resident().values()),
        trainable_params=states.trainable,
        total_params=shape.total_params,
        assumptions=shape.assumed,
        churn_bytes=totals[deciding] - sum(step.resident().values()),
    )


@dataclass
class _Step:
    """One training step on one GPU, moment by moment."""

    shape: ModelShape
    request: FitRequest
    recipe: Recipe
    states: States
    library: int

    def __post_init__(self) -> None:
        request, shape = self.request, self.shape
        self.tokens = request.micro_batch * request.seq_len
        self.layers = [
            play_layer(
                block,
                shape.hidden_size,
                Batch(request.micro_batch, request.seq_len, self._masked(block.attention.window)),
                self.recipe,
            )
            for block in shape.blocks
        ]
        self.head: Head = play_head(shape, request, self.recipe, self.tokens)
        self.stream = self.tokens * shape.hidden_size * self.recipe.residual

    def _masked(self, window: int | None) -> bool:
        if self.request.attention == "flash":
            return False
        return self.request.padded or (window is not None and window < self.request.seq_len)

    def resident(self) -> Components:
        """What stays between steps."""
        s = self.states
        return {
            "weights": s.weights,
            "quantisation": s.quantisation,
            "adapters": s.adapters,
            "optimizer": s.optimizer,
            "library_workspace": self.library,
        }

    def phases(self) -> Mapping[str, Components]:
        """Every moment that can be the peak: name -> what is alive."""
        s, head = self.states, self.head
        resident = self.resident()
        before = s.gradients if self.request.accumulates else 0
        kept = self._kept()
        layer = self._highest_layer()
        fixed = self._fixed()
        phases = {
            "forward_end": {
                **resident,
                **fixed,
                **kept,
                "weight_copies": kept["weight_copies"] + head.forward.weight_copies + self._cached_casts(),
                "logits": head.forward.logits,
                "hidden_states": head.forward.hidden,
                "gradients": before + head.forward.gradients,
            },
            "backward_head": {
                **resident,
                **fixed,
                **kept,
                "weight_copies": kept["weight_copies"] + head.backward.weight_copies,
                "logits": head.backward.logits,
                "hidden_states": head.backward.hidden,
                "gradients": before + head.backward.gradients,
            },
            "backward_last_layer": {
                **resident,
                **fixed,
                **self._kept(besides=layer),
                "layer": layer.activations,
                "layer_weight_copies": layer.copies,
                "logits": head.held_logits,
                "gradients": max(before, head.gradient_bytes) + (0 if before else layer.gradients),
            },
            "backward_first_layer": {
                **resident,
                **fixed,
                "checkpoints": self.stream,
                "layer": layer.activations,
                "layer_weight_copies": layer.copies,
                "logits": head.held_logits,
                "gradients": before or (s.gradients - self._embedding_gradient()),
            },
            "optimizer": {**resident, "gradients": s.gradients, "optimizer_workspace": s.workspace},
        }
        if self.recipe.train_base:
            phases["backward_embedding"] = {
                **resident,
                **fixed,
                "checkpoints": self.stream,
                "gradients": s.gradients + (self._embedding_gradient() if self.shape.tied or before else 0),
                "logits": head.held_logits,
            }
        return phases

    def _embedding_gradient(self) -> int:
        return self.shape.embedding_params * self.recipe.trained

    def _fixed(self) -> Components:
        """Inputs (ids, labels, mask: 8 bytes each), and the mask that all layers share."""
        request = self.request
        square = request.micro_batch * request.seq_len**2
        masked = any(self._masked(block.attention.window) for block in self.shape.blocks)
        eager = request.attention == "eager"
        # The mask is boolean for sdpa; eager adds it to the scores, in the dtype of the hidden states.
        mask = square * (self.recipe.residual if eager else 1) if masked or eager else 0
        return {"inputs": self.tokens * 24 + mask}

    def _cached_casts(self) -> int:
        """16-bit copies of trained fp32 weights, which autocast keeps until the forward pass ends."""
        recipe = self.recipe
        if not recipe.autocast:
            return 0
        if recipe.train_base and recipe.trained != recipe.compute:
            if not self.request.grad_checkpointing:
                return 0  # counted layer by layer: the backward pass needs them
            return self.shape.linear_params * recipe.compute
        if recipe.adapter != recipe.compute:
            return self.states.trainable * recipe.compute
        return 0

    def _kept(self, besides: _Layer | None = None) -> Components:
        """What all layers keep between forward and backward; without the layer that is being run backward."""
        layers = self.shape.layers
        if self.request.grad_checkpointing:
            count = 2 if self.request.offload_activations else layers
            return {"checkpoints": count * self.stream, "activations": 0, "weight_copies": 0}
        activations = copies = inputs = 0
        for block, played in zip(self.shape.blocks, self.layers, strict=True):
            activations += block.count * played.saved[ACTIVATION]
            copies += block.count * played.saved[WEIGHT_COPY]
            inputs += block.count * self.stream if played.input_saved else 0
        if besides is not None:
            activations -= besides.played.saved[ACTIVATION]
            copies -= besides.played.saved[WEIGHT_COPY]
        return {"checkpoints": inputs, "activations": activations, "weight_copies": copies}

    def _highest_layer(self) -> _Layer:
        """The layer that takes most while it is run backward (and before that, with checkpointing, forward again)."""
        moments = []
        for played in self.layers:
            moments.append(_Layer(played, *played.backward_peak))
            if self.request.grad_checkpointing:
                a, w, g = played.forward_peak
                moments.append(_Layer(played, a + played.first_grads, w, g))
        return max(moments, key=lambda moment: moment.activations + moment.copies + moment.gradients)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer at its widest moment of the backward pass."""

    played: Played
    activations: int
    copies: int
    gradients: int
