"""The recommendation: the least approximate way that fits, why, and what else there is."""

from dataclasses import replace

import pytest

from ftui.core.catalog.gpus import gpu_named, plain_gpu
from ftui.core.catalog.models import model
from ftui.core.fit.device import device_bytes, judge
from ftui.core.fit.explain import DataFacts
from ftui.core.fit.memory import predict_memory
from ftui.core.fit.recommend import recommend, what_fits
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import shape_from_config

GIB = 2**30


def shape_of(name):
    return shape_from_config(model(name).config)


@pytest.mark.parametrize(
    ("name", "gpu", "data", "method"),
    [
        ("Qwen/Qwen2.5-0.5B", "RTX 4090", None, "full"),
        ("Qwen/Qwen2.5-0.5B", "RTX 4090", DataFacts(rows=500), "lora"),
        ("Qwen/Qwen2.5-0.5B", "RTX 4090", DataFacts(keep_general_ability=True), "lora"),
        ("Qwen/Qwen2.5-0.5B", "RTX 4090", DataFacts(rows=200_000, tokens=10**9), "full"),
        ("meta-llama/Llama-3.1-8B", "RTX 4090", None, "lora"),
        ("meta-llama/Llama-3.1-8B", "RTX 3060", None, "qlora"),
        ("meta-llama/Llama-3.1-8B", "H200", None, "full"),
    ],
)
def test_the_least_approximate_method_that_fits_and_suits_the_data(name, gpu, data, method):
    card = gpu_named(gpu)
    answer = recommend(shape_of(name), card, data=data)
    assert answer.best is not None and answer.best.request.method == method
    chosen = {choice.name: choice for choice in answer.choices}
    assert chosen["method"].value == method and chosen["method"].source and chosen["method"].reason
    assert {"precision", "length", "micro_batch", "grad_checkpointing", "loss"} <= set(chosen)
    assert not answer.alternatives


def test_what_is_recommended_is_judged_to_fit():
    for name, gpu in (("meta-llama/Llama-3.1-8B", "RTX 4090"), ("google/gemma-3-4b-it", "T4")):
        card = gpu_named(gpu)
        best = recommend(shape_of(name), card).best
        report = predict_memory(shape_of(name), best.request, card)
        assert judge(device_bytes(report, card), card.usable_bytes, report).answer == "fits" == best.verdict.answer


def test_no_bf16_where_there_is_none():
    best = recommend(shape_of("Qwen/Qwen2.5-1.5B"), gpu_named("T4")).best
    assert best.request.precision == "fp16-mixed"


def test_the_length_is_that_of_the_data_and_never_beyond_the_model():
    card = gpu_named("RTX 4090")
    shape = shape_of("TinyLlama/TinyLlama-1.1B-Chat-v1.0")
    assert recommend(shape, card, data=DataFacts(longest_tokens=700)).best.request.seq_len == 704
    assert recommend(shape, card, data=DataFacts(longest_tokens=99_000)).best.request.seq_len == 2048
    assert recommend(shape, card, base=FitRequest(seq_len=1000)).best.request.seq_len == 1000


def test_less_free_memory_gives_a_smaller_setting():
    shape, card = shape_of("meta-llama/Llama-3.1-8B"), gpu_named("RTX 4090")
    roomy, narrow = recommend(shape, card), recommend(shape, card, free_bytes=11 * GIB)
    assert roomy.best.request.method == "lora" and narrow.best.request.method == "qlora"
    assert narrow.best.band.high <= 11 * GIB


def test_the_runner_up_and_its_cost():
    answer = recommend(shape_of("meta-llama/Llama-3.1-8B"), gpu_named("RTX 4090"))
    assert answer.runner_up.request.method == "qlora" and "qlora instead of lora" in answer.runner_up_cost
    assert answer.considered > 10


def test_when_nothing_fits_it_says_what_would():
    card = gpu_named("RTX 4090")
    answer = recommend(shape_of("meta-llama/Llama-3.3-70B-Instruct"), card)
    assert answer.best is None and answer.choices == ()
    said = "\n".join(answer.alternatives)
    assert "smaller model: meta-llama/" in said and "GPUs with FSDP" in said and "NVIDIA L40S" in said
    assert "host memory" in said


def test_too_long_rows_are_told_a_length_that_fits():
    answer = recommend(
        shape_of("meta-llama/Llama-3.1-8B"), gpu_named("RTX 3060"), data=DataFacts(longest_tokens=60_000)
    )
    assert answer.best is None and any("a length of" in sentence for sentence in answer.alternatives)


def test_preference_tasks_keep_their_task():
    best = recommend(
        shape_of("Qwen/Qwen2.5-1.5B"), gpu_named("RTX 4090"), base=replace(FitRequest(), task="dpo", lora_rank=8)
    ).best
    assert best.request.task == "dpo" and best.request.lora_rank == 8


def test_a_card_of_which_only_the_memory_is_known_gets_a_setting_without_speed():
    answer = recommend(shape_of("Qwen/Qwen2.5-1.5B"), plain_gpu(24 * GIB))
    assert answer.best is not None and answer.best.speed is None and answer.notes


def test_several_gpus_shard():
    best = recommend(shape_of("meta-llama/Llama-3.1-8B"), gpu_named("A100-80GB"), gpus=4).best
    assert best.request.method == "full" and best.request.sharding == "fsdp" and best.request.gpus == 4


def test_what_a_card_can_tune():
    models = what_fits(gpu_named("RTX 4090"))
    by_id = {model.model_id: model for model in models}
    assert by_id["meta-llama/Llama-3.1-8B"].candidate.request.method == "lora"
    assert by_id["HuggingFaceTB/SmolLM2-135M"].candidate.request.method == "full"
    assert "meta-llama/Llama-3.3-70B-Instruct" not in by_id
    assert [m.params_total for m in models] == sorted((m.params_total for m in models), reverse=True)
    assert all(m.candidate.verdict.answer == "fits" for m in models)
    assert len(what_fits(gpu_named("RTX 3050 Laptop"))) < len(models)
