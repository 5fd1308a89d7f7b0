"""The closed form: published peaks, what must hold of any recipe, and one step counted by hand."""

import time
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.catalog.gpus import gpu_named
from ftui.core.catalog.models import all_models, model
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.recipe import kbit_upcast
from ftui.core.fit.request import CHOICES, FitRequest
from ftui.core.fit.shapes import shape_from_config
from ftui.errors import FtuiError

GIB, MIB = 2**30, 2**20
MISTRAL, LLAMA, TINY = "mistralai/Mistral-7B-v0.1", "meta-llama/Llama-3.1-8B", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"
QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")
A100 = {"seq_len": 4096, "attention": "flash", "optimizer": "adamw_torch", "lora_targets": QKVO}
T4 = {"precision": "fp16", "lora_rank": 32, "lora_targets": QKVO, "optimizer": "adamw_torch"}


def shape_of(name):
    return shape_from_config(model(name).config)


def allocated(name, gpu=None, **recipe):
    return predict_memory(shape_of(name), FitRequest(**recipe), gpu and gpu_named(gpu)).allocated_bytes


@pytest.mark.parametrize(
    ("gib", "name", "gpu", "recipe"),
    [
        # torch.cuda.max_memory_allocated() of published runs; sources in tests/benchmarks/fit_rows.py.
        (67.460, MISTRAL, "A100-80GB", {**A100, "method": "full", "precision": "bf16", "micro_batch": 4}),
        (36.082, MISTRAL, "A100-80GB", {**A100, "method": "lora", "precision": "bf16", "micro_batch": 8}),
        (15.249, MISTRAL, "A100-80GB", {**A100, "method": "qlora", "micro_batch": 4, "adapter_dtype": "fp32"}),
        (26.461, MISTRAL, "A100-80GB",
         {**A100, "method": "qlora", "micro_batch": 8, "transformers": "4.48", "adapter_dtype": "fp32"}),
        (23.195, LLAMA, "A100-80GB", {**A100, "method": "lora", "micro_batch": 4, "loss": "fused"}),
        (47.396, LLAMA, "A100-80GB", {**A100, "method": "lora", "micro_batch": 16, "loss": "fused"}),
        (3.211, TINY, "T4", {**T4, "method": "lora", "seq_len": 1024, "micro_batch": 2}),
        (6.461, TINY, "T4", {**T4, "method": "lora", "seq_len": 2048, "micro_batch": 2, "attention": "eager"}),
        (9.152, TINY, "T4", {**T4, "method": "qlora", "quant": "nf4", "seq_len": 1024, "micro_batch": 12}),
        (6.495, TINY, "T4",
         {**T4, "method": "qlora", "quant": "nf4", "seq_len": 2048, "micro_batch": 2, "attention": "eager"}),
    ],
)  # fmt: skip
def test_published_peaks_are_met_within_one_percent(gib, name, gpu, recipe):
    assert allocated(name, gpu, **recipe) / GIB == pytest.approx(gib, rel=0.01)


def test_full_fine_tuning_by_hand():
    """bf16 everywhere, foreach AdamW: weights, gradients, two moments and one temporary tensor per weight."""
    shape = shape_of(LLAMA)
    report = predict_memory(
        shape, FitRequest(method="full", precision="bf16", optimizer="adamw_torch", seq_len=512, loss="chunked")
    )
    assert report.deciding_phase == "optimizer"
    assert report.allocated_bytes - report.components["library_workspace"] == 5 * 2 * shape.total_params
    assert report.trainable_params == report.total_params == shape.total_params


def test_resident_bytes_of_qlora_by_hand():
    shape = shape_of(LLAMA)
    report = predict_memory(shape, FitRequest(method="qlora", quant="nf4", lora_targets=("q_proj",), lora_rank=8))
    blocks = shape.linear_params // 64
    other = shape.total_params - shape.linear_params
    adapters = 32 * 8 * (4096 + 4096)
    parts = report.components
    assert parts["weights"] == shape.linear_params // 2 + other * 2
    assert parts["quantisation"] == blocks * 4
    assert parts["adapters"] == 2 * adapters and parts["optimizer"] == 4 * adapters  # bf16, as TRL has them
    assert report.trainable_params == adapters


