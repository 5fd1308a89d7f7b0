"""What a fit prediction answers with. Stable interface; all sizes in bytes (1 GiB = 2**30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape

Answer = Literal["fits", "tight", "no"]


class MemoryReport(NamedTuple):
    """Predicted memory of one GPU. `components` are those alive at the peak: their sum is `allocated_bytes`."""

    request: FitRequest
    shape: ModelShape
    components: Mapping[str, int]
    phases: Mapping[str, int]
    """Highest allocated bytes of each phase: load, forward_end, backward_head, backward_layer, optimizer, ..."""
    deciding_phase: str
    allocated_bytes: int
    """Peak of tensors alive at once: torch.cuda.max_memory_allocated()."""
    resident_bytes: int
    """What stays between steps: weights, adapters, optimizer state."""
    trainable_params: int
    total_params: int
    assumptions: tuple[str, ...] = ()
    """What was not said and had to be taken for granted, one sentence each."""

    @property
    def largest(self) -> str:
        """Name of the component that takes most at the peak."""
        return max(self.components, key=lambda name: self.components[name])


class Band(NamedTuple):
    """What the device must have, in bytes. low: the run cannot do with less. expected: what nvidia-smi will show on a
    card with room to spare. high: enough even when the allocator scatters badly."""

    low: int
    expected: int
    high: int
    context_bytes: int = 0
    """The part taken by the CUDA context and kernels, outside PyTorch's allocator."""


class Verdict(NamedTuple):
    """Whether it fits, the term that decides, and what would change the answer."""

    answer: Answer
    reasons: tuple[str, ...]
    deciding_term: str
    changes: tuple[str, ...] = ()
    free_bytes: int = 0
    margin_bytes: int = 0
    """Free bytes minus expected bytes; negative when it does not fit."""


class SpeedReport(NamedTuple):
    """Predicted speed of one GPU's part, and of all GPUs together. Tokens count padding."""

    tokens_per_second: float
    low: float
    high: float
    step_seconds: float
    """One micro-batch: forward, backward and, spread over one step, the optimizer."""
    flops_per_token: float
    utilisation: float
    """Share of the GPU's dense peak that the arithmetic reaches."""
    bound_by: Literal["compute", "bandwidth", "overhead"]
    reasons: tuple[str, ...] = ()


class Calibration(NamedTuple):
    """What a probe or earlier runs on this machine measured; multiplies or replaces fitted constants."""

    slack_ratio: float | None = None
    """Measured device bytes without context, divided by predicted allocated bytes."""
    context_bytes: int | None = None
    speed_ratio: float | None = None
    """Measured tokens per second divided by predicted."""
    source: str = ""


class Choice(NamedTuple):
    """One decision of a recommendation with its reason and where the reason comes from."""

    name: str
    value: str
    reason: str
    source: str = ""


class Candidate(NamedTuple):
    """One recipe that was considered."""

    request: FitRequest
    memory: MemoryReport
    band: Band
    verdict: Verdict
    speed: SpeedReport | None
    """None where the GPU's arithmetic is not known."""


class Recommendation(NamedTuple):
    """The best setting that fits, why, and what the next best would cost; or, when nothing fits, what would."""

    best: Candidate | None
    choices: tuple[Choice, ...] = ()
    runner_up: Candidate | None = None
    runner_up_cost: str = ""
    alternatives: tuple[str, ...] = ()
    """When nothing fits: smaller model, shorter length, more GPUs, offload, a rented GPU."""
    considered: int = 0
    notes: tuple[str, ...] = ()
