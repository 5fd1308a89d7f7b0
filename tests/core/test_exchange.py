"""Plans in other tools' words: there and back without loss, and what has no word is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.defaults_conflicts import conflicts
from ftui.core.exchange import TOOLS, to_tool
from ftui.core.exchange_import import from_tool, guess_tool
from ftui.core.exchange_words import WORDS
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
            for said in ({}, train):
                made.append(from_mapping({"model": {"id": "o/m"}, "data": data, "method": method, "train": said}))
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


def imported(tool: str, **said: Any) -> tuple[dict[str, Any], str]:
    """The plan's mapping, and all that is said about what it lacks."""
    key = "base_model" if tool == "axolotl" else "model_name_or_path"
    made = from_tool({key: "org/model", **said}, tool)
    return made.data, "\n".join((*made.left_out, *made.notes))


@pytest.mark.parametrize("tool", TOOLS)
def test_every_key_of_a_tool_is_heard_or_named(tool: str) -> None:
    """With a value that no plan can hold: whatever is not named has changed the plan, or was refused by its name."""
    words = {word.key for word in WORDS[tool]} - {"base_model", "model_name_or_path"}
    heard = words | {"bf16", "fp16", "dtype", "datasets", "adapter", "rl", "stage", "finetuning_type", "pref_loss"}
    every = set(recorded(tool)["fields"]) if tool != "trl" else {"hub_model_id", "dataset_mixture"}
    plain, odd = imported(tool)[0], {"odd": 1}
    for key in sorted(heard):
        try:
            data, talk = imported(tool, **{key: odd})
        except FtuiError as error:
            assert key in error.message
        else:
            assert key in talk or data != plain, key
    # Names of what is heard by its truth alone, and what is as ftui does it anyway, may go without a word.
    quiet = {"base_model", "model_name_or_path", "lora_target_linear", "train_on_inputs", "do_train"}
    unheard = {key: odd for key in every - heard - quiet if not key.startswith(("load_in", "quantization_"))}
    data, talk = imported(tool, **unheard)
    named = {line.partition(" = ")[0].partition("[")[0] for line in talk.splitlines()}
    silent = {key for key in unheard if key not in named}
    assert len(unheard) > 300 or tool == "trl"
    for key in sorted(silent):
        assert imported(tool, **{key: odd})[0] != plain, key


@settings(max_examples=50)
@given(st.data())
def test_any_value_of_any_key_is_taken_named_or_refused(data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from(TOOLS))
    keys = sorted(
        {word.key for word in WORDS[tool]} | {"datasets", "dataset", "rl", "stage", "adapter", "bf16", "dtype"}
    )
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    )  # fmt: skip
    said = data.draw(st.dictionaries(st.sampled_from(keys), values, max_size=6))
    try:
        made = from_tool(said, tool)
    except FtuiError:
        return
    assert not conflicts(from_mapping(made.data)) or made.notes, "what would be refused later is said now"


@pytest.mark.parametrize(
    ("tool", "said", "field", "wanted"),
    [
        ("trl", {"max_steps": -1}, "train.max_steps", None),
        ("trl", {"beta": 0.01}, "method.task", "dpo"),
        ("trl", {"num_generations": 4}, "method.task", "grpo"),
        ("trl", {"torch_dtype": "bfloat16", "bf16": False}, "train.precision", "bf16"),
        ("trl", {"max_steps": 200, "warmup_steps": 20}, "train.warmup_ratio", 0.1),
        ("axolotl", {"adapter": "lora", "load_in_8bit": True}, "method.technique", "qlora"),
        ("axolotl", {"adapter": "lora", "load_in_8bit": True}, "method.quant", "int8"),
        ("axolotl", {"rl": "ipo"}, "method.preference_loss", "ipo"),
        ("axolotl", {"datasets": [{"path": "a.jsonl", "type": "completion"}]}, "method.task", "text"),
        ("axolotl", {"attn_implementation": "sdpa"}, "train.attention", "sdpa"),
        ("llamafactory", {"stage": "dpo", "pref_loss": "orpo"}, "method.task", "orpo"),
        ("llamafactory", {"train_on_prompt": True}, "data.train_on", "all"),
        ("llamafactory", {"disable_gradient_checkpointing": True}, "train.gradient_checkpointing", False),
    ],
)
def test_what_others_say_in_their_own_way_is_understood(
    tool: str, said: dict[str, Any], field: str, wanted: Any
) -> None:
    assert value(imported(tool, **said)[0], field) == wanted


@pytest.mark.parametrize(
    ("tool", "said", "words"),
    [
        (
            "axolotl",
            {"datasets": [{"path": "a.jsonl", "split": "train[:20%]"}, {"path": "b.jsonl"}]},
            ["b.jsonl", "20%"],
        ),
        ("llamafactory", {"dataset": "identity,alpaca"}, ["identity", "alpaca", "data mix"]),
        ("axolotl", {"optimizer": "paged_adamw_32bit"}, ["optimizer = 'paged_adamw_32bit'", "adafactor"]),
        ("axolotl", {"warmup_steps": 10}, ["warmup_steps = 10", "train.warmup_ratio"]),
        ("axolotl", {"rl": "dpo", "adapter": "lora", "lora_dropout": 0.1}, ["lora_dropout", "without dropout"]),
        ("trl", {"learning_rate": "auto"}, ["learning_rate = 'auto'"]),
        ("trl", {}, ["assistant_only_loss", "data.train is missing", "method.task"]),
        ("trl", {"use_peft": True}, ["lora_target_modules", "all-linear"]),
        ("llamafactory", {"stage": "kto", "per_device_train_batch_size": 1}, ["at least 2"]),
    ],
)
def test_what_cannot_be_carried_over_is_said_with_the_reason(tool: str, said: dict[str, Any], words: list[str]) -> None:
    talk = imported(tool, **said)[1]
    for word in words:
        assert word in talk


@pytest.mark.parametrize(
    ("tool", "said", "key"),
    [
        ("llamafactory", {"stage": "ppo"}, "stage is 'ppo'"),
        ("llamafactory", {"stage": "dpo", "pref_loss": "simpo"}, "pref_loss is 'simpo'"),
        ("llamafactory", {"finetuning_type": "freeze"}, "finetuning_type is 'freeze'"),
        ("axolotl", {"rl": "simpo"}, "rl is 'simpo'"),
        ("axolotl", {"load_in_4bit": True}, "load_in_4bit"),
    ],
)
def test_what_would_become_another_training_is_refused_in_the_words_of_the_file(
    tool: str, said: dict[str, Any], key: str
) -> None:
    with pytest.raises(FtuiError, match="ftui has no such") as caught:
        imported(tool, **said)
    assert key in caught.value.message


def test_what_a_file_leaves_open_is_what_its_tool_would_do() -> None:
    plan = imported("llamafactory", finetuning_type="lora", lora_rank=4)[0]
    assert value(plan, "method.lora_alpha") == 8 and value(plan, "train.learning_rate") == 5e-5
    assert "LLaMA-Factory's default" in plan["reasons"]["train.learning_rate"]
    refused = imported("llamafactory", lr_scheduler_type="cosine_with_min_lr")[0]
    assert "train.schedule" not in refused["reasons"], "a value that was refused was not left open"


@pytest.mark.parametrize("tool", ["trl", "llamafactory"])
def test_a_plan_that_leaves_precision_open_is_not_exported_as_fp32(tool: str) -> None:
    plan = from_mapping({**to_mapping(PLAN), "train": {"precision": "auto"}})
    assert to_tool(plan, tool).data.get("bf16", True) is True
