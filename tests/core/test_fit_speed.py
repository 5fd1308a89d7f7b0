"""Speed: published throughput, what must make a run slower, and its cost."""

import pytest

from ftui.core.catalog.gpus import find_gpu, gpu_named
from ftui.core.catalog.models import model
from ftui.core.fit.report import Calibration
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import shape_from_config
from ftui.core.fit.speed import cost, flops_per_token, predict_speed
from ftui.core.fit.step import plan_step
from ftui.errors import FtuiError

LLAMA = shape_from_config(model("meta-llama/Llama-3.1-8B").config)
H100, A100, RTX = gpu_named("H100"), gpu_named("A100-80GB"), gpu_named("RTX 4090")


def speed(gpu=A100, shape=LLAMA, **recipe):
    return predict_speed(shape, FitRequest(**{"seq_len": 2048, "micro_batch": 4, "loss": "chunked", **recipe}), gpu)


def test_full_fine_tuning_takes_six_operations_per_weight_and_eight_with_checkpointing():
    step = plan_step(LLAMA, FitRequest(method="full", seq_len=1, grad_checkpointing=False))
    assert flops_per_token(step) == pytest.approx(6 * (LLAMA.text_params - LLAMA.embedding_params), rel=0.01)
    again = plan_step(LLAMA, FitRequest(method="full", seq_len=1))
    assert flops_per_token(again) - flops_per_token(step) == pytest.approx(2 * LLAMA.linear_params, rel=0.01)
    lora = plan_step(LLAMA, FitRequest(method="lora", seq_len=1, lora_rank=1))
    assert flops_per_token(lora) == pytest.approx(6 * LLAMA.linear_params + 4 * LLAMA.head_params, rel=0.02)


def test_a_published_rate():
    """torchtitan, Llama 3.1 8B, 8 H100 at 500 W, length 8192, batch 2: 5,762 tokens/s per GPU, 6,667 compiled."""
    rate = speed(
        H100, method="full", seq_len=8192, micro_batch=2, grad_checkpointing=False, attention="flash", gpus=8,
        sharding="fsdp",
    ).tokens_per_second / 8  # fmt: skip
    assert 5_000 < rate < 8_500


@pytest.mark.parametrize(
    ("slower", "faster"),
    [
        ({"grad_checkpointing": True}, {"grad_checkpointing": False}),
        ({"method": "full", "optimizer": "adamw_torch_fused"}, {"method": "lora", "grad_checkpointing": False}),
        ({"method": "qlora", "micro_batch": 1}, {"method": "lora", "micro_batch": 1}),
        ({"micro_batch": 1, "seq_len": 128}, {"micro_batch": 16, "seq_len": 128}),
        ({"seq_len": 65536}, {"seq_len": 2048}),
        ({"attention": "eager"}, {"attention": "flash"}),
    ],
)
def test_what_makes_it_slower(slower, faster):
    assert speed(**slower).tokens_per_second < speed(**faster).tokens_per_second


def test_better_cards_are_faster_and_more_cards_too():
    assert speed(gpu_named("T4"), precision="fp16-mixed").tokens_per_second < speed(RTX).tokens_per_second
    assert speed(RTX).tokens_per_second < speed(A100).tokens_per_second < speed(H100).tokens_per_second
    two = speed(A100, gpus=2, sharding="ddp").tokens_per_second
    assert speed().tokens_per_second < two < 2.01 * speed().tokens_per_second


def test_little_work_is_bound_by_its_overhead():
    small = shape_from_config(model("HuggingFaceTB/SmolLM2-135M").config)
    report = speed(H100, small, micro_batch=1, seq_len=128)
    assert report.bound_by == "overhead" and any("micro-batch" in reason for reason in report.reasons)
    assert 0 < report.utilisation < 0.2 < speed(method="full").utilisation < 1


def test_a_measurement_corrects_the_prediction():
    plain = speed()
    corrected = predict_speed(
        LLAMA,
        FitRequest(seq_len=2048, micro_batch=4, loss="chunked"),
        A100,
        Calibration(speed_ratio=0.5),
    )
    assert corrected.tokens_per_second == pytest.approx(plain.tokens_per_second / 2)
    assert corrected.high - corrected.low < plain.high - plain.low
    assert any("0.50" in reason for reason in corrected.reasons)


def test_time_and_money():
    report = speed()
    seconds, money = cost(report, 3600 * int(report.tokens_per_second), 2.5)
    assert seconds == pytest.approx(3600, rel=0.001) and money == pytest.approx(2.5, rel=0.001)
    with pytest.raises(FtuiError):
        cost(report, -1, 2.5)


def test_a_card_of_unknown_arithmetic_is_said():
    with pytest.raises(FtuiError, match="A10G"):
        speed(find_gpu("A10G"))
