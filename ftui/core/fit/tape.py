"""A tape of tensor sizes: what autograd would keep, and the most that is alive at once, without any tensor.

A layer is written down once as operations on sizes, in the order in which transformers runs them; the tape then plays
the forward pass and the backward pass and counts bytes. This is how PyTorch frees memory: a tensor lives as long as
something still has to read it, in the rest of the forward pass or, if an operation saved it, until that operation's
backward; a gradient lives from the first operation that produces it to the one that consumes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ACTIVATION, WEIGHT_COPY, GRADIENT = 0, 1, 2
_KINDS = 3

Bytes = tuple[int, int, int]
"""Bytes by kind: activations and their gradients, copies of weights, gradients of weights."""


@dataclass(frozen=True, slots=True)
class Played:
    """What one tape takes at three moments, beside its input (whoever made that holds it anyway)."""

    saved: Bytes
    """Kept between forward and backward."""
    forward_peak: Bytes
    backward_peak: Bytes
    """With the gradient of the output, which exists when the backward pass begins."""
    first_grads: int
    """Gradients alive when the backward pass first asks for a saved tensor: beside a recomputed forward pass."""
    input_saved: bool
    """Whether the tape's input is kept as well."""


class _Op(NamedTuple):
    inputs: tuple[int, ...]
    output: int
    saved: tuple[int, ...]
    workspace: int
    """Bytes that exist only while the backward of this operation runs."""
    forward_workspace: int
    workspace_kind: int
    shares_grad: bool
    grad_bytes: int
    """Bytes of gradients of weights that its backward leaves behind."""
    grad_copy: int
    """Bytes of those gradients in the dtype that they are computed in, if it is another one."""
    holds: tuple[int, ...]
    """Tensors that Python still has a name for while this operation runs."""


