"""One fit answer, from a model, a target and what the user asked for: recipe, memory, band, verdict, speed, reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.report import Band, Calibration, MemoryReport, Recommendation, SpeedReport, Verdict
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import ModelShape
from ftui.errors import FtuiError
from ftui.services.fit_stack import stack_words, with_stack
from ftui.services.fit_target import Target

DEFAULT_SEQ_LEN = 2048
CPU_LIBRARY_BYTES = 700 * 2**20
"""Python with torch, transformers, peft and trl loaded: measured 560 to 620 MiB of resident memory."""
CPU_SLACK = 1.15
"""Resident memory beside tensors on the CPU: the C allocator keeps what it freed. Estimate."""
CPU_TILE_COPIES = 4
"""fp32 tensors of one tile of logits that TRL's loss holds at a time where there is no Triton."""
STRETCH = 32
"""How far beyond its own length a model with rotary positions may be asked about: at more the question is a slip."""
SEARCHED = ("micro_batch", "grad_checkpointing", "optimizer", "precision", "quant", "loss")
"""Fields that the recommendation chooses: when one of them is given, only the way of tuning is left to choose."""

SAVED_MODULES = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out", "word_embeddings")
"""Names that models have for embedding and head: what LoRA can train in full beside its adapters."""


class FitAnswer(NamedTuple):
    """Everything that `ftui fit` says."""

    target: Target
    request: FitRequest
    memory: MemoryReport
    band: Band
    verdict: Verdict
    speed: SpeedReport | None
    recommendation: Recommendation | None = None
    calibration: Calibration | None = None
    source: str = "closed form"
    """closed form, dry run or probe: what the memory was taken from."""


def answer_fit(
    shape: ModelShape,
    target: Target,
    given: Mapping[str, Any],
    *,
    rows: int | None = None,
    calibration: Calibration | None = None,
) -> FitAnswer:
    """Predict what was asked, or recommend what was left open. `given` holds the FitRequest fields that were named.

    Raises FtuiError for impossible values.
    """
    words = stack_words(given)
    answer = _answer(shape, target, with_stack(given), rows, calibration)
    memory = answer.memory
    return answer._replace(memory=memory._replace(assumptions=(*memory.assumptions, *words))) if words else answer


def _answer(
    shape: ModelShape, target: Target, given: dict[str, Any], rows: int | None, calibration: Calibration | None
) -> FitAnswer:
    if "seq_len" not in given:
        given["seq_len"] = min(DEFAULT_SEQ_LEN, shape.max_positions or DEFAULT_SEQ_LEN)
    _refuse_length(shape, given["seq_len"])
    _refuse_targets(shape, given.get("lora_targets", ()))
    _refuse_saved(given.get("modules_to_save", ()))
    if target.is_cpu:
        return _on_cpu(shape, target, given)
    if "method" in given:
        return predict(shape, target, _request(given, target.gpu), calibration)
    if any(name in given for name in SEARCHED):
        return _best_method(shape, target, given, calibration)
    return _recommended(shape, target, given, rows, calibration)


def _refuse_length(shape: ModelShape, length: int) -> None:
    """Learned positions end where they end; rotary ones stretch, but not for ever."""
    limit = shape.max_positions
    if limit is None or length <= limit * (1 if shape.position_params else STRETCH):
        return
    raise FtuiError(
        f"A length of {length:,} tokens is not possible",
        f"this model was made for {limit:,}",
        f"Take --seq-len {limit} or less.",
    )


def _refuse_targets(shape: ModelShape, targets: Sequence[str]) -> None:
    if not targets or "all-linear" in targets:
        return
    names = {linear.name for block in shape.blocks for linear in block.linears} | {"lm_head", "embed_tokens"}
    if not names & set(targets):
        raise FtuiError(
            "No module of the model is called so",
            f"--lora-targets {', '.join(targets)}",
            f"Its matrices are {', '.join(sorted(names))}.",
        )


def _refuse_saved(modules: Sequence[str]) -> None:
    unknown = [name for name in modules if name not in SAVED_MODULES]
    if unknown:
        raise FtuiError(
            "Only embedding and head are counted as trained in full",
            f"--modules-to-save {', '.join(unknown)}",
            f"They are called {', '.join(SAVED_MODULES)}.",
        )


def predict(
    shape: ModelShape, target: Target, request: FitRequest, calibration: Calibration | None = None
) -> FitAnswer:
    """Memory, band, verdict and speed of exactly this recipe."""
    from ftui.core.fit.device import device_bytes, judge
    from ftui.core.fit.memory import predict_memory

    if target.is_cpu:
        return _cpu_answer(shape, target, request)
    memory = predict_memory(shape, request, target.gpu)
    band = device_bytes(memory, target.gpu, calibration)
    verdict = judge(band, target.free_bytes, memory)
    speed = _speed(shape, request, target.gpu, calibration)
    return FitAnswer(target, request, memory, band, verdict, speed, calibration=calibration)


def _speed(
    shape: ModelShape, request: FitRequest, gpu: Gpu, calibration: Calibration | None = None
) -> SpeedReport | None:
    from ftui.core.fit.speed import predict_speed

    try:
        return predict_speed(shape, request, gpu, calibration)
    except FtuiError:
        return None  # a GPU of which only the memory is known


def _request(given: Mapping[str, Any], gpu: Gpu) -> FitRequest:
    """The request with what was not said as ftui's trainer has it."""
    low = "bf16" if gpu.bf16 else "fp16"
    return FitRequest(**{"precision": f"{low}-mixed", "loss": "chunked", **given})