requests = st.builds(
    FitRequest,
    method=st.sampled_from(CHOICES["method"]),
    task=st.sampled_from(CHOICES["task"]),
    seq_len=st.integers(1, 9000),
    micro_batch=st.integers(1, 9),
    grad_checkpointing=st.booleans(),
    optimizer=st.sampled_from(CHOICES["optimizer"]),
    precision=st.sampled_from(CHOICES["precision"]),
    loss=st.sampled_from(CHOICES["loss"]),
    attention=st.sampled_from(CHOICES["attention"]),
    lora_rank=st.sampled_from([1, 16, 300]),
    kernels=st.sampled_from(CHOICES["kernels"]),
    lora_dropout=st.sampled_from([0.0, 0.1]),
    padded=st.booleans(),
    logits_held=st.booleans(),
    accumulates=st.booleans(),
    transformers=st.sampled_from(["5", "4.48", "4.45"]),
    eval_batch=st.none() | st.integers(1, 16),
)
cards = st.sampled_from(all_models())


@settings(max_examples=150)
@given(cards, requests)
def test_components_add_up_to_the_highest_phase(card, request):
    report = predict_memory(shape_from_config(card.config), request)
    assert report.allocated_bytes == sum(report.components.values()) == max(report.phases.values())
    assert report.phases[report.deciding_phase] == report.allocated_bytes
    assert all(size > 0 for size in report.components.values())
    assert 0 < report.resident_bytes <= report.allocated_bytes
    assert report.largest in report.components


MORE = [
    {"seq_len": 2},
    {"micro_batch": 2},
]


@settings(max_examples=60)
@given(cards, requests, st.sampled_from(MORE))
def test_more_work_never_takes_less(card, request, factor):
    shape = shape_from_config(card.config)
    larger = replace(request, **{name: getattr(request, name) * by for name, by in factor.items()})
    # Evaluation is the training pass scaled by its rows, and so is the loss, a single number that does not grow.
    loss_bytes = 4 * 16
    assert predict_memory(shape, larger).allocated_bytes >= predict_memory(shape, request).allocated_bytes - loss_bytes


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"method": "qlora"}, {"method": "lora"}),
        ({"method": "lora"}, {"method": "full"}),
        ({"grad_checkpointing": True}, {"grad_checkpointing": False}),
        ({"loss": "chunked"}, {"loss": "full"}),
        ({"loss": "fused"}, {"loss": "full"}),
        ({"loss": "inplace"}, {"loss": "full"}),
        ({"kernels": "liger", "loss": "chunked"}, {"loss": "chunked"}),
        ({"attention": "sdpa"}, {"attention": "eager", "seq_len": 4096}),
        ({"task": "sft"}, {"task": "dpo"}),
        ({"task": "kto"}, {"task": "dpo"}),
        ({"task": "dpo", "precompute_reference": True}, {"task": "dpo"}),
        ({"task": "dpo", "method": "lora"}, {"task": "dpo", "method": "lora", "reference_model": True}),
        ({"lora_rank": 8}, {"lora_rank": 256}),
        ({"lora_targets": ("q_proj",)}, {"lora_targets": ("all-linear",)}),
        ({}, {"modules_to_save": ("embed_tokens", "lm_head")}),
        ({"lora_dropout": 0.0, "loss": "chunked"}, {"lora_dropout": 0.1, "loss": "chunked"}),
        ({"adapter_dtype": "bf16"}, {"adapter_dtype": "fp32"}),
        ({"frozen_dtype": "bf16"}, {"frozen_dtype": "fp32"}),
        ({"method": "qlora", "quant": "nf4-dq"}, {"method": "qlora", "quant": "nf4"}),
        ({"method": "qlora", "quant": "nf4"}, {"method": "qlora", "quant": "int8"}),
        ({"method": "qlora", "kbit_upcast": "none"}, {"method": "qlora", "kbit_upcast": "norms"}),
        ({"method": "qlora", "kbit_upcast": "norms"}, {"method": "qlora", "kbit_upcast": "all"}),
        ({"method": "full", "optimizer": "adamw_8bit"}, {"method": "full", "optimizer": "adamw_torch_fused"}),
        ({"method": "full", "optimizer": "paged_adamw_8bit"}, {"method": "full", "optimizer": "adamw_8bit"}),
        ({"method": "full", "precision": "bf16"}, {"method": "full", "precision": "bf16-mixed"}),
        ({"method": "full", "optimizer": "adamw_torch_fused", "precision": "bf16", "loss": "chunked"},
         {"method": "full", "optimizer": "adamw_torch", "precision": "bf16", "loss": "chunked"}),
        ({"method": "full", "optimizer_in_backward": True}, {"method": "full"}),
        ({"method": "full"}, {"method": "full", "accumulates": True}),
        ({"offload_activations": True, "seq_len": 8192}, {"seq_len": 8192}),
        ({"method": "full", "offload_optimizer": True}, {"method": "full"}),
        ({"eval_batch": 1}, {"eval_batch": 32}),
        ({"compiled": True, "loss": "chunked"}, {"loss": "chunked"}),
        ({"logits_held": False}, {"logits_held": True}),
        ({"padded": False, "seq_len": 8192, "loss": "chunked"}, {"padded": True, "seq_len": 8192, "loss": "chunked"}),
    ],
)  # fmt: skip
def test_what_saves_memory_saves_it(less, more):
    assert allocated(LLAMA, **less) < allocated(LLAMA, **more)


