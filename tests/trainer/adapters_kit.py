"""Finished runs whose adapters are random: made in a second, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer_kit import chat_rows, make_run_folder

from ftui.services.files import write_json
from ftui.services.runs import Run, State, write_state


def run_with_adapter(folder: Path, model: Path, seed: int, *, strength: float = 0.3, **lora: Any) -> Run:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run = Run(make_run_folder(folder, model, chat_rows(12, 1), chat_rows(12, seed), **{"run.name": folder.name}))
    torch.manual_seed(seed)
    config = LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"], **lora})
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(model), config)
    with torch.no_grad():
        for name, weights in tuned.named_parameters():
            if "lora_B" in name:
                weights.normal_(0, strength)
    tuned.save_pretrained(run.path / "model")
    AutoTokenizer.from_pretrained(model).save_pretrained(run.path / "model")
    run.path.chmod(0o700)
    write_json(run.path / "environment.json", {"model": {"weights_bytes": 1000}, "packages": {"torch": "2"}})
    write_state(run, State("finished", 1))
    return run


def in_this_process(module: str, run_dir: Path, request: dict[str, Any], hear: object) -> None:
    """In place of services.workers.run_worker: the same work without another process's imports."""
    import importlib

    importlib.import_module(module).export(run_dir, request)
