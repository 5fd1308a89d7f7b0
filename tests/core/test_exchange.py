"""Plans in other tools' words: there and back without loss, and what has no word is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ftui.core.exchange import TOOLS, from_tool, guess_tool, to_tool
from ftui.core.plan import from_mapping, to_mapping
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
