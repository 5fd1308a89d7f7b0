"""Names that are not in the catalogue as they are written: what they are taken for, and what is left alone."""

import pytest

from ftui.core.catalog.alike import alike
from ftui.core.fit.shapes import shape_from_config


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("TheBloke/Mistral-7B-v0.1-GPTQ", "mistralai/Mistral-7B-v0.1"),
        ("TheBloke/Llama-2-70B-GPTQ", "meta-llama/Llama-2-70b-hf"),
        ("NousResearch/Llama-2-70b-hf", "meta-llama/Llama-2-70b-hf"),
        ("unsloth/Llama-3.2-3B-Instruct-bnb-4bit", "meta-llama/Llama-3.2-3B-Instruct"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-7B-Instruct"),
        ("Llama-2-7B", "meta-llama/Llama-2-7b-hf"),
        ("phi-1.5", "microsoft/phi-1_5"),
        ("qwen-1_8b-chat", "Qwen/Qwen-1_8B"),
        ("baichuan2-13b-chat", "baichuan-inc/Baichuan2-13B-Base"),
        ("BigCode/gpt_bigcode-santacoder", "bigcode/gpt_bigcode-santacoder"),
    ],
)
def test_copies_mirrors_and_short_names_are_known_by_their_original(name, known):
    found = alike(name)
    assert found is not None and found[0] == known


@pytest.mark.parametrize("name", ["", "7b", "Qwen", "mistral-7b", "someone/else-9b", "gptq", "Llama-3.1-8Bx"])
def test_what_could_be_several_or_nothing_is_not_guessed(name):
    assert alike(name) is None


def test_older_models_are_as_large_as_they_were_published():
    published = {
        "Qwen/Qwen-7B": 7_721_324_544,
        "Qwen/Qwen-72B": 72_287_920_128,
        "THUDM/chatglm3-6b": 6_243_584_000,
        "01-ai/Yi-34B": 34_388_917_248,
        "huggyllama/llama-7b": 6_738_415_616,
    }
    for name, params in published.items():
        found = alike(name)
        assert found is not None
        assert shape_from_config(found[1]).total_params == params
