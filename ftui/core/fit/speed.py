"""Tokens per second, time and cost of a training run, from FLOPs, bandwidth and utilisation. Stable interface.

One micro-batch takes the time of its matrix products, plus that of everything between them, which is bound by memory
bandwidth: the tapes know how many bytes are written. On a fast GPU with little work, launching the kernels takes
longer than running them. Constants marked "fitted" come from the published rows in tests/benchmarks/fit_speed.py.
"""

from __future__ import annotations

from ftui.core.catalog.gpus import Gpu
from ftui.core.fit.report import Calibration, SpeedReport
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import Block, ModelShape
from ftui.core.fit.step import Step, plan_step
from ftui.core.fit.tape import Event
from ftui.errors import FtuiError

PRODUCT_SHARE = {7: 0.55, 8: 0.72, 9: 0.58, 10: 0.55, 12: 0.65}
"""Share of the dense peak that large matrix products reach, by major compute capability. 8 and 9 fitted (A100, H100);
the others are estimates."""
OTHER_PRODUCT_SHARE = 0.5
"""The same where the compute capability is unknown (AMD)."""
ATTENTION_SHARE = 0.5
"""Attention kernels, relative to matrix products. Fitted."""
BANDWIDTH_SHARE = 0.8
TOUCHES = 2.0
"""How often each allocated byte crosses the memory bus: written once, read about once. Fitted."""
LAUNCH_SECONDS = 6e-6
"""Python, PyTorch and CUDA for one operation of a layer. Estimate."""
NVLINK_BYTES_PER_SECOND, PCIE_BYTES_PER_SECOND = 200e9, 12e9
"""What collective operations reach per GPU. Estimates."""
UNCERTAINTY = 0.3
"""Half-width of the band without calibration, as a share."""


def predict_speed(
    shape: ModelShape, request: FitRequest, gpu: Gpu, calibration: Calibration | None = None
) -> SpeedReport:
    """Predict the speed of `request` on `gpu`. Raises FtuiError if the GPU's arithmetic or bandwidth is not known."""
    return step_speed(plan_step(shape, request, gpu), gpu, calibration)


def step_speed(step: Step, gpu: Gpu, calibration: Calibration | None = None) -> SpeedReport:
    """Like `predict_speed`, for a step that is planned already."""
    peak, bandwidth = gpu.tensor_flops, gpu.bandwidth_bytes_per_second
    if peak is None or bandwidth is None:
        raise FtuiError("No speed for this GPU", f"the catalogue does not know the arithmetic of {gpu.name}")
    request, recipe = step.request, step.recipe
    low_precision = recipe.compute == 2
    if not low_precision:
        peak = gpu.fp32_flops or peak / 8
    share = PRODUCT_SHARE.get(gpu.compute_capability[0] if gpu.compute_capability else 0, OTHER_PRODUCT_SHARE)
    flops = flops_per_token(step)
    bandwidth *= BANDWIDTH_SHARE
    tokens = step.tokens
    weights_read = step.states.weights * passes(request) / bandwidth
    scores = score_flops_per_token(step)
    product_seconds = max((flops - scores) * tokens / (peak * share), weights_read)
    product_seconds += scores * tokens / (peak * share * ATTENTION_SHARE)
    moved, operations = _moved(step)
    between_seconds = (moved * TOUCHES + _dequantised_bytes(step)) / bandwidth
    launch_seconds = operations * LAUNCH_SECONDS
    seconds = max(product_seconds + between_seconds, launch_seconds) + _optimizer_bytes(step) / bandwidth
    communication = _communication_bytes(step) / (NVLINK_BYTES_PER_SECOND if gpu.nvlink else PCIE_BYTES_PER_SECOND)
    seconds = max(seconds, communication) + 0.1 * min(seconds, communication)
    if launch_seconds > product_seconds + between_seconds:
        bound = "overhead"
    else:
        bound = "compute" if product_seconds >= between_seconds else "bandwidth"
    ratio = calibration.speed_ratio if calibration and calibration.speed_ratio else 1.0
    width = 0.1 if ratio != 1.0 else UNCERTAINTY
    rate = tokens * request.gpus / seconds * ratio
    return SpeedReport(
        tokens_per_second=rate,
        low=rate * (1 - width),
        high=rate * (1 + width),
        step_seconds=seconds / ratio,
        flops_per_token=flops,
        utilisation=flops * tokens / (seconds / ratio) / peak,
        bound_by="compute" if bound == "compute" else "bandwidth" if bound == "bandwidth" else "overhead",
        reasons=_reasons(step, gpu, product_seconds, between_seconds, launch_seconds, communication, ratio),
    )


def cost(speed: SpeedReport, tokens: int, price_per_hour: float) -> tuple[float, float]:
    """Give seconds and money for training on `tokens` tokens; `price_per_hour` is that of all GPUs together."""
    if tokens < 0 or price_per_hour < 0:
        raise FtuiError("This cost makes no sense", "tokens and price per hour must not be negative")
    seconds = tokens / speed.tokens_per_second
    return seconds, seconds / 3600 * price_per_hour


