"""Plans in other tools' words: there and back without loss, and what has no word is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ftui.core.exchange import TOOLS, from_tool, guess_tool, to_tool
from ftui.core.plan import Plan, from_mapping, to_mapping
from ftui.errors import FtuiError

PLAN = from_mapping(
    {
        "model": {"id": "org/model"},
        "data": {"train": "/rows.jsonl", "max_length_tokens": 512},
        "method": {"technique": "qlora", "lora_rank": 8, "lora_alpha": 16, "quant": "nf4-dq", "rslora": True},
        "train": {
            "learning_rate": 1e-4,
            "epochs": 2,
            "micro_batch": 2,
            "optimizer": "adamw_8bit",
            "precision": "bf16-mixed",
        },
    }
)
CARRIED = [
    "model.id", "data.train", "data.max_length_tokens", "method.technique", "method.lora_rank", "method.lora_alpha",
    "method.rslora", "method.lora_targets", "train.learning_rate", "train.epochs", "train.micro_batch",
    "train.accumulation", "train.optimizer", "train.precision", "train.seed",
]  # fmt: skip


def value(mapping: dict[str, Any], name: str) -> Any:
    section, _, key = name.partition(".")
    return mapping[section][key]


@pytest.mark.parametrize("tool", TOOLS)
def test_there_and_back(tool: str) -> None:
    made = to_tool(PLAN, tool)
    assert guess_tool(made.data) == tool
    back = from_tool(json.loads(json.dumps(made.data)), tool).data
    for name in CARRIED:
        assert value(back, name) == value(to_mapping(PLAN), name), name


@pytest.mark.parametrize("tool", TOOLS)
def test_what_has_no_word_is_listed(tool: str) -> None:
    plan = from_mapping({**to_mapping(PLAN), "data": {"train": "x", "overlong": "refuse"}})
    assert any(words.startswith("data.overlong") for words in to_tool(plan, tool).left_out)
    unknown = from_tool({**to_tool(PLAN, tool).data, "mystery_option": 3}, tool)
    assert any(words.startswith("mystery_option") for words in unknown.left_out)


def test_a_task_that_a_tool_does_not_have_is_refused() -> None:
    plan = from_mapping({**to_mapping(PLAN), "method": {"task": "rloo"}})
    with pytest.raises(FtuiError, match="no such task"):
        to_tool(plan, "llamafactory")


def test_a_stranger_is_asked_for_by_name() -> None:
    with pytest.raises(FtuiError, match="Whose"):
        guess_tool({"layers": 3})


def plans() -> list[Plan]:
    """One plan for each task and technique, with as many settings as they allow."""
    made = []
    for task in ("sft", "text", "dpo", "kto", "orpo", "grpo", "reward"):
        for technique in ("full", "lora", "qlora"):
            method: dict[str, Any] = {"task": task, "technique": technique}
            if technique != "full":
                method |= {"lora_rank": 8, "lora_alpha": 16, "rslora": True}
            if task in ("dpo", "kto", "orpo"):
                method["beta"] = 0.2
            if task == "grpo":
                method["rewards"] = ["json_valid"]
            train = {
                "max_steps": 10, "optimizer": "adamw_8bit", "precision": "bf16-mixed", "attention": "flash",
                "early_stopping_patience": 2, "eval_every_steps": 5, "save_every_steps": 5,
            }  # fmt: skip
            data = {"train": "/rows.jsonl", "packing": task in ("sft", "text"), "max_length_tokens": 512}
            for settings in ({}, train):
                made.append(from_mapping({"model": {"id": "o/m"}, "data": data, "method": method, "train": settings}))
    return made


def recorded(tool: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / f"{tool}.json").read_text())
    return found


def test_axolotl_would_take_every_export() -> None:
    schema, checked = recorded("axolotl"), 0
    for plan in plans():
        try:
            said = to_tool(plan, "axolotl").data
        except FtuiError:
            continue
        assert said.keys() <= set(schema["fields"])
        for key, value in said.items():
            if key in schema["schemas"]:
                jsonschema.validate(value, schema["schemas"][key])
                checked += 1
        assert plan.method.task != "kto" or said["remove_unused_columns"] is False
    assert checked > 400


def test_llamafactory_would_take_every_export() -> None:
    known, checked = recorded("llamafactory"), 0
    for plan in plans():
        try:
            said = to_tool(plan, "llamafactory").data
        except FtuiError:
            continue
        assert said.keys() <= set(known["fields"])
        for key, choices in known["choices"].items():
            if key in said:
                assert said[key] in choices, key
                checked += 1
    assert checked > 20


def test_what_the_other_tool_wants_of_the_rows_is_said() -> None:
    assert any("dataset_info.json" in words for words in to_tool(PLAN, "llamafactory").left_out)
    dpo = from_mapping({**to_mapping(PLAN), "method": {"task": "dpo"}})
    assert any("shape of its own" in words for words in to_tool(dpo, "axolotl").left_out)


@pytest.mark.parametrize("tool", TOOLS)
def test_held_out_rows_are_carried_over_or_named(tool: str) -> None:
    plan = from_mapping({**to_mapping(PLAN), "data": {"train": "/rows.jsonl", "eval": "/held-out.jsonl"}})
    made = to_tool(plan, tool)
    assert "/held-out.jsonl" in json.dumps(made.data) or any("/held-out.jsonl" in words for words in made.left_out)
    assert not {"val_set_size", "val_size"} & made.data.keys(), "nothing is split off besides"
    if tool != "trl":
        assert value(from_tool(made.data, tool).data, "data.eval") == "/held-out.jsonl"


@pytest.mark.parametrize("tool", TOOLS)
def test_a_short_name_of_the_catalogue_is_said_as_a_folder(tool: str) -> None:
    key = "base_model" if tool == "axolotl" else "model_name_or_path"
    known = from_mapping({**to_mapping(PLAN), "model": {"id": "tiny", "path": "/models/tiny"}})
    assert to_tool(known, tool).data[key] == "/models/tiny"
    unknown = to_tool(from_mapping({**to_mapping(PLAN), "model": {"id": "tiny"}}), tool)
    assert any(words.startswith("model.id") for words in unknown.left_out)
    assert not any(words.startswith(("model.id", "train.warmup_ratio")) for words in to_tool(PLAN, tool).left_out)
