"""No option of the plan is read by nobody, or ignored in silence by the library below.

For each task and each option: either the combination is refused by name, or a short training comes out differently.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from test_online import prompts
from test_preference import judged, pairs
from trainer_kit import THINGS, chat_rows, events_of, make_run_folder, train

from ftui.core.defaults_conflicts import conflicts
from ftui.core.events import Eval, Step
from ftui.core.plan import default, from_mapping, stage_plan, with_values
from ftui.core.plan_sections import SECTIONS
from ftui.trainer.job import read_plan

NUMBERS, RECORDS = "numbers", "records"
CHANGES: list[tuple[str, Any, str]] = [
    ("data.max_length_tokens", 40, NUMBERS),
    ("data.overlong", "drop", NUMBERS),
    ("data.train_on", "last_assistant", NUMBERS),
    ("data.train_on", "all", NUMBERS),
    ("data.packing", True, NUMBERS),
    ("data.group_by_length", True, NUMBERS),
    ("data.workers", 1, RECORDS),
    ("method.technique", "full", NUMBERS),
    ("method.technique", "qlora", NUMBERS),
    ("method.quant", "nf4", NUMBERS),
    ("method.quant", "int8", NUMBERS),
    ("method.lora_rank", 4, NUMBERS),
    ("method.lora_alpha", 64, NUMBERS),
    ("method.lora_dropout", 0.5, NUMBERS),
    ("method.lora_targets", ["q_proj"], NUMBERS),
    ("method.rslora", True, NUMBERS),
    ("method.dora", True, NUMBERS),
    ("method.modules_to_save", ["embed_tokens"], NUMBERS),
    ("method.neftune_alpha", 20.0, NUMBERS),
    ("method.beta", 0.7, NUMBERS),
    ("method.preference_loss", "ipo", NUMBERS),
    ("method.preference_loss", "sigmoid+sft", NUMBERS),
    ("method.rewards", ["length:1-2"], NUMBERS),
    ("method.generations", 2, NUMBERS),
    ("method.completion_tokens", 3, NUMBERS),
    ("method.temperature", 0.5, NUMBERS),
    ("train.epochs", 1.0, RECORDS),
    ("train.max_steps", 2, NUMBERS),
    ("train.learning_rate", 1e-3, NUMBERS),
    ("train.schedule", "linear", NUMBERS),
    ("train.warmup_ratio", 0.5, NUMBERS),
    ("train.weight_decay", 0.9, NUMBERS),
    ("train.max_grad_norm", 1e-4, NUMBERS),
    ("train.micro_batch", 4, NUMBERS),
    ("train.accumulation", 4, NUMBERS),
    ("train.optimizer", "adafactor", NUMBERS),
    ("train.optimizer", "adamw_torch_fused", RECORDS),
    ("train.precision", "bf16-mixed", NUMBERS),
    ("train.precision", "bf16", NUMBERS),
    ("train.gradient_checkpointing", True, RECORDS),
    ("train.attention", "eager", RECORDS),
    ("train.seed", 7, NUMBERS),
    ("train.log_every_steps", 2, NUMBERS),
    ("train.eval_every_steps", 2, NUMBERS),
    ("train.save_every_steps", 1, RECORDS),
    ("train.keep_checkpoints", 1, RECORDS),
    ("model.dtype", "bfloat16", NUMBERS),
]
"""(field, another value, what must be different after a short training)."""
ELSEWHERE = {
    "model.id": "services/launch.py",
    "model.path": "trainer/run.py",
    "model.revision": "services/launch.py",
    "model.chat_template": "trainer/dialect.py",
    "model.trust_remote_code": "trainer/models.py",
    "data.train": "services/prepare.py",
    "data.eval": "services/prepare.py",
    "data.eval_fraction": "services/prepare.py",
    "data.eval_rows_max": "services/prepare.py",
    "data.format": "services/prepare.py",
    "data.map": "services/prepare.py",
    "data.replay": "services/prepare.py",
    "data.replay_fraction": "services/prepare.py",
    "method.task": "trainer/stages.py",
    "method.reward_model": "trainer/rewards.py",
    "method.trust_reward_file": "trainer/rewards.py",
    "train.loss": "trainer/settings.py",
    "train.kernels": "trainer/models.py",
    "train.compile": "trainer/settings.py",
    "train.early_stopping_patience": "trainer/narrator.py",
    "train.gpus": "core/launcher.py",
    "train.sharding": "core/launcher.py",
}
"""Fields that other tests show at work, and the module that reads them."""
SERVED = ("eval", "recovery", "run")
"""Sections that the training itself does not read: scoring, the supervisor and the alerts do."""


def texts(count: int) -> list[dict[str, Any]]:
    noise = random.Random(1)
    kinds = sorted(THINGS.items())
    return [{"text": " ".join(f"{a} {b}" for a, b in noise.choices(kinds, k=6))} for _ in range(count)]


def with_a_long_one(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first row's question becomes too long for 64 tokens."""
    key = "messages" if "messages" in rows[0] else "prompt"
    first, *rest = rows[0][key]
    return [{**rows[0], key: [{**first, "content": "please now " * 60 + first["content"]}, *rest]}, *rows[1:]]


