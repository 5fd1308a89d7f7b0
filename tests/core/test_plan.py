"""The plan: one object, plain values, errors that name the key."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core import plan as plans
from ftui.errors import FtuiError

MINIMAL = {"model": {"id": "tiny"}, "data": {"train": "rows.jsonl"}}


def test_round_trip_through_plain_values() -> None:
    plan = plans.from_mapping(
        {**MINIMAL, "train": {"learning_rate": "1e-4", "epochs": 2}, "reasons": {"train.epochs": "few"}}
    )
    assert plan.train.learning_rate == 1e-4
    assert plan.train.epochs == 2.0
    assert plans.from_mapping(json.loads(json.dumps(plans.to_mapping(plan)))) == plan


def test_the_published_schema_is_the_one_in_the_code(repository: Path) -> None:
    published = json.loads((repository / "ftui" / "schemas" / "plan.json").read_text())
    assert published == plans.schema(), "run: python -m ftui plan schema > ftui/schemas/plan.json"
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(plans.to_mapping(plans.from_mapping(MINIMAL)), published)


def test_every_field_says_what_it_is() -> None:
    for name in plans.field_names():
        assert len(plans.doc(name)) > 5, name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modle": {}}, "Did you mean model?"),
        ({"train": {"learning_rat": 1}}, "Did you mean learning_rate?"),
        ({"train": {"micro_batch": 0}}, "at least 1"),
        ({"train": {"micro_batch": 1.5}}, "must be integer"),
        ({"train": {"epochs": "many"}}, "must be number"),
        ({"train": {"epochs": float("nan")}}, "must be"),
        ({"train": {"epochs": float("inf")}}, "a finite number"),
        ({"train": {"epochs": "1e400"}}, "a finite number"),
        ({"train": {"epochs": 10**400}}, "at most 9e+15"),
        ({"train": {"micro_batch": 10**30}}, "at most 9e+15"),
        ({"train": {"seed": 2**40}}, "at most 4294967295"),
        ({"recovery": {"stop_grace_seconds": 1e300}}, "at most"),
        ({"data": {"train": "rows.jsonl", "format": "alpacca"}}, "Did you mean alpaca?"),
        ({"stages": 5}, "list of stages"),
        ({"stages": {"method": {}}}, "list of stages"),
        ({"stages": [{"method": 3}]}, "stages[0].method must be a section"),
        ({"stages": [3]}, "stages[0] must be a section"),
        ({"train": {"gradient_checkpointing": "yes"}}, "must be boolean"),
        ({"method": {"task": "sfft"}}, "Did you mean sft?"),
        ({"method": {"lora_targets": "q_proj"}}, "must be array"),
        ({"method": {"lora_targets": [1]}}, "list of words"),
        ({"train": None, "data": 3}, "section of keys"),
        ({"schema_version": 99}, "newer ftui"),
        ({"stages": [{"method": {"task": "dpoo"}}]}, "Did you mean dpo?"),
        ({"stages": [{"metod": {}}]}, "Did you mean method?"),
    ],
)
def test_wrong_plans_name_the_key(change: dict[str, object], words: str) -> None:
    with pytest.raises(FtuiError) as caught:
        plans.from_mapping({**MINIMAL, **change})
    assert words in f"{caught.value} {caught.value.hint}"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200)
@given(st.data())
def test_anything_anywhere_is_a_plan_or_a_sentence(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*plans.field_names(), "stages", "reasons", "model", "train", "schema_version"]))
    section, _, key = name.partition(".")
    value = data.draw(ANYTHING)
    change = {section: {key: value} if key else value}
    try:
        plan = plans.from_mapping({**MINIMAL, **data.draw(st.sampled_from([change, {"stages": [change]}]))})
    except FtuiError as error:
        assert len(str(error)) < 300
    else:
        json.dumps(plans.to_mapping(plan), allow_nan=False)


def test_stages_lay_over_the_plan() -> None:
    plan = plans.from_mapping(
        {**MINIMAL, "stages": [{"name": "a"}, {"method": {"task": "dpo"}, "data": {"train": "pairs.jsonl"}}]}
    )
    assert plans.stage_plan(plan, 0).method.task == "sft"
    second = plans.stage_plan(plan, 1)
    assert second.method.task == "dpo"
    assert second.data.train == "pairs.jsonl"
    assert second.model.id == "tiny"


def test_difference_names_what_changed() -> None:
    plan = plans.from_mapping(MINIMAL)
    other = plans.with_values(plan, {"train.epochs": 5, "run.notes": "x"})
    assert plans.difference(plan, other) == {"train.epochs": (3.0, 5.0)}
    with pytest.raises(FtuiError):
        plans.with_values(plan, {"train.epoch": 5})
