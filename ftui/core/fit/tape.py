"""A tape of tensor sizes: what autograd would keep, and the most that is alive at once, without any tensor.

A part of a model is written down once, as operations on sizes in the order in which transformers runs them. The tape
gives the allocations and frees of its forward and of its backward pass. This is how PyTorch frees memory: a tensor
lives as long as something still has to read it, in the rest of the forward pass or, if an operation saved it, until
that operation's backward; a gradient lives from the first operation that makes it to the one that consumes it.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

ACTIVATION, WEIGHT_COPY, GRADIENT, LOGITS = 0, 1, 2, 3
KINDS = 4

Bytes = tuple[int, ...]
"""Bytes by kind: activations and their gradients, copies of weights, gradients of weights, logits."""

Event = tuple[int, int, int]
"""Tensor, bytes (negative when it is freed), kind."""


class _Op(NamedTuple):
    inputs: tuple[int, ...]
    output: int
    saved: tuple[int, ...]
    workspace: int
    forward_workspace: int
    workspace_kind: int
    shares_grad: bool
    grad_bytes: int
    grad_copy: int
    holds: tuple[int, ...]


class Tape:
    """Records operations. Tensors are numbers; the first one, 0, is the tape's input."""

    __slots__ = ("_kinds", "_needs_grad", "_ops", "_sizes")

    def __init__(self, input_bytes: int) -> None:
        self._sizes: list[int] = [input_bytes]
        self._kinds: list[int] = [ACTIVATION]
        self._needs_grad: list[bool] = [True]
        self._ops: list[_Op] = []

    def constant(self, size_bytes: int, kind: int = ACTIVATION) -> int:
        """Add a tensor that exists once an operation saves it, and has no gradient (a mask, a copy of a weight)."""
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
        gradient whatever the inputs have. shares_grad: inputs of the output's size receive the output's gradient
        itself, not a new tensor (additions, views); it then lives as long as the first input's. workspace,
        forward_workspace: bytes that exist only while its backward or forward runs. grad_bytes: gradients of weights,
        which stay; grad_copy: the same in the dtype of the arithmetic, for a moment. holds: tensors that Python
        still has a name for while the operation runs.
        """
        needs_grad = trains or any(self._needs_grad[tensor] for tensor in inputs)
        self._sizes.append(size_bytes)
        self._kinds.append(kind)
        self._needs_grad.append(needs_grad)
        out = len(self._sizes) - 1
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

    def kind(self, tensor: int) -> int:
        """What a tensor is: ACTIVATION, WEIGHT_COPY, GRADIENT or LOGITS."""
        return self._kinds[tensor]

    @property
    def output(self) -> int:
        """The output of the last operation."""
        return self._ops[-1].output

    def saved_by(self) -> dict[int, int]:
        """Saved tensor -> the first operation that saved it, which is the last to let go of it."""
        saved: dict[int, int] = {}
        for index, op in enumerate(self._ops):
            for tensor in op.saved:
                saved.setdefault(tensor, index)
        return saved

    def forward(self, saved_by: dict[int, int], stop_early: bool = False) -> list[Event]:
        """Allocations and frees of the forward pass. stop_early: a recomputed pass ends as soon as everything that the
        backward pass asks for exists again, so that its output may not be made at all."""
        sizes, kinds, output = self._sizes, self._kinds, self.output
        end = len(self._ops) - 1
        if stop_early:
            end = max((index for index, op in enumerate(self._ops) if op.saved), default=end)
        last_use: dict[int, int] = {}
        for index, op in enumerate(self._ops):
            for tensor in op.inputs + op.holds:
                last_use[tensor] = index
        events: list[Event] = []
        made = {0}
        for index in range(end + 1):
            op = self._ops[index]
            for tensor in (*op.saved, op.output):
                # Of the tensors that no operation makes, only those that are kept now.
                if tensor not in made and (tensor == op.output or saved_by.get(tensor) == index):
                    made.add(tensor)
                    events.append((tensor, sizes[tensor], kinds[tensor]))
            if op.forward_workspace:
                events.append((-1, op.forward_workspace, op.workspace_kind))
                events.append((-1, -op.forward_workspace, op.workspace_kind))
            for tensor in dict.fromkeys(op.inputs + op.holds):
                if tensor and last_use[tensor] <= index and tensor not in saved_by and tensor != output:
                    events.append((tensor, -sizes[tensor], kinds[tensor]))
        if stop_early:
            # What was still to be read by operations that are not run again.
            alive = {event[0] for event in events if event[1] > 0} - {event[0] for event in events if event[1] < 0}
            events += [(tensor, -sizes[tensor], kinds[tensor]) for tensor in alive if tensor not in saved_by]
        return events

    def backward(self, saved_by: dict[int, int]) -> tuple[list[Event], int, int]:
        """Allocations and frees of the backward pass; the bytes of gradients that are alive when it first asks for a
        saved tensor; and the name under which it leaves the gradient of the input (-1: it makes none).

        It begins with the gradient of the output, `output_gradient`, allocated by whoever made it.
        """
        sizes, kinds, needs_grad, count = self._sizes, self._kinds, self._needs_grad, len(self._sizes)
        released: dict[int, list[int]] = {}
        for tensor, index in saved_by.items():
            if tensor:
                released.setdefault(index, []).append(tensor)
        events: list[Event] = []
        # Gradients alive now: tensor -> the number and the bytes of the memory that holds it.
        grads: dict[int, tuple[int, int]] = {self.output: (self.output_gradient, sizes[self.output])}
        first_grads, fresh = -1, 2 * count
        for index in range(len(self._ops) - 1, -1, -1):
            op = self._ops[index]
            if op.saved and first_grads < 0:
                first_grads = sum(size for _, size in grads.values())
            held = grads.pop(op.output, None)
            new: list[tuple[int, int, int]] = []
            if held is not None:
                for tensor in op.inputs:
                    if not needs_grad[tensor]:
                        continue
                    if op.shares_grad and sizes[tensor] == sizes[op.output]:
                        new.append((tensor, *held))
                        held = (held[0], 0)
                    else:
                        fresh += 1
                        new.append((tensor, fresh, sizes[tensor]))
                        events.append((fresh, sizes[tensor], kinds[tensor]))
                if op.workspace:
                    events.append((-1, op.workspace, op.workspace_kind))
                if op.grad_copy or op.grad_bytes:
                    fresh += 1
                    events.append((fresh, op.grad_copy or op.grad_bytes, GRADIENT))
                if op.workspace:
                    events.append((-1, -op.workspace, op.workspace_kind))
                if held[1]:
                    events.append((held[0], -held[1], kinds[op.output]))
            for tensor in released.get(index, ()):
                events.append((tensor, -sizes[tensor], kinds[tensor]))
            if held is not None and op.grad_copy:
                events.append((fresh + 1, op.grad_bytes, GRADIENT))
                events.append((fresh, -op.grad_copy, GRADIENT))
                fresh += 1
            for tensor, slot, size in new:
                if tensor not in grads:
                    grads[tensor] = (slot, size)
                    continue
                # A second gradient for the same tensor is added into the first.
                if grads[tensor][1] < size:
                    grads[tensor], slot, size = (slot, size), *grads[tensor]
                if size:
                    events.append((slot, -size, kinds[tensor]))
        return events, max(first_grads, 0), grads[0][0] if 0 in grads else -1

    @property
    def output_gradient(self) -> int:
        """The name of the gradient of the output in the events of `backward`."""
        return 2 * len(self._sizes)


class Played:
    """What a tape takes at its highest moments, beside its input (whoever made that holds it anyway)."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.saved_by = tape.saved_by()

    @cached_property
    def saved(self) -> Bytes:
        """Kept between forward and backward, without the input."""
        saved = [0] * KINDS
        for tensor in self.saved_by:
            if tensor:
                saved[self.tape.kind(tensor)] += self.tape.size(tensor)
        return tuple(saved)

    @property
    def input_saved(self) -> bool:
        """Whether the tape's input is kept as well."""
        return 0 in self.saved_by

    @cached_property
    def forward_peak(self) -> Bytes:
        """Of a forward pass that keeps what the backward pass will read."""
        return highest(self.tape.forward(self.saved_by))

    @cached_property
    def recomputed_peak(self) -> Bytes:
        """Of a forward pass that is run again just before the backward pass, beside the gradients alive then."""
        return highest(self.tape.forward(self.saved_by, stop_early=True), (self._backward[1], 0, 0, 0))

    @cached_property
    def passing_peak(self) -> Bytes:
        """Of a forward pass that keeps nothing."""
        return highest(self.tape.forward({}))

    @cached_property
    def backward_peak(self) -> Bytes:
        """With everything saved, and with the gradient of the output, which exists when the backward pass begins."""
        start = list(self.saved)
        start[self.tape.kind(self.tape.output)] += self.tape.size(self.tape.output)
        return highest(self._backward[0], tuple(start))

    @cached_property
    def _backward(self) -> tuple[list[Event], int, int]:
        return self.tape.backward(self.saved_by)


def highest(events: list[Event], start: Bytes = (0,) * KINDS) -> Bytes:
    """Give the bytes alive, by kind, at the highest moment of `events`."""
    live = list(start)
    total = peak = sum(live)
    at = tuple(live)
    for _, size, kind in events:
        live[kind] += size
        total += size
        if total > peak:
            peak, at = total, tuple(live)
    return at
