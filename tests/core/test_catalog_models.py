"""The catalogue of models: every count is exact, every id can be found, facts name their sources."""

import pytest

from ftui.core.catalog.models import all_models, find_model, model, nearest_models
from ftui.core.fit.shapes import shape_from_config
from ftui.errors import FtuiError


@pytest.mark.parametrize("card", all_models(), ids=lambda card: card.id)
def test_the_parameter_count_of_every_model_is_exact(card):
    shape = shape_from_config(card.config)
    counted = shape.total_params, shape.text_params, shape.active_params
    assert counted == (card.params_total, card.params_text, card.params_active)
    if card.params_check == "exact":
        assert shape.total_params + card.published_extra == card.params_published
    assert not shape.assumed


def test_it_holds_212_models_with_sources():
    cards = all_models()
    assert len(cards) == 212 == len({card.id for card in cards})
    assert all(card.sources and card.variant in ("base", "instruct") for card in cards)
    unknown = [card.id for card in cards if card.license is not None and not card.license_source]
    assert len(unknown) <= 30  # the licence is known from somewhere that has no page to point to


def test_ids_are_found_in_any_case_and_without_their_organisation():
    for name in ("meta-llama/Llama-3.1-8B", "META-LLAMA/llama-3.1-8b", "Llama-3.1-8B", " llama-3.1-8b "):
        assert find_model(name).id == "meta-llama/Llama-3.1-8B"
    assert find_model("someone-else/Llama-3.1-8B") is None
    assert find_model("") is None


def test_a_wrong_id_is_told_the_nearest():
    assert "meta-llama/Llama-3.1-8B" in nearest_models("lama-3.1-8b")
    with pytest.raises(FtuiError) as caught:
        model("lama-3.1-8b")
    assert "meta-llama/Llama-3.1-8B" in caught.value.hint
    with pytest.raises(FtuiError, match="qqqqqqqq"):
        model("qqqqqqqq")


def test_base_and_instruct_point_to_each_other():
    base, tuned = model("meta-llama/Llama-3.1-8B"), model("meta-llama/Llama-3.1-8B-Instruct")
    assert base.instruct_id == tuned.id and tuned.base_id == base.id
    assert base.config == tuned.config


def test_what_a_checkpoint_holds_beyond_the_model_is_told():
    card = model("Qwen/Qwen3-0.6B")
    assert card.published_extra == 155_582_464 and "lm_head" in card.published_extra_note
