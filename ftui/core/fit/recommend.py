"""Searches the best setting that fits, and the other way round: what fits on a GPU. Stable interface.

Methods are tried from the least approximate to the most (full fine-tuning in mixed precision, the same with 8-bit
optimizer state, LoRA, QLoRA), unless the data argues against full fine-tuning. Of the first that fits with a margin the
fastest setting is taken. Pure bf16 is never proposed: AdamW's small updates are rounded away. Sources of the reasons
are named beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.device import device_bytes, judge, quick_band
from ftui.core.fit.explain import DataFacts, explain, runner_up_cost
from ftui.core.fit.memory import predict_step_memory
from ftui.core.fit.report import Calibration, Candidate, Recommendation, SpeedReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape, shape_from_config
from ftui.core.fit.speed import step_speed
from ftui.core.fit.step import plan_step
from ftui.errors import FtuiError

MICRO_BATCHES = (1, 2, 4, 8, 16, 32)
FAST_ENOUGH = 0.97
"""A smaller micro-batch with this share of the best speed is preferred: it leaves memory and trains the same."""
DEFAULT_LENGTH = 2048


class FittingModel(NamedTuple):
    """One model of the catalogue and the least approximate way of tuning it on a given GPU (micro-batch 1)."""

    model_id: str
    params_total: int
    candidate: Candidate


def recommend(
    shape: ModelShape,
    gpu: Gpu,
    free_bytes: int | None = None,
    data: DataFacts | None = None,
    base: FitRequest | None = None,
    calibration: Calibration | None = None,
    gpus: int = 1,
) -> Recommendation:
    """Find the best setting for fine-tuning a model of `shape` on `gpu`, or say what would fit instead.

    `base` fixes task, length and stack; `free_bytes` is the free memory of one GPU (all that CUDA offers when None).
    """
    data = data or DataFacts()
    budget = gpu.usable_bytes if free_bytes is None else free_bytes
    start = _start(shape, gpu, data, base, gpus)
    search = _Search(shape, gpu, budget, calibration)
    found: list[Candidate] = []
    for tier in tiers(start, gpu, data):
        best = search.best_of(tier)
        if best is not None:
            found.append(best)
        if sum(candidate.verdict.answer == "fits" for candidate in found) == 2:
            break
    found.sort(key=lambda candidate: candidate.verdict.answer != "fits")
    if not found:
        from ftui.core.fit.alternatives import alternatives

        return Recommendation(
            best=None,
            alternatives=alternatives(shape, start, gpu, budget),
            considered=search.considered,
            notes=search.notes,
        )
    best, others = found[0], found[1:]
    return Recommendation(
        best=best,
        choices=explain(best, shape, gpu, data, search.rejected),
        runner_up=others[0] if others else None,
        runner_up_cost=runner_up_cost(best, others[0]) if others else "",
        considered=search.considered,
        notes=search.notes,
    )


def tiers(start: FitRequest, gpu: Gpu, data: DataFacts) -> list[FitRequest]:
    """Ways of tuning, best first: they differ in how close they come to full fine-tuning in full precision."""
    low = "bf16" if gpu.bf16 else "fp16"
    mixed = replace(start, precision=f"{low}-mixed")  # type: ignore[arg-type]
    full = replace(mixed, method="full", quant="none", optimizer="adamw_torch_fused")
    fulls = [full, replace(full, optimizer="adamw_8bit")]
    lora = replace(mixed, method="lora", quant="none", optimizer="adamw_torch_fused")
    qlora = replace(lora, method="qlora", quant="nf4-dq")
    return [lora, qlora, *fulls] if data.argues_against_full else [*fulls, lora, qlora]


def _start(shape: ModelShape, gpu: Gpu, data: DataFacts, base: FitRequest | None, gpus: int) -> FitRequest:
    wanted = data.longest_tokens or data.p95_tokens
    length = base.seq_len if base else DEFAULT_LENGTH
    if wanted is not None:
        length = -(-max(wanted, 64) // 64) * 64
    if shape.max_positions is not None:
        length = min(length, shape.max_positions)
    start = replace(base or FitRequest(), seq_len=length)
    if gpus > 1:
        start = replace(start, gpus=gpus, sharding="fsdp" if start.sharding == "none" else start.sharding)
    return start


class _Search:
    """Tries settings of one way of tuning after another."""

    def __init__(self, shape: ModelShape, gpu: Gpu, budget: int, calibration: Calibration | None) -> None:
        self.shape, self.gpu, self.budget, self.calibration = shape, gpu, budget, calibration
        self.considered = 0
        self.rejected: list[Candidate] = []
        self.notes: tuple[str, ...] = ()

    def best_of(self, tier: FitRequest) -> Candidate | None:
        """The fastest setting of this way of tuning that fits; if none does, the smallest one that is tight."""
        smallest = self.candidate(_smallest(tier))
        if smallest.verdict.answer == "no":
            self.rejected.append(smallest)
            return None
        quick = [smallest, *self.settings(tier)]
        fastest = max((candidate.speed.tokens_per_second for candidate in quick if candidate.speed), default=0.0)
        quick.sort(key=lambda candidate: self.rank(candidate, fastest))
        for candidate in quick[:4]:
            checked = self.checked(candidate)
            if checked.verdict.answer == "fits":
                return checked
        checked = self.checked(smallest)
        return None if checked.verdict.answer == "no" else checked

    def settings(self, tier: FitRequest) -> Iterator[Candidate]:
        """Micro-batch x checkpointing, as far as they fit by a quick count. The loss is what the trainer computes."""
        smallest = _smallest(tier)
        for checkpointing in (False, True):
            for micro_batch in MICRO_BATCHES:
                candidate = self.candidate(replace(smallest, grad_checkpointing=checkpointing, micro_batch=micro_batch))
                if candidate.verdict.answer != "fits":
                    break
                yield candidate

    def rank(self, candidate: Candidate, fastest: float) -> tuple[bool, int, float]:
        """Fast enough with the smallest batch first; then simply the fastest."""
        speed = candidate.speed.tokens_per_second if candidate.speed else 0.0
        slow = speed < FAST_ENOUGH * fastest
        return slow, 0 if slow else candidate.request.micro_batch, -speed

    def candidate(self, request: FitRequest) -> Candidate:
        """Memory and speed of one recipe, with a rough band."""
        self.considered += 1
        step = plan_step(self.shape, request, self.gpu)
        report = predict_step_memory(step, self.gpu)
        band = quick_band(report, self.gpu)
        speed: SpeedReport | None = None
        verdict = judge(band, self.budget)
        if verdict.answer != "no":
            try:
                speed = step_speed(step, self.gpu, self.calibration)
            except FtuiError as error:
                self.notes = (str(error),)
        return Candidate(request, report, band, verdict, speed)

    def checked(self, candidate: Candidate) -> Candidate:
        """The same with the allocator simulated."""
        band = device_bytes(candidate.memory, self.gpu, self.calibration)
        verdict = judge(band, self.budget, candidate.memory)
        return candidate._replace(band=band, verdict=verdict)


def _smallest(tier: FitRequest) -> FitRequest:
    """The setting of a way of tuning that needs least: one row, checkpointing, no whole logits."""
    smallest = replace(tier, micro_batch=1, grad_checkpointing=True, logits_held=False)
    return smallest if tier.loss == "fused" else replace(smallest, loss="chunked")


def what_fits(gpu: Gpu, free_bytes: int | None = None, base: FitRequest | None = None) -> tuple[FittingModel, ...]:
    """List the models of the catalogue that can be fine-tuned on `gpu`, largest first, with the least approximate way.

    By a quick count at micro-batch 1 with checkpointing and chunked loss; a fraction of a second for the catalogue.
    """
    from ftui.core.catalog.models import all_models

    budget = gpu.usable_bytes if free_bytes is None else free_bytes
    known: dict[int, Candidate | None] = {}
    found = []
    for card in all_models():
        key = id(card.config)
        if key not in known:
            known[key] = _least_approximate(shape_from_config(card.config), gpu, budget, base)
        candidate = known[key]
        if candidate is not None:
            found.append(FittingModel(card.id, card.params_total, candidate))
    return tuple(sorted(found, key=lambda model: -model.params_total))


def _least_approximate(shape: ModelShape, gpu: Gpu, budget: int, base: FitRequest | None) -> Candidate | None:
    search = _Search(shape, gpu, budget, None)
    start = _start(shape, gpu, DataFacts(), base, 1)
    for tier in tiers(start, gpu, DataFacts()):
        candidate = search.candidate(_smallest(tier))
        if candidate.verdict.answer == "fits":
            return candidate
    return None