def test_every_field_of_a_request_is_read():
    """A field that changes nothing anywhere would be a promise that is not kept."""
    base = {
        "seq_len": 4096, "micro_batch": 2, "task": "grpo", "method": "lora", "loss": "full", "generation_batch": 512,
    }  # fmt: skip
    changes = {
        "seq_len": 8192, "micro_batch": 64, "completion_len": 64, "generation_batch": 1024,
    }  # fmt: skip
    start = predict_memory(shape_of(LLAMA), FitRequest(**base))
    assert start.deciding_phase == "generation"
    for name, value in changes.items():
        other = predict_memory(shape_of(LLAMA), replace(FitRequest(**base), **{name: value}))
        assert other.phases != start.phases, name
    full = FitRequest(method="full", gpus=4, sharding="zero3")
    assert allocated(LLAMA, method="full", gpus=4, sharding="zero3", cpu_offload=True) < (
        predict_memory(shape_of(LLAMA), full).allocated_bytes
    )
    assert "beta_positive" in {field.name for field in fields(FitRequest)}
    beta = allocated(LLAMA, method="full", task="grpo", beta_positive=True)
    assert beta > allocated(LLAMA, method="full", task="grpo")


def test_generation_holds_a_cache_that_grows_with_rows_and_windows_limit():
    small, large = (
        predict_memory(shape_of(LLAMA), FitRequest(task="grpo", generation_batch=rows, seq_len=4096)).phases[
            "generation"
        ]
        for rows in (8, 64)
    )
    per_token = 2 * 8 * 128 * 2 * 32  # keys and values, heads, elements, bytes, layers
    assert large - small >= 56 * 4096 * per_token
    windowed, whole = "google/gemma-3-1b-pt", FitRequest(task="grpo", generation_batch=64, seq_len=8192)
    shape = shape_of(windowed)
    cache = predict_memory(shape, whole).components.get("kv_cache", 0)
    assert cache < 64 * 8192 * 2 * 256 * 2 * shape.layers / 3


def test_sharding_divides_and_ddp_does_not():
    shape = shape_of(LLAMA)
    one = predict_memory(shape, FitRequest(method="full", precision="bf16", optimizer="adamw_torch", loss="fused"))
    shares = {
        kind: predict_memory(
            shape,
            FitRequest(method="full", precision="bf16", optimizer="adamw_torch", loss="fused", gpus=4, sharding=kind),
        )
        for kind in ("ddp", "fsdp", "zero2", "zero3")
    }
    assert shares["ddp"].allocated_bytes > one.allocated_bytes
    assert shares["fsdp"].phases["optimizer"] == pytest.approx(one.phases["optimizer"] / 4, rel=0.01)
    assert shares["fsdp"].allocated_bytes < shares["zero2"].allocated_bytes < shares["ddp"].allocated_bytes
    assert shares["zero3"].allocated_bytes < shares["zero2"].allocated_bytes
    assert "gathered" in shares["zero3"].components or shares["zero3"].deciding_phase == "optimizer"


def test_published_fsdp_peaks():
    """Full fine-tuning of Mistral-7B over 2 and Llama-3-8B over 4 A100s, measured: 33.738 and 37.410 GiB."""
    recipe = {**A100, "method": "full", "micro_batch": 4, "sharding": "fsdp", "gpus": 2}
    assert allocated(MISTRAL, precision="bf16", **recipe) / GIB == pytest.approx(33.738, rel=0.01)
    recipe |= {"gpus": 4, "loss": "fused"}
    assert allocated("meta-llama/Meta-Llama-3-8B", **recipe) / GIB == pytest.approx(37.410, rel=0.01)


