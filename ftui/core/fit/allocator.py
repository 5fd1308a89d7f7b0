"""PyTorch's caching allocator in small: from the allocations of a training step to the memory that it reserves.

The device must hold more than what is allocated at any time: freed blocks are kept, split and joined, and a large
tensor needs one piece. Rules as in c10/cuda/CUDACachingAllocator.cpp (PyTorch 2.x, default settings).
"""

from __future__ import annotations

from bisect import bisect_left, insort

MIB = 2**20
SMALL = MIB
"""Requests up to here share segments of 2 MiB."""
MEDIUM = 10 * MIB
"""Requests up to here share segments of 20 MiB; larger ones get a segment of their own, in steps of 2 MiB."""


class Block:
    """A piece of a segment."""

    __slots__ = ("after", "before", "free", "number", "size", "small")

    def __init__(self, size: int, small: bool, number: int) -> None:
        self.size, self.small, self.number, self.free = size, small, number, False
        self.before: Block | None = None
        self.after: Block | None = None


class CachingAllocator:
    """Best fit with splitting and joining; counts what it took from the device and never gives back."""

    def __init__(self) -> None:
        self.reserved = 0
        # Free blocks of small and of large requests: (size, age, block), smallest and oldest first.
        self._free: dict[bool, list[tuple[int, int, Block]]] = {True: [], False: []}
        self._made = 0

    def allocate(self, size: int) -> Block:
        """Take a block of at least `size` bytes."""
        size = max(size + 511, 512) & -512  # in steps of 512
        small = size <= SMALL
        free = self._free[small]
        index = bisect_left(free, (size,))
        if index < len(free):
            block = free.pop(index)[2]
        else:
            block = self._segment(size, small)
        rest = block.size - size
        if rest >= 512 if small else rest > SMALL:
            self._made += 1
            tail = Block(rest, small, self._made)
            tail.free, tail.before, tail.after = True, block, block.after
            if block.after is not None:
                block.after.before = tail
            block.after, block.size = tail, size
            insort(free, (rest, tail.number, tail))
        block.free = False
        return block

    def release(self, block: Block) -> None:
        """Give a block back to the cache, joined with free neighbours."""
        free = self._free[block.small]
        before, after = block.before, block.after
        if before is not None and before.free:
            del free[bisect_left(free, (before.size, before.number))]
            before.size += block.size
            before.after = after
            if after is not None:
                after.before = before
            block = before
        if after is not None and after.free:
            del free[bisect_left(free, (after.size, after.number))]
            block.size += after.size
            block.after = after.after
            if after.after is not None:
                after.after.before = block
        block.free = True
        insort(free, (block.size, block.number, block))

    def _segment(self, size: int, small: bool) -> Block:
        segment = 2 * MIB if small else 20 * MIB if size < MEDIUM else -(-size // (2 * MIB)) * 2 * MIB
        self.reserved += segment
        self._made += 1
        return Block(segment, small, self._made)