def passes(request: FitRequest) -> int:
    """How often the weights of the layers are multiplied: forward, backward, and with checkpointing forward again."""
    return 3 if request.grad_checkpointing else 2


def flops_per_token(step: Step) -> float:
    """Floating-point operations of one token: forward 2 per active weight, the same for the gradient of the input,
    again for that of trained weights, and the forward again with checkpointing."""
    shape, request, recipe = step.shape, step.request, step.recipe
    linear = sum(block.count * _active(block) for block in shape.blocks)
    again = 1 if request.grad_checkpointing else 0
    trained = 1 if recipe.train_base else 0
    head = 2 * shape.vocab_size * shape.embedding_width * (2 + trained)
    adapters = 0 if recipe.train_base else 6 * step.states.trainable
    return 2 * linear * (2 + trained + again) + score_flops_per_token(step) + head + adapters


def score_flops_per_token(step: Step) -> float:
    """Of these, the scores of attention. Its backward pass computes them again: 2.5 times the forward pass
    (FlashAttention-2, arXiv 2307.08691)."""
    forward = sum(block.count * _score_flops(block, step.request) for block in step.shape.blocks)
    return forward * (4.5 if step.request.grad_checkpointing else 3.5)


def _active(block: Block) -> int:
    """Weights of one layer that a token meets."""
    total = 0
    for linear in block.linears:
        share = block.mlp.experts_per_token / block.mlp.experts if linear.role == "expert" else 1
        total += int(linear.weights * share)
    return total


def _score_flops(block: Block, request: FitRequest) -> float:
    """Forward operations of attention scores for one token."""
    a = block.attention
    if a.kind == "linear":
        return 8.0 * a.heads * a.qk_dim * a.value_dim
    reach = request.seq_len if request.attention == "eager" else request.seq_len / 2
    if a.window:
        reach = min(reach, a.window)
    return 2.0 * a.heads * (a.qk_dim + a.value_dim) * reach


def _moved(step: Step) -> tuple[int, int]:
    """Bytes that one micro-batch allocates outside weights, and operations that it launches."""
    total = operations = 0
    for group in step.layers:
        played = group.played
        lists = [group.tape.forward(played.saved_by), group.tape.backward(played.saved_by)[0]]
        if step.request.grad_checkpointing:
            lists.append(group.tape.forward({}))
        total += group.block.count * sum(map(_allocated, lists))
        operations += group.block.count * sum(map(len, lists)) // 2
    head = step.head_played
    lists = [step.head.tape.forward(head.saved_by), step.head.tape.backward(head.saved_by)[0]]
    return total + sum(map(_allocated, lists)), operations


def _allocated(events: list[Event]) -> int:
    return sum(size for _, size, _ in events if size > 0)


def _dequantised_bytes(step: Step) -> int:
    """4-bit weights are read, written in 16 bit and read again, each time they are multiplied."""
    if step.recipe.quant == "none":
        return 0
    weights = sum(
        block.count * linear.weights
        for block in step.shape.blocks
        for linear in block.linears
        if step.recipe.quantises(linear)
    )
    return int(weights * (0.5 + 2 * step.recipe.dequantised)) * passes(step.request)


def _optimizer_bytes(step: Step) -> int:
    """Bytes that an AdamW step reads and writes: weight, gradient and two moments in, weight and moments out."""
    states = step.states
    width = step.recipe.trained or step.recipe.adapter
    return 7 * states.trainable * width


def _communication_bytes(step: Step) -> int:
    """Bytes that one GPU sends per micro-batch: gradients twice (DDP, ZeRO-2), or weights with every pass as well."""
    request, states = step.request, step.states
    if request.gpus == 1 or request.sharding == "none":
        return 0
    if request.sharding in ("fsdp", "zero3"):
        # Weights travel in the dtype of the arithmetic, for the forward and for the backward pass.
        return (2 * step.shape.total_params + states.trainable) * step.recipe.compute
    return 2 * states.gradients


def _reasons(
    step: Step, gpu: Gpu, product: float, between: float, launch: float, communication: float, ratio: float
) -> tuple[str, ...]:
    total = product + between
    reasons = [f"matrix products {product / total:.0%}, work between them {between / total:.0%} of the GPU's time"]
    if launch > total:
        reasons.append("so little work per step that starting it takes longer: a larger micro-batch is faster")
    if communication > total:
        reasons.append("GPUs wait for each other: the link is slower than the arithmetic")
    if step.recipe.quant != "none":
        reasons.append("4-bit weights are unpacked for every product")
    if step.request.grad_checkpointing:
        reasons.append("checkpointing runs every layer forward twice")
    if ratio != 1.0:
        reasons.append(f"corrected by {ratio:.2f} from a measurement on this machine")
    if gpu.kind == "laptop":
        reasons.append("a laptop GPU's speed depends on its power limit")
    return tuple(reasons)