def test_fp16_quantised_models_are_raised_to_fp32_where_there_is_no_bf16():
    request = FitRequest(method="qlora", precision="fp16-mixed")
    assert kbit_upcast(request, gpu_named("T4")) == "all" == kbit_upcast(request)
    assert kbit_upcast(request, gpu_named("A100")) == "none"
    assert kbit_upcast(replace(request, kbit_upcast="norms"), gpu_named("T4")) == "norms"
    assert kbit_upcast(FitRequest(method="lora", precision="fp16-mixed")) == "none"
    shape = shape_of(TINY)
    assert any("fp32" in sentence for sentence in predict_memory(shape, request, gpu_named("T4")).assumptions)


def test_guesses_are_said():
    mixtral = predict_memory(shape_of("mistralai/Mixtral-8x7B-v0.1"), FitRequest(method="qlora"))
    assert any("experts" in sentence for sentence in mixtral.assumptions)
    long = predict_memory(shape_of(TINY), FitRequest(seq_len=100_000))
    assert any("2048 tokens" in sentence for sentence in long.assumptions)
    vision = predict_memory(shape_of("google/gemma-3-4b-it"), FitRequest())
    assert any("vision" in sentence for sentence in vision.assumptions)
    assert predict_memory(shape_of(LLAMA), FitRequest()).assumptions == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "magic"}, "method"),
        ({"seq_len": 0}, "seq_len"),
        ({"micro_batch": -1}, "micro_batch"),
        ({"micro_batch": 1.5}, "micro_batch"),
        ({"lora_rank": 0}, "lora_rank"),
        ({"eval_batch": 0}, "eval_batch"),
        ({"lora_dropout": 1.0}, "lora_dropout"),
        ({"lora_targets": ()}, "LoRA target"),
        ({"method": "full", "quant": "nf4"}, "cannot train nf4"),
        ({"task": "grpo", "seq_len": 100, "completion_len": 200}, "completion_len"),
        ({"sharding": "fsdp"}, "several GPUs"),
        ({"gpus": 0}, "gpus"),
    ],
)
def test_impossible_requests_are_one_sentence(change, said):
    with pytest.raises(FtuiError, match=said):
        FitRequest(**change)


def test_the_closed_form_is_instant():
    shape = shape_of(LLAMA)
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(20):
            predict_memory(shape, FitRequest())
        best = min(best, (time.process_time() - start) / 20)
    assert best < 0.005  # 0.3 ms on a quiet machine; five would be felt


@pytest.mark.parametrize(
    ("model_id", "change", "gib"),
    [
        # max_memory_allocated() of one of 2 or 4 A100, fms-acceleration scripts/benchmarks/refs, rows of 4096 tokens.
        ("mistralai/Mistral-7B-v0.1", {"method": "qlora", "gpus": 2, "micro_batch": 8, "loss": "fused"}, 26.486),
        ("mistralai/Mistral-7B-v0.1", {"method": "qlora", "gpus": 4, "micro_batch": 16, "loss": "inplace"}, 49.306),
        ("mistralai/Mistral-7B-v0.1", {"method": "lora", "gpus": 4, "micro_batch": 8, "loss": "fused"}, 28.344),
        ("meta-llama/Meta-Llama-3-8B", {"method": "lora", "gpus": 2, "micro_batch": 8, "loss": "fused"}, 33.595),
        ("meta-llama/Llama-2-70b-hf", {"method": "qlora", "gpus": 2, "micro_batch": 2, "loss": "full"}, 43.479),
        ("meta-llama/Meta-Llama-3-8B", {"method": "full", "gpus": 4, "micro_batch": 4, "loss": "fused"}, 37.41),
    ],
)
def test_sharded_runs_peak_as_they_were_measured(model_id, change, gib):
    adapters = {} if change["method"] == "full" else {
        "adapter_dtype": "fp32", "lora_targets": ("q_proj", "k_proj", "v_proj", "o_proj"),
    }  # fmt: skip
    request = FitRequest(
        seq_len=4096, attention="flash", optimizer="adamw_torch", transformers="4.48", logits_held=False,
        sharding="fsdp", **adapters, **change,
    )  # fmt: skip
    assert predict_memory(shape_of(model_id), request).allocated_bytes == pytest.approx(gib * 2**30, rel=0.03)