class Tape:
    """Records operations. Tensors are numbers; the first one is the tape's input."""

    __slots__ = ("_kinds", "_needs_grad", "_ops", "_sizes")

    def __init__(self, input_bytes: int, *, input_needs_grad: bool = True) -> None:
        self._sizes: list[int] = []
        self._kinds: list[int] = []
        self._needs_grad: list[bool] = []
        self._ops: list[_Op] = []
        self.constant(input_bytes)
        self._needs_grad[0] = input_needs_grad

    def constant(self, size_bytes: int, kind: int = ACTIVATION) -> int:
        """Add a tensor that no operation of this tape makes and that has no gradient (a mask, a copy of a weight)."""
        self._sizes.append(size_bytes)
        self._kinds.append(kind)
        self._needs_grad.append(False)
        return len(self._sizes) - 1

    def op(
        self,
        inputs: tuple[int, ...],
        size_bytes: int,
        save: tuple[int, ...] = (),
        *,
        save_output: bool = False,
        trains: bool = False,
        shares_grad: bool = False,
        kind: int = ACTIVATION,
        workspace: int = 0,
        forward_workspace: int = 0,
        workspace_kind: int = ACTIVATION,
        grad_bytes: int = 0,
        grad_copy: int = 0,
        holds: tuple[int, ...] = (),
    ) -> int:
        """Record one operation and give its output.

        save: tensors that its backward reads. trains: it has trained weights of its own, so that its output has a
        gradient whatever the inputs have. shares_grad: the inputs receive the output's gradient itself, not a new
        tensor (additions); it then lives as long as the first input's. grad_bytes: gradients of weights, which stay;
        grad_copy: the same in the dtype of the arithmetic, for a moment. holds: tensors that cannot be freed yet.
        """
        needs_grad = trains or any(self._needs_grad[tensor] for tensor in inputs)
        out = self.constant(size_bytes, kind)
        self._needs_grad[out] = needs_grad
        saved = ((*save, out) if save_output else save) if needs_grad else ()
        self._ops.append(
            _Op(
                inputs,
                out,
                saved,
                workspace,
                forward_workspace,
                workspace_kind,
                shares_grad,
                grad_bytes,
                grad_copy,
                holds,
            )
        )
        return out

    def size(self, tensor: int) -> int:
        """Bytes of a tensor."""
        return self._sizes[tensor]

    def needs_grad(self, tensor: int) -> bool:
        """Whether a gradient flows through a tensor."""
        return self._needs_grad[tensor]

    def play(self) -> Played:
        """Run forward and backward; the output is that of the last operation."""
        saved_by: dict[int, int] = {}
        for index, op in enumerate(self._ops):
            for tensor in op.saved:
                # The first operation that saved a tensor is the last to let go of it.
                saved_by.setdefault(tensor, index)
        saved = [0] * _KINDS
        for tensor in saved_by:
            if tensor:
                saved[self._kinds[tensor]] += self._sizes[tensor]
        backward_peak, first_grads = self._backward(saved_by, saved)
        return Played(
            saved=(saved[0], saved[1], saved[2]),
            forward_peak=self._forward(saved_by),
            backward_peak=backward_peak,
            first_grads=first_grads,
            input_saved=0 in saved_by,
        )

    def _forward(self, saved_by: dict[int, int]) -> Bytes:
        sizes, kinds = self._sizes, self._kinds
        last_use = {}
        for index, op in enumerate(self._ops):
            for tensor in op.inputs + op.holds:
                last_use[tensor] = index
        # A recomputed forward pass stops as soon as everything that was asked for exists again.
        end = max(saved_by.values(), default=0)
        for index, op in enumerate(self._ops):
            if op.saved:
                end = max(end, index)
        live, peak, highest = [0] * _KINDS, [0] * _KINDS, -1
        for index, op in enumerate(self._ops[: end + 1]):
            live[kinds[op.output]] += sizes[op.output]
            total = live[0] + live[1] + live[2] + op.forward_workspace
            if total > highest:
                highest, peak = total, live.copy()
                peak[op.workspace_kind] += op.forward_workspace
            for tensor in set(op.inputs + op.holds):
                if tensor and last_use[tensor] == index and tensor not in saved_by:
                    live[kinds[tensor]] -= sizes[tensor]
        return peak[0], peak[1], peak[2]

    def _backward(self, saved_by: dict[int, int], saved: list[int]) -> tuple[Bytes, int]:
        sizes, kinds, needs_grad = self._sizes, self._kinds, self._needs_grad
        released: dict[int, list[int]] = {}
        for tensor, index in saved_by.items():
            if tensor:
                released.setdefault(index, []).append(tensor)
        live = saved.copy()
        # Bytes of the gradients alive now, by tensor.
        output = self._ops[-1].output
        grads = {output: sizes[output]}
        live[kinds[output]] += sizes[output]
        peak, highest, first_grads = live.copy(), sum(live), -1
        for index in range(len(self._ops) - 1, -1, -1):
            op = self._ops[index]
            if op.saved and first_grads < 0:
                first_grads = sum(grads.values())
            if op.output not in grads:
                for tensor in released.get(index, ()):
                    live[kinds[tensor]] -= sizes[tensor]
                continue
            owed = grads.pop(op.output)
            new: list[tuple[int, int]] = []
            for tensor in op.inputs:
                if needs_grad[tensor]:
                    size = sizes[tensor]
                    if op.shares_grad and size == sizes[op.output]:
                        size, owed = owed, 0
                    else:
                        live[kinds[tensor]] += size
                    new.append((tensor, size))
            live[op.workspace_kind] += op.workspace
            live[GRADIENT] += op.grad_copy or op.grad_bytes
            total = live[0] + live[1] + live[2]
            if total > highest:
                highest, peak = total, live.copy()
            live[kinds[op.output]] -= owed
            live[op.workspace_kind] -= op.workspace
            for tensor in released.get(index, ()):
                live[kinds[tensor]] -= sizes[tensor]
            if op.grad_copy:
                live[GRADIENT] += op.grad_bytes
                total = live[0] + live[1] + live[2]
                if total > highest:
                    highest, peak = total, live.copy()
                live[GRADIENT] -= op.grad_copy
            for tensor, size in new:
                if tensor in grads:
                    # A second gradient for the same tensor is added into the first.
                    if grads[tensor] < size:
                        grads[tensor], size = size, grads[tensor]
                    live[kinds[tensor]] -= size
                else:
                    grads[tensor] = size
        return (peak[0], peak[1], peak[2]), max(first_grads, 0)
