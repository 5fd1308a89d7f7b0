"""The plan: one object, plain values, errors that name the key."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

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
