"""What PyTorch's allocator hands out beyond what was asked for weights: ends of blocks too small to be split off.

A block of more than 1 MiB is split only where more than 1 MiB is left over; a smaller rest stays with the tensor and
counts as allocated (c10/cuda/CUDACachingAllocator.cpp: should_split, and the statistics, which book whole blocks).
How much that is depends on how matrices fill segments of 20 MiB: nothing where their sizes are powers of two, some
hundredths of the weights where they are not. Matrices packed into four bits are cut from holes that others left.
"""

from __future__ import annotations

from functools import lru_cache

from ftui.core.fit.allocator import MIB, SMALL, Block, CachingAllocator
from ftui.core.fit.recipe import Recipe
from ftui.core.fit.shapes import Linear, ModelShape
from ftui.core.fit.states import quantisation_bytes

EVEN = 2 * MIB
"""Where every size is a multiple of this, so is every rest: nothing is too small to be split off."""
LOADED_AHEAD = 4
"""16-bit matrices that are on the GPU while an earlier one is quantised: transformers loads with so many threads
(core_model_loading.py: GLOBAL_WORKERS)."""
PLAYED_LAYERS = 8
"""Layers of one shape whose loading is played; more of them leave as much each."""

ORDERS = 3
"""Orders in which the threads may be done that are played; the answer is their mean. Real runs differ, too."""

Matrix = tuple[int, int, int]
"""Bytes of a matrix as it is loaded (0: as it is kept), as it is kept, and of its scales."""


def unsplit_bytes(shape: ModelShape, recipe: Recipe) -> int:
    """Bytes that count as allocated beyond the weights of all layers, stored as `recipe` says, on one GPU."""
    total = 0
    for block in shape.blocks:
        played = min(block.count, PLAYED_LAYERS)
        layer = tuple(_matrix(linear, recipe) for linear in block.linears)
        if any(size > SMALL and size % EVEN for matrix in layer for size in matrix):
            rests = sum(_rests(layer, played, order) for order in range(ORDERS)) // ORDERS
            total += rests * block.count // played
    return total


def _matrix(linear: Linear, recipe: Recipe) -> Matrix:
    if not recipe.quantises(linear):
        return 0, linear.weights * recipe.weight, 0
    kept = linear.weights if recipe.quant == "int8" else linear.weights // 2
    if recipe.quant == "gptq":
        return 0, kept, 0  # packed on the disk already
    return 2 * linear.weights, kept, quantisation_bytes(linear, recipe.quant)


@lru_cache(maxsize=512)
def _rests(layer: tuple[Matrix, ...], layers: int, order: int) -> int:
    """Load so many equal layers, and count what the blocks of their weights have beyond the weights."""
    memory = CachingAllocator()
    ahead: list[tuple[Matrix, Block | None]] = []
    rests = 0

    def keep(matrix: Matrix, loaded: Block | None) -> None:
        nonlocal rests
        for size in matrix[1:]:
            if size:
                rests += memory.allocate(size).size - size
        if loaded is not None:
            memory.release(loaded)

    for _ in range(layers):
        for matrix in layer:
            if not matrix[0]:
                keep(matrix, None)
                continue
            ahead.append((matrix, memory.allocate(matrix[0])))
            if len(ahead) >= LOADED_AHEAD:
                order = (order * 1_103_515_245 + 12_345) % 2**31  # any order that is the same each time
                keep(*ahead.pop((order >> 16) % len(ahead)))
    for waiting in ahead:
        keep(*waiting)
    return rests