TWO_TURNS = [
    {"messages": [*a["messages"], *b["messages"]]} for a, b in zip(chat_rows(24, 1), chat_rows(24, 2), strict=True)
]
ROWS = {
    "sft": with_a_long_one(TWO_TURNS),
    "text": [{"text": "please now " * 60}, *texts(23)],
    **{task: with_a_long_one(pairs(24, 1)) for task in ("dpo", "orpo", "reward")},
    "kto": with_a_long_one(judged(24, 1)),
    # A few steps see a few of them only: every other one is long.
    **{
        task: [row if index % 2 else with_a_long_one([row])[0] for index, row in enumerate(prompts(24, 1))]
        for task in ("grpo", "rloo")
    },
}
BASE = {"train.max_steps": 3, "train.micro_batch": 8, "train.accumulation": 1, "train.learning_rate": 1e-2}
ONLINE = {
    "method.rewards": ["exact_match"],
    "method.generations": 4,
    "method.completion_tokens": 6,
    "method.beta": 0.1,
    "train.micro_batch": 16,
}
MORE: dict[str, dict[str, Any]] = {
    "text": {"data.train_on": "all"},
    "grpo": ONLINE,
    "rloo": ONLINE,
}
"""Settings without which a task, or an option below, would have nothing to do."""
WITH = {
    "method.quant": {"method.technique": "qlora"},
    "train.epochs": {"train.max_steps": None},
    "train.save_every_steps": {"train.eval_every_steps": 3},
    # The best evaluation is the last: its checkpoint is kept in any case.
    "train.keep_checkpoints": {"train.save_every_steps": 1, "train.eval_every_steps": 3},
}


def outcome(folder: Path, model: Path, task: str, values: dict[str, Any]) -> dict[str, Any]:
    """What a short training gives: the fields that it refuses, or its numbers and its records."""
    settings = {**BASE, "method.task": task, **MORE.get(task, {}), **values}
    make_run_folder(folder, model, ROWS[task], ROWS[task][8:12], **settings)
    refused = [conflict.field for conflict in conflicts(read_plan(folder))]
    if refused:
        return {"refused": refused}
    assert train(folder) == 0, events_of(folder)[-1]
    numbers = [
        {name: value for name, value in event.metrics.items() if "second" not in name and name != "step_time"}
        for event in events_of(folder)
        if isinstance(event, Step | Eval)
    ]
    effective = json.loads((folder / "effective.json").read_text())
    arguments = effective["library_arguments"]
    records = [effective["effective"], {key: arguments[key] for key in arguments if not key.endswith("_dir")}]
    kept = sorted(path.name for path in (folder / "checkpoints").iterdir())
    shutil.rmtree(folder)
    return {NUMBERS: json.dumps(numbers), RECORDS: json.dumps([records, kept], sort_keys=True)}


def check_options(task: str, changes: list[tuple[str, Any, str]], model: Path, folder: Path) -> None:
    plain: dict[str, dict[str, Any]] = {}
    ignored = []
    for number, (name, value, what) in enumerate(changes):
        with_it = WITH.get(name, {})
        if MORE.get(task, {}).get(name, default(name)) == value:
            continue  # the task's own setting
        key = json.dumps(with_it)
        if key not in plain:
            plain[key] = outcome(folder / f"plain-{number}", model, task, with_it)
        made = outcome(folder / str(number), model, task, {**with_it, name: value})
        if "refused" in made:
            assert name in made["refused"], (task, name, made)
        elif made[what] == plain[key].get(what):
            ignored.append(f"{name} {value}")
    assert not ignored, f"{task} ignores {', '.join(ignored)}"


def test_every_field_of_the_plan_is_in_these_lists() -> None:
    known = {name for name, *_ in CHANGES} | set(ELSEWHERE)
    missing = [
        f"{section}.{field.name}"
        for section, cls in SECTIONS.items()
        for field in fields(cls)
        if section not in SERVED and f"{section}.{field.name}" not in known
    ]
    assert not missing


def test_every_field_is_read_somewhere(repository: Path) -> None:
    for name, module in ELSEWHERE.items():
        source = (repository / "ftui" / module).read_text(encoding="utf-8")
        assert re.search(rf"\.{name.partition('.')[2]}\b", source), (name, module)
    rooms = ("core", "services", "trainer")
    sources = [
        path.read_text(encoding="utf-8") for room in rooms for path in (repository / "ftui" / room).rglob("*.py")
    ]
    for section in SERVED:
        for field in fields(SECTIONS[section]):
            assert any(re.search(rf"\.{field.name}\b", source) for source in sources), field.name


@pytest.mark.parametrize("task", ["dpo", "kto", "orpo", "reward", "grpo", "rloo"])
def test_dropout_that_the_library_switches_off_is_refused(task: str) -> None:
    plan = with_values(from_mapping({}), {"method.task": task, "method.lora_dropout": 0.1, "train.micro_batch": 4})
    assert "method.lora_dropout" in [conflict.field for conflict in conflicts(plan)]


def test_one_setting_for_both_stages_is_refused_in_neither() -> None:
    """A run's own value that one stage uses is no conflict of the other's."""
    plan = from_mapping(
        {
            "method": {"lora_dropout": 0.05},
            "stages": [{"name": "sft"}, {"name": "dpo", "method": {"task": "dpo"}}],
        }
    )
    assert stage_plan(plan, 1).method.lora_dropout == 0.05 and not conflicts(plan)


def test_supervised_training_ignores_no_option(tiny_model: Path, tmp_path: Path) -> None:
    few = ("overlong", "quant", "weight_decay", "max_grad_norm", "schedule")
    check_options("sft", [one for one in CHANGES if one[0].endswith(few)], tiny_model, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", ROWS)
def test_no_task_ignores_an_option(tiny_model: Path, schooled_model: Path, tmp_path: Path, task: str) -> None:
    check_options(task, CHANGES, schooled_model if task in ("grpo", "rloo") else tiny_model, tmp_path)
