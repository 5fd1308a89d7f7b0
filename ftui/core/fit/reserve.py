"""Plays whole training steps through the caching allocator: what PyTorch reserves beside weights and optimizer state.

Layers are alike, so only the first and the last few are played in detail; of those between only what outlives their
pass is allocated.
"""

from __future__ import annotations

from ftui.core.fit.allocator import SMALL, Block, CachingAllocator
from ftui.core.fit.states import stored_bytes
from ftui.core.fit.step import LayerGroup, Step
from ftui.core.fit.tape import Event

STEPS = 2
"""The second step finds the cache as the first one left it; later ones change little."""
DETAILED = 2
"""Layers played in detail at either end."""
_STRIDE = 1_000_000
"""Room for the tensors of one layer."""


def reserved_bytes(step: Step) -> tuple[int, int]:
    """Bytes that the allocator reserves for what stays between steps, and for everything else, after `STEPS` steps."""
    player = _Player(step)
    resident = player.load()
    return resident, player.play() - player.loaded


class _Player:
    def __init__(self, step: Step) -> None:
        self.step = step
        self.memory = CachingAllocator()
        self.loaded = 0
        self.live: dict[int, Block] = {}
        self.layers: list[LayerGroup] = [group for group in step.layers for _ in range(group.block.count)]
        count = len(self.layers)
        self.detailed = {*range(min(DETAILED, count)), *range(max(0, count - DETAILED), count)}
        self.checkpointing = step.request.grad_checkpointing
        self.forward: dict[int, list[Event]] = {}
        self.again: dict[int, list[Event]] = {}
        self.backward: dict[int, list[Event]] = {}
        self.input_gradient: dict[int, int] = {}
        for group in step.layers:
            tape, saved_by = group.tape, group.played.saved_by
            self.forward[id(group)] = tape.forward({} if self.checkpointing else saved_by)
            self.again[id(group)] = tape.forward(saved_by, stop_early=True) if self.checkpointing else []
            self.backward[id(group)], _, self.input_gradient[id(group)] = tape.backward(saved_by)

    def load(self) -> int:
        """Allocate what stays; give the bytes that it takes of the device."""
        step, held = self.step, 0
        copies = 1
        if step.recipe.train_base:
            copies += round(step.states.optimizer / max(1, step.states.weights))
        for _ in range(copies):
            for group in self.layers:
                for linear in group.block.linears:
                    held += self.keep(stored_bytes(linear, step.recipe))
            matrix = step.shape.embedding_params * step.recipe.frozen_other
            held += self.keep(matrix)
            held += 0 if step.shape.tied else self.keep(matrix)
        self.loaded = self.memory.reserved
        # The blocks that were loaded have their unsplit ends already.
        stays = sum(step.resident.values()) - step.resident.get("rounding", 0)
        return self.loaded + max(0, stays - held)

    def keep(self, size: int) -> int:
        if size <= SMALL:
            return 0
        self.memory.allocate(size)
        return size

    def play(self) -> int:
        for _ in range(STEPS):
            self.take(-1, self.step.tokens * 24)
            self.take(self.stream(0), self.step.stream)
            for index, group in enumerate(self.layers):
                self.run_forward(index, group)
            self.run_head()
            for index in range(len(self.layers) - 1, -1, -1):
                self.run_backward(index, self.layers[index])
            self.drop(self.gradient(0))
            self.run_optimizer()
            for block in list(self.live):
                self.drop(block)
        return self.memory.reserved

    # Names of what outlives a layer: its input, and the gradient of its input.

    def stream(self, index: int) -> int:
        return (index + 1) * _STRIDE

    def gradient(self, index: int) -> int:
        return (index + 1) * _STRIDE + _STRIDE // 2

    def take(self, name: int, size: int) -> None:
        if size > 0:
            self.live[name] = self.memory.allocate(size)

    def drop(self, name: int) -> None:
        block = self.live.pop(name, None)
        if block is not None:
            self.memory.release(block)

    def rename(self, old: int, new: int) -> None:
        block = self.live.pop(old, None)
        if block is not None:
            self.live[new] = block

    def run(self, events: list[Event], base: int) -> None:
        allocate, release, live = self.memory.allocate, self.memory.release, self.live
        for name, size, _ in events:
            if size > 0:
                live[base + name] = allocate(size)
            elif size < 0 and base + name in live:
                release(live.pop(base + name))

    def run_forward(self, index: int, group: LayerGroup) -> None:
        base = self.stream(index) + 1
        if index not in self.detailed:
            if not self.checkpointing:
                self.keep_saved(group, base)
            self.take(self.stream(index + 1), self.step.stream)
        else:
            self.run(self.forward[id(group)], base)
            self.rename(base + group.tape.output, self.stream(index + 1))
        if not self.checkpointing and not group.played.input_saved:
            self.drop(self.stream(index))

    def keep_saved(self, group: LayerGroup, base: int) -> None:
        for tensor in group.played.saved_by:
            if tensor:
                self.take(base + tensor, group.tape.size(tensor))

    def run_head(self) -> None:
        played, tape = self.step.head_played, self.step.head.tape
        count = len(self.layers)
        base = self.stream(count) + 1
        self.run(tape.forward(played.saved_by), base)
        if not played.input_saved:
            self.drop(self.stream(count))
        events, _, left = tape.backward(played.saved_by)
        self.rename(base + tape.output, base + tape.output_gradient)
        self.run(events, base)
        self.rename(base + left, self.gradient(count))
        if played.input_saved:
            self.drop(self.stream(count))
        if self.step.head.held_logits:
            # The output object holds the logits until the backward pass ends.
            self.take(-2, self.step.head.held_logits)

    def run_backward(self, index: int, group: LayerGroup) -> None:
        base, tape = self.stream(index) + 1, group.tape
        if index in self.detailed:
            self.run(self.again[id(group)], base)
            self.rename(self.gradient(index + 1), base + tape.output_gradient)
            self.run(self.backward[id(group)], base)
            self.rename(base + self.input_gradient[id(group)], self.gradient(index))
        else:
            for tensor in group.played.saved_by:
                self.drop(base + tensor)
            self.rename(self.gradient(index + 1), self.gradient(index))
            self.leave_gradients(group, base)
        self.drop(self.stream(index))

    def leave_gradients(self, group: LayerGroup, base: int) -> None:
        width = self.step.recipe.trained
        if width and not self.step.request.optimizer_in_backward:
            for number, linear in enumerate(group.block.linears):
                self.take(base + _STRIDE // 4 + number, linear.params * width)

    def run_optimizer(self) -> None:
        """foreach AdamW: one temporary tensor per trained matrix, all at once."""
        step = self.step
        if not step.states.workspace or not step.recipe.train_base:
            return
        names = []
        for index, group in enumerate(self.layers):
            for number, linear in enumerate(group.block.linears):
                names.append(-(index + 1) * 1000 - number)
                self.take(names[-1], linear.params * step.recipe.trained)
        for name in (-3,) if step.shape.tied else (-3, -4):
            names.append(name)
            self.take(name, step.shape.embedding_params * step.recipe.trained)
        for name in names:
            self.drop(name)
