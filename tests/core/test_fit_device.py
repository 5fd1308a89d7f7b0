"""From allocated bytes to the device: the allocator, the band, the verdict."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.catalog.gpus import gpu_named
from ftui.core.catalog.models import model
from ftui.core.fit.allocator import CachingAllocator
from ftui.core.fit.device import device_bytes, judge, quick_band
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.report import Band, Calibration
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import shape_from_config

MIB, GIB = 2**20, 2**30


def report_of(name, gpu=None, **recipe):
    return predict_memory(shape_from_config(model(name).config), FitRequest(**recipe), gpu)


def test_segments_are_those_of_pytorch():
    memory = CachingAllocator()
    memory.allocate(100)
    assert memory.reserved == 2 * MIB  # small requests share 2 MiB
    memory.allocate(3 * MIB)
    assert memory.reserved == 22 * MIB  # up to 10 MiB they share 20
    memory.allocate(18 * MIB + 1)
    assert memory.reserved == 42 * MIB  # and above each has its own, in steps of 2
    for _ in range(3):
        memory.allocate(5 * MIB)
    assert memory.reserved == 42 * MIB


def test_freed_blocks_are_joined_and_used_again():
    memory = CachingAllocator()
    first, second = memory.allocate(30 * MIB), memory.allocate(30 * MIB)
    memory.release(first)
    parts = [memory.allocate(10 * MIB) for _ in range(3)]
    assert memory.reserved == 60 * MIB
    for part in parts:
        memory.release(part)
    memory.release(second)
    memory.allocate(30 * MIB)
    memory.allocate(30 * MIB)
    assert memory.reserved == 60 * MIB


def test_a_hole_that_is_too_small_costs_a_new_segment():
    memory = CachingAllocator()
    block = memory.allocate(40 * MIB)
    memory.release(block)
    memory.allocate(20 * MIB)
    memory.allocate(30 * MIB)
    assert memory.reserved == 70 * MIB


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 80 * MIB), st.integers(0, 30)), max_size=80))
def test_what_is_reserved_is_never_less_than_what_is_held(steps):
    memory, held = CachingAllocator(), []
    highest = 0
    for size, keep in steps:
        held.append((memory.allocate(size), size))
        if len(held) > keep:
            memory.release(held.pop(0)[0])
        highest = max(highest, sum(size for _, size in held))
        assert memory.reserved >= highest
        assert all(block.size >= size for block, size in held)


@pytest.mark.parametrize(
    ("mib", "name", "gpu", "recipe"),
    [
        # What the device showed: nvidia-smi on A100s, reserved bytes and context on a T4.
        (34016, "mistralai/Mistral-7B-v0.1", "A100-80GB",
         {"method": "qlora", "micro_batch": 8, "seq_len": 4096, "attention": "flash", "optimizer": "adamw_torch",
          "lora_targets": ("q_proj", "k_proj", "v_proj", "o_proj"), "transformers": "4.48", "logits_held": False}),
        (43232, "mistralai/Mistral-7B-v0.1", "A100-80GB",
         {"method": "lora", "precision": "bf16", "micro_batch": 8, "seq_len": 4096, "attention": "flash",
          "optimizer": "adamw_torch", "lora_targets": ("q_proj", "k_proj", "v_proj", "o_proj"),
          "transformers": "4.48", "logits_held": False}),
        (8179, "TinyLlama/TinyLlama-1.1B-Chat-v1.0", "T4",
         {"method": "qlora", "quant": "nf4", "precision": "fp16", "micro_batch": 8, "seq_len": 1024, "lora_rank": 32,
          "lora_targets": ("q_proj", "k_proj", "v_proj", "o_proj"), "optimizer": "adamw_torch"}),
    ],
)  # fmt: skip
def test_published_device_totals_are_met_within_eight_percent(mib, name, gpu, recipe):
    card = gpu_named(gpu)
    band = device_bytes(report_of(name, card, **recipe), card)
    assert band.expected / MIB == pytest.approx(mib, rel=0.08)
    assert band.low < mib * MIB < band.high


@pytest.mark.parametrize("method", ["full", "lora", "qlora"])
@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("task", ["sft", "dpo", "grpo"])
def test_a_band_is_in_order_and_above_what_is_allocated(method, checkpointing, task):
    report = report_of("Qwen/Qwen2.5-0.5B", method=method, grad_checkpointing=checkpointing, task=task)
    for band in (device_bytes(report), quick_band(report)):
        assert report.allocated_bytes < band.low <= band.expected <= band.high


def test_a_measurement_on_this_machine_replaces_the_simulation():
    report = report_of("Qwen/Qwen2.5-0.5B")
    band = device_bytes(report, calibration=Calibration(slack_ratio=1.5, context_bytes=100 * MIB))
    assert band.expected == int(report.allocated_bytes * 1.5) + 100 * MIB
    assert band.context_bytes == 100 * MIB and band.low < band.expected < band.high


def test_a_full_card_shows_all_of_its_memory_and_no_more():
    gpu = gpu_named("A100-80GB")
    report = report_of(
        "meta-llama/Llama-3.1-8B", gpu, method="full", precision="bf16", optimizer="adamw_torch", loss="fused",
        seq_len=4096, micro_batch=4,
    )  # fmt: skip
    band = device_bytes(report, gpu)
    assert band.low <= gpu.usable_bytes and band.expected <= gpu.usable_bytes


@pytest.mark.parametrize(("free", "answer"), [(21, "fits"), (20, "fits"), (18, "tight"), (10, "tight"), (9, "no")])
def test_the_verdict_is_against_free_memory(free, answer):
    verdict = judge(Band(10 * GIB, 15 * GIB, 20 * GIB), free * GIB)
    assert verdict.answer == answer and verdict.free_bytes == free * GIB
    assert verdict.margin_bytes == (free - 15) * GIB and str(free) in verdict.reasons[0]


def test_a_verdict_names_the_term_that_decides_and_what_would_change_it():
    gpu = gpu_named("RTX 4090")
    report = report_of("meta-llama/Llama-3.1-8B", gpu, method="full")
    verdict = judge(device_bytes(report, gpu), gpu.usable_bytes, report)
    assert verdict.answer == "no" and verdict.deciding_term == "optimizer"
    assert "optimizer state" in verdict.reasons[1]
    assert any("LoRA" in change and "enough" in change for change in verdict.changes)


def test_qlora_of_70b_does_not_fit_a_24_gb_card_and_the_weights_alone_say_why():
    gpu = gpu_named("RTX 4090")
    report = report_of("meta-llama/Llama-2-70b-hf", gpu, method="qlora", seq_len=512, loss="chunked")
    assert 33 * GIB < report.components["weights"] + report.components["quantisation"] < 36 * GIB
    verdict = judge(device_bytes(report, gpu), gpu.usable_bytes, report)
    assert verdict.answer == "no" and verdict.deciding_term == "weights"


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("meta-llama/Llama-2-70b-hf", {"method": "lora", "micro_batch": 4}),
        ("meta-llama/Llama-2-70b-hf", {"method": "qlora", "micro_batch": 8}),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", {"method": "lora", "micro_batch": 4}),
        ("meta-llama/Meta-Llama-3-8B", {"method": "qlora", "micro_batch": 16}),
        ("meta-llama/Meta-Llama-3-8B", {"method": "full", "precision": "bf16", "micro_batch": 16, "loss": "fused"}),
    ],
)
def test_runs_that_were_seen_to_fail_on_an_80_gb_card_are_not_called_fitting(name, recipe):
    gpu = gpu_named("A100-80GB")
    report = report_of(name, gpu, seq_len=4096, attention="flash", optimizer="adamw_torch", **recipe)
    assert judge(device_bytes(report, gpu), gpu.usable_bytes, report).answer != "fits"


def test_a_share_of_a_model_is_counted_where_several_gpus_hold_it():
    # nvidia-smi of one of 4 A100, fms-acceleration scripts/benchmarks/refs/a100_80gb_liger.csv: 35551 MiB.
    request = FitRequest(
        method="lora", adapter_dtype="fp32", lora_targets=("q_proj", "k_proj", "v_proj", "o_proj"), seq_len=4096,
        micro_batch=8, loss="fused", attention="flash", optimizer="adamw_torch", transformers="4.48",
        logits_held=False, gpus=4, sharding="fsdp",
    )  # fmt: skip
    gpu = gpu_named("A100-80GB")
    report = predict_memory(shape_from_config(model("mistralai/Mistral-7B-v0.1").config), request, gpu)
    band = device_bytes(report, gpu)
    assert band.expected == pytest.approx(35551 * 2**20, rel=0.05)
    assert band.low < band.expected < band.high
