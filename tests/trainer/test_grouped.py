"""GPUs without a kernel for grouped queries: keys are repeated, the result is the same, and the dry run knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.integrations import sdpa_attention  # noqa: E402

from ftui.core.catalog.gpus import gpu_named  # noqa: E402
from ftui.core.fit.memory import predict_memory  # noqa: E402
from ftui.core.fit.request import FitRequest  # noqa: E402
from ftui.core.fit.shapes import shape_from_config  # noqa: E402
from ftui.trainer.dry_run import dry_run  # noqa: E402
from ftui.trainer.grouped import repeat_keys_where_needed  # noqa: E402

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 704,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 512,
    "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    # Set to itself first, so that it is put back whatever the test does.
    monkeypatch.setattr(sdpa_attention, "use_gqa_in_sdpa", sdpa_attention.use_gqa_in_sdpa)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    yield monkeypatch


@pytest.mark.parametrize(("capability", "asks"), [((7, 0), False), ((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_grouped_queries_are_asked_for_where_there_is_a_kernel(
    gpu: pytest.MonkeyPatch, capability: tuple[int, int], asks: bool
) -> None:
    gpu.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    repeat_keys_where_needed()
    key = torch.zeros(1, 2, 4, 32)
    assert sdpa_attention.use_gqa_in_sdpa(None, key, key) is asks


def test_without_a_gpu_nothing_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sdpa_attention.use_gqa_in_sdpa
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    repeat_keys_where_needed()
    assert sdpa_attention.use_gqa_in_sdpa is before


def test_the_model_answers_the_same(gpu: pytest.MonkeyPatch) -> None:
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**CONFIG)).eval()
    ids = torch.arange(40).reshape(1, 40)
    with torch.no_grad():
        grouped = model(ids).logits
        gpu.setattr(torch.cuda, "get_device_capability", lambda *_: (7, 5))
        repeat_keys_where_needed()
        repeated = model(ids).logits
    assert torch.allclose(grouped, repeated, atol=1e-5)


def test_the_dry_run_and_the_closed_form_agree_on_a_t4() -> None:
    request = FitRequest(method="lora", seq_len=1024, micro_batch=2, loss="chunked", precision="fp16-mixed")
    booked = dry_run(CONFIG, request, (7, 5))["allocated_bytes"]
    closed = predict_memory(shape_from_config(CONFIG), request, gpu_named("T4")).allocated_bytes
    assert closed == pytest.approx(booked, rel=0.02)
    scores = 8 * 2 * 1024 * 1024 * 4  # of one layer, in fp32
    assert booked < dry_run(CONFIG, request, (8, 0))["allocated_bytes"] + scores
