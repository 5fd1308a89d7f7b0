"""The plan that was exported for TRL is one that TRL trains."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import yaml
from trainer_kit import build_tiny_model, chat_rows, write_rows

from ftui.core.exchange import to_tool
from ftui.core.exchange_import import from_tool
from ftui.core.plan import from_mapping


def test_the_export_for_trl_really_trains(tmp_path: Path) -> None:
    model = build_tiny_model(tmp_path / "model")
    template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}{% generation %}"
        "{{ m['content'] }}<|im_end|>{% endgeneration %}{% else %}{{ m['content'] }}<|im_end|>{% endif %}\n{% endfor %}"
    )
    (model / "chat_template.jinja").write_text(template)
    write_rows(tmp_path / "rows.jsonl", chat_rows(24, 1))
    plan = from_mapping(
        {
            "model": {"id": str(model)},
            "data": {"train": str(tmp_path / "rows.jsonl"), "max_length_tokens": 64},
            "train": {"max_steps": 2, "micro_batch": 2, "accumulation": 1, "precision": "fp32"},
            "run": {"name": "there"},
        }
    )
    made = to_tool(plan, "trl").data
    (tmp_path / "trl.yaml").write_text(yaml.safe_dump({**made, "output_dir": str(tmp_path / "out"), "use_cpu": True}))
    trl = Path(sys.executable).with_name("trl")
    done = subprocess.run(
        [sys.executable, str(trl), "sft", "--config", str(tmp_path / "trl.yaml")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_what_a_file_for_trl_leaves_open_is_what_trl_would_do() -> None:
    import trl

    fields = {
        "train.learning_rate": "learning_rate", "train.epochs": "num_train_epochs",
        "train.micro_batch": "per_device_train_batch_size", "train.accumulation": "gradient_accumulation_steps",
        "train.schedule": "lr_scheduler_type", "train.warmup_ratio": "warmup_steps", "train.optimizer": "optim",
        "train.weight_decay": "weight_decay", "train.max_grad_norm": "max_grad_norm", "train.seed": "seed",
        "train.gradient_checkpointing": "gradient_checkpointing", "data.max_length_tokens": "max_length",
        "method.beta": "beta", "method.generations": "num_generations", "method.temperature": "temperature",
        "method.completion_tokens": "max_completion_length", "data.packing": "packing",
    }  # fmt: skip
    adapter = {"method.lora_rank": "lora_r", "method.lora_alpha": "lora_alpha", "method.lora_dropout": "lora_dropout"}
    for task, name in (("sft", "SFT"), ("dpo", "DPO"), ("kto", "KTO"), ("reward", "Reward"), ("grpo", "GRPO"),
                       ("rloo", "RLOO")):  # fmt: skip
        plan = from_tool({"model_name_or_path": "o/m", "use_peft": True}, "trl", task).data
        usual = {field.name: field.default for field in dataclasses.fields(getattr(trl, f"{name}Config"))}
        usual |= {field.name: field.default for field in dataclasses.fields(trl.ModelConfig)}
        for ours, theirs in {**fields, **(adapter if task == "sft" else {})}.items():
            if theirs in usual:
                section, _, key = ours.partition(".")
                assert plan[section][key] == getattr(usual[theirs], "value", usual[theirs]), (task, ours)
