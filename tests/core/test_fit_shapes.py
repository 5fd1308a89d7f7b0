"""Shapes: what a config says, what it lacks, and which adapters fit on it."""

import pytest

from ftui.core.catalog.models import model
from ftui.core.fit.recipe import resolve
from ftui.core.fit.request import FitRequest
from ftui.core.fit.shapes import shape_from_config
from ftui.core.fit.states import lora_params
from ftui.errors import FtuiError

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3,
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 500, "tie_word_embeddings": False,
}  # fmt: skip


def shape_of(name):
    return shape_from_config(model(name).config)


def test_a_small_llama_by_hand():
    shape = shape_from_config(LLAMA)
    attention = 64 * 64 + 2 * 64 * 16 + 64 * 64
    layer = attention + 3 * 64 * 160 + 2 * 64
    assert shape.text_params == shape.total_params == 2 * 500 * 64 + 3 * layer + 64
    assert shape.layers == 3 and len(shape.blocks) == 1 and not shape.is_moe
    assert shape.linear_params == 3 * (layer - 128)


def test_layers_of_different_kinds_are_grouped():
    shape = shape_of("google/gemma-3-1b-pt")
    assert sorted((block.count, block.attention.window) for block in shape.blocks if block.attention.window) == [
        (22, 512)
    ]
    assert shape.layers == 26


@pytest.mark.parametrize(
    ("name", "targets", "rank", "trained"),
    [
        ("meta-llama/Llama-2-7b-hf", ("q_proj", "v_proj"), 16, 8_388_608),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", ("q_proj", "k_proj", "v_proj", "o_proj"), 32, 9_011_200),
        ("HuggingFaceTB/SmolLM2-135M", ("q_proj", "k_proj", "v_proj", "o_proj"), 32, 3_686_400),
        ("Qwen/Qwen2.5-1.5B-Instruct", ("q_proj", "k_proj", "v_proj", "o_proj"), 32, 8_716_288),
        ("meta-llama/Llama-3.2-3B", ("q_proj", "v_proj"), 32, 9_175_040),
    ],
)
def test_trained_parameters_of_lora_are_those_that_peft_reports(name, targets, rank, trained):
    shape = shape_of(name)
    request = FitRequest(lora_targets=targets, lora_rank=rank)
    assert lora_params(shape, resolve(shape, request)) == trained


def test_adapters_of_experts_and_routers():
    shape = shape_of("mistralai/Mixtral-8x7B-v0.1")
    attention = 32 * sum(n for n in (4096 + 4096, 4096 + 1024, 4096 + 1024, 4096 + 4096))
    # The gate and up projections of an expert are one matrix, with the ranks of both.
    experts = 32 * 8 * (2 * (4096 + 2 * 14336) + 14336 + 4096)
    router = 32 * (4096 + 8)
    counts = [
        lora_params(shape, resolve(shape, FitRequest(lora_rank=1, transformers=version))) for version in ("4.48", "5")
    ]
    assert counts == [attention, attention + experts + router]


def test_active_parameters_of_experts():
    shape = shape_of("mistralai/Mixtral-8x7B-v0.1")
    assert shape.is_moe and shape.active_params < 0.3 * shape.total_params


@pytest.mark.parametrize("field", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size"])
def test_a_missing_field_is_one_sentence_that_names_it(field):
    config = {key: value for key, value in LLAMA.items() if key != field}
    with pytest.raises(FtuiError, match=field):
        shape_from_config(config)


@pytest.mark.parametrize("value", [-1, 3.5, "many", True, [4]])
def test_nonsense_sizes_are_refused(value):
    with pytest.raises(FtuiError, match="hidden_size"):
        shape_from_config({**LLAMA, "hidden_size": value})


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(FtuiError, match="no multiple"):
        shape_from_config({**LLAMA, "num_attention_heads": 7})
    with pytest.raises(FtuiError, match="cannot share"):
        shape_from_config({**LLAMA, "num_key_value_heads": 3})


def test_layer_types_must_name_every_layer():
    with pytest.raises(FtuiError, match="layer_types"):
        shape_from_config({**LLAMA, "layer_types": ["full_attention"]})


@pytest.mark.parametrize("config", [{}, {"model_type": None}, {"model_type": 5}])
def test_without_a_model_type_nothing_is_guessed(config):
    with pytest.raises(FtuiError, match="model_type"):
        shape_from_config(config)


def test_an_unknown_family_is_read_like_a_llama_and_says_so():
    shape = shape_from_config({**LLAMA, "model_type": "brand_new"})
    assert shape.total_params == shape_from_config(LLAMA).total_params
    assert any("brand_new" in sentence for sentence in shape.assumed)
    with pytest.raises(FtuiError, match="brand_new"):
        shape_from_config({"model_type": "brand_new", "d_model": 64})
    with pytest.raises(FtuiError, match="experts"):
        shape_from_config({**LLAMA, "model_type": "brand_new", "num_experts": 8})


def test_more_experts_per_token_than_experts_is_nonsense():
    with pytest.raises(FtuiError, match="of 4 experts"):
        shape_from_config({**LLAMA, "model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 5})
