"""The moments of a step that can be its peak, each as a list of what is alive then, in bytes."""

from __future__ import annotations

from typing import NamedTuple

from ftui.core.fit.head import head_tape
from ftui.core.fit.layer import layer_tape
from ftui.core.fit.online import generation_phase
from ftui.core.fit.parts import Batch
from ftui.core.fit.step import Components, Step, is_masked, scored_tokens
from ftui.core.fit.tape import ACTIVATION, GRADIENT, LOGITS, WEIGHT_COPY, Bytes, Played


def step_phases(step: Step) -> dict[str, Components]:
    """Every moment: name -> component -> bytes."""
    request, states, head = step.request, step.states, step.head_played
    base = {**step.resident, "inputs": input_bytes(step)}
    before = states.gradients if request.accumulates else 0
    kept = kept_by_layers(step)
    held = step.head.held_logits
    moment = highest_layer(step)
    copies = _cached_copies(step)
    last_input = step.stream if head.input_saved else 0
    embedding = step.shape.embedding_params * step.recipe.trained
    phases = {
        "forward_end": {
            **base,
            **kept,
            "hidden_states": last_input + head.forward_peak[ACTIVATION],
            "logits": head.forward_peak[LOGITS],
            "weight_copies": kept["weight_copies"] + copies + head.forward_peak[WEIGHT_COPY],
            "gradients": before + head.forward_peak[GRADIENT],
        },
        "backward_head": {
            **base,
            **kept,
            "hidden_states": last_input + head.backward_peak[ACTIVATION],
            "logits": head.backward_peak[LOGITS],
            "weight_copies": kept["weight_copies"] + head.backward_peak[WEIGHT_COPY],
            "gradients": before + head.backward_peak[GRADIENT],
        },
        "backward_last_layer": {
            **base,
            **kept_by_layers(step, without=moment),
            "layer": moment.sizes[ACTIVATION],
            "layer_weight_copies": moment.sizes[WEIGHT_COPY],
            "logits": held,
            "gradients": before or (step.head.gradient_bytes + moment.sizes[GRADIENT]),
        },
        "backward_first_layer": {
            **base,
            "checkpoints": step.stream,
            "layer": moment.sizes[ACTIVATION],
            "layer_weight_copies": moment.sizes[WEIGHT_COPY],
            "logits": held,
            "gradients": before or max(0, states.gradients - (0 if step.shape.tied else embedding)),
        },
        "optimizer": {**step.resident, "gradients": states.gradients, "optimizer_workspace": states.workspace},
    }
    if step.recipe.train_base and not request.optimizer_in_backward:
        # The gradient of the embedding comes last; that of a tied matrix is added to what the head left.
        again = embedding if step.shape.tied or before else 0
        phases["backward_embedding"] = {
            **base,
            "checkpoints": step.stream,
            "logits": held,
            "gradients": states.gradients + again,
        }
    if request.task in ("dpo", "kto") and not request.precompute_reference:
        layer = max(group.played.passing_peak[ACTIVATION] for group in step.layers)
        # The reference runs its layers, and then its head.
        in_head = head.passing_peak[LOGITS] + head.passing_peak[ACTIVATION] > layer
        phases["reference_forward"] = {
            **base,
            **kept,
            "hidden_states": last_input + head.saved[ACTIVATION] + step.stream,
            "logits": head.saved[LOGITS] + (head.passing_peak[LOGITS] if in_head else 0),
            "weight_copies": kept["weight_copies"] + head.passing_peak[WEIGHT_COPY],
            "layer": head.passing_peak[ACTIVATION] if in_head else layer,
            "gradients": before,
        }
    if request.task in ("grpo", "rloo"):
        phases["generation"] = generation_phase(step)
    if request.eval_batch is not None:
        phases["evaluation"] = _evaluation(step)
    return phases


class LayerMoment(NamedTuple):
    """One layer at its widest while it is run backward."""

    played: Played
    sizes: Bytes


def highest_layer(step: Step) -> LayerMoment:
    """The layer that takes most while it is run backward; with checkpointing, also while it is run forward again."""
    moments = []
    for group in step.layers:
        played = group.played
        moments.append(LayerMoment(played, played.backward_peak))
        if step.request.grad_checkpointing:
            moments.append(LayerMoment(played, played.recomputed_peak))
    return max(moments, key=lambda moment: sum(moment.sizes))


def kept_by_layers(step: Step, without: LayerMoment | None = None) -> Components:
    """What all layers keep between forward and backward; except, when given, the layer that is being run backward."""
    if step.request.grad_checkpointing:
        # Offloaded checkpoints pass through the GPU two at a time.
        count = 2 if step.request.offload_activations else step.shape.layers
        return {"checkpoints": count * step.stream, "activations": 0, "weight_copies": 0}
    activations = copies = inputs = 0
    for group in step.layers:
        saved = group.played.saved
        activations += group.block.count * saved[ACTIVATION]
        copies += group.block.count * saved[WEIGHT_COPY]
        inputs += group.block.count * step.stream if group.played.input_saved else 0
    if without is not None:
        activations -= without.played.saved[ACTIVATION]
        copies -= without.played.saved[WEIGHT_COPY]
    return {"checkpoints": inputs, "activations": activations, "weight_copies": copies}


def input_bytes(step: Step) -> int:
    """Ids, labels and padding mask (8 bytes each per token), and the square mask that all layers share."""
    request = step.request
    square = step.rows * request.seq_len**2
    eager = request.attention == "eager"
    # The mask is boolean for sdpa; eager attention adds it to the scores, in the dtype of the hidden states.
    mask = square * (step.recipe.residual if eager else 1) if step.masked or eager else 0
    return step.tokens * 24 + mask


def _cached_copies(step: Step) -> int:
    """16-bit copies of trained fp32 weights, which autocast keeps until the forward pass ends."""
    recipe = step.recipe
    if not recipe.autocast:
        return 0
    if recipe.train_base:
        # Without checkpointing they are counted with their layers: the backward pass needs them.
        counted = not step.request.grad_checkpointing or recipe.trained == recipe.compute
        return 0 if counted else step.shape.linear_params * recipe.compute
    return step.states.trainable * recipe.compute if recipe.adapter != recipe.compute else 0


def _evaluation(step: Step) -> Components:
    """A forward pass that keeps nothing, over `eval_batch` rows: its head, or a layer."""
    request, recipe = step.request, step.recipe
    share = (request.eval_batch or request.micro_batch) / request.micro_batch
    rows = int(step.rows * share)
    head = Played(head_tape(step.shape, request, recipe, rows * scored_tokens(request)).tape).passing_peak
    layer = 0
    for group in step.layers:
        batch = Batch(rows, request.seq_len, is_masked(request, group.block.attention.window))
        tape = layer_tape(group.block, step.shape.hidden_size, batch, recipe)
        layer = max(layer, sum(Played(tape).passing_peak))
    in_head = sum(head) > layer
    return {
        **step.resident,
        "inputs": int(input_bytes(step) * share),
        "hidden_states": int(step.stream * share) + (head[ACTIVATION] if in_head else 0),
        "layer": 0 if in_head else layer,
        "logits": head[LOGITS] if in_head else 0,
        "weight_copies": head[WEIGHT_COPY] if in_head else 0,
    }
