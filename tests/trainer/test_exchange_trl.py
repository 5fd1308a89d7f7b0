"""The plan that was exported for TRL is one that TRL trains."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml
from trainer_kit import build_tiny_model, chat_rows, write_rows

from ftui.core.exchange import to_tool
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