def _recommended(
    shape: ModelShape, target: Target, given: Mapping[str, Any], rows: int | None, calibration: Calibration | None
) -> FitAnswer:
    from ftui.core.fit.explain import DataFacts
    from ftui.core.fit.recommend import recommend

    base = _request(given, target.gpu)
    data = DataFacts(rows=rows)
    found = recommend(shape, target.gpu, target.free_bytes, data, base, calibration, gpus=base.gpus)
    best = found.best
    if best is None:
        smallest = replace(base, method="qlora", quant="nf4-dq", micro_batch=1, grad_checkpointing=True)
        return predict(shape, target, smallest, calibration)._replace(recommendation=found)
    return FitAnswer(target, best.request, best.memory, best.band, best.verdict, best.speed, found, calibration)


def _best_method(
    shape: ModelShape, target: Target, given: Mapping[str, Any], calibration: Calibration | None
) -> FitAnswer:
    """The least approximate method that fits with what was pinned; if none does, the one that needs least."""
    methods = _open_methods(given)
    answers = []
    for method in methods:
        answers.append(predict(shape, target, _request({**given, "method": method}, target.gpu), calibration))
        if answers[-1].verdict.answer == "fits":
            return answers[-1]
    tight = [answer for answer in answers if answer.verdict.answer == "tight"]
    return tight[0] if tight else min(answers, key=lambda answer: answer.band.expected)


def _open_methods(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Ways of tuning that are still open, the least approximate first."""
    return ("full", "lora", "qlora") if given.get("quant", "none") == "none" else ("qlora",)


# ---- the CPU ----


def _on_cpu(shape: ModelShape, target: Target, given: Mapping[str, Any]) -> FitAnswer:
    """On the CPU ftui trains in fp32; the least approximate method whose memory fits into RAM is taken."""
    methods = (given["method"],) if "method" in given else _open_methods(given)
    answer = None
    for method in methods:
        request = FitRequest(**{"precision": "fp32", "loss": "chunked", **given, "method": method})
        answer = _cpu_answer(shape, target, request)
        if answer.verdict.answer == "fits":
            break
    assert answer is not None
    return answer


def _cpu_answer(shape: ModelShape, target: Target, request: FitRequest) -> FitAnswer:
    from ftui.core.fit.device import judge
    from ftui.core.fit.memory import predict_memory

    memory = _on_host(predict_memory(shape, request, target.gpu))
    tile = 0
    if request.loss == "chunked":
        tokens = min(request.micro_batch * request.seq_len, 4096)
        tile = CPU_TILE_COPIES * tokens * min(shape.vocab_size, 32768) * 4
    low = memory.allocated_bytes + tile + CPU_LIBRARY_BYTES
    expected = int((memory.allocated_bytes + tile) * CPU_SLACK) + CPU_LIBRARY_BYTES
    band = Band(low, expected, int(expected * 1.1), CPU_LIBRARY_BYTES)
    verdict = judge(band, target.free_bytes, memory)
    speed = _speed(shape, request, target.gpu)
    if speed is not None:
        words = ("a rough guess: CPUs differ widely",)
        speed = speed._replace(low=speed.low / 3, high=speed.high * 3, reasons=words)
    return FitAnswer(target, request, memory, band, verdict, speed)


def _on_host(memory: MemoryReport) -> MemoryReport:
    """The same without what only CUDA's libraries and PyTorch's allocator for it take; every phase has both."""
    parts = {name: size for name, size in memory.components.items() if name not in ("library_workspace", "rounding")}
    less = sum(memory.components.values()) - sum(parts.values())
    return memory._replace(
        components=parts,
        phases={name: size - less for name, size in memory.phases.items()},
        allocated_bytes=memory.allocated_bytes - less,
        resident_bytes=memory.resident_bytes - less,
    )


# ---- better sources of memory ----


def with_dry_run(answer: FitAnswer, result: Mapping[str, Any]) -> FitAnswer:
    """The same answer with the memory that a dry run booked: the band moves with it."""
    from ftui.core.fit.device import judge

    memory = answer.memory._replace(
        components=dict(result["components"]),
        phases=dict(result["phases"]),
        deciding_phase=str(result["deciding_phase"]),
        allocated_bytes=int(result["allocated_bytes"]),
        resident_bytes=int(result["resident_bytes"]),
        trainable_params=int(result["trainable_params"]),
    )
    if answer.target.is_cpu:
        memory = _on_host(memory)
    shift = memory.allocated_bytes - answer.memory.allocated_bytes
    band = answer.band._replace(
        low=answer.band.low + shift, expected=answer.band.expected + shift, high=answer.band.high + shift
    )
    verdict = judge(band, answer.target.free_bytes, answer.memory)
    return answer._replace(memory=memory, band=band, verdict=verdict, source="dry run")


def with_probe(answer: FitAnswer, result: Mapping[str, Any]) -> FitAnswer:
    """The same answer with what was measured on this machine: device bytes and speed."""
    from ftui.core.fit.device import judge

    expected = int(result["device_bytes"])
    low = int(result["allocated_bytes"] * 1.02) + int(result["context_bytes"])
    band = Band(min(low, expected), expected, int(expected * 1.03), int(result["context_bytes"]))
    verdict = judge(band, answer.target.free_bytes, answer.memory)
    rate = float(result["tokens_per_second"])
    speed = answer.speed
    if speed is not None:
        measured = ("measured on this machine",)
        speed = speed._replace(
            tokens_per_second=rate,
            low=rate * 0.9,
            high=rate * 1.1,
            step_seconds=result["step_seconds"],
            reasons=measured,
        )
    return answer._replace(band=band, verdict=verdict, speed=speed, source="probe")
