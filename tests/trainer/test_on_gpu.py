"""What only a GPU can show: `pytest -m gpu`. Deselected by default, skipped where CUDA is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trainer_kit import MakeRun, chat_rows, events_of, train

from ftui.core.events import Eval, Memory

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def cuda() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("CUDA is not available")


def ftui(*arguments: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-m", "ftui", *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_nvml_names_the_gpu_that_torch_sees() -> None:
    import torch

    gpus = ftui("hardware")["gpus"]
    assert isinstance(gpus, list) and len(gpus) >= torch.cuda.device_count()
    assert torch.cuda.get_device_name(0) in {gpu["name"] for gpu in gpus}
    assert all(0 < gpu["free_bytes"] <= gpu["total_bytes"] for gpu in gpus)


@pytest.mark.parametrize("technique", ["full", "lora", "qlora"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "fp32"])
def test_it_learns_and_tells_the_device_memory(make_run: MakeRun, technique: str, precision: str) -> None:
    run = make_run(
        chat_rows(200, 1),
        chat_rows(32, 2),
        **{
            "method.technique": technique,
            "train.learning_rate": 3e-3 if technique == "full" else 1e-2,
            "train.max_steps": 60,
            "train.eval_every_steps": 20,
            "train.precision": precision,
        },
    )
    assert train(run) == 0
    evaluations = events_of(run, Eval)
    assert evaluations[-1].metrics["eval_loss"] < evaluations[0].metrics["eval_loss"] / 2
    told = events_of(run, Memory)
    assert told and all(m.allocated_bytes and m.allocated_peak_bytes >= m.allocated_bytes for m in told)


def test_a_probe_agrees_with_the_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path))
    answer = ftui(
        "fit", "Qwen/Qwen3-0.6B", "--method", "lora", "--seq-len", "1024", "--micro-batch", "1", "--probe", "--offline"
    )
    probe, memory = answer["probe"], answer["memory"]
    assert isinstance(probe, dict) and isinstance(memory, dict)
    assert probe["remembered"] and (tmp_path / "fit-measurements.jsonl").is_file()
    assert abs(memory["allocated_bytes"] / probe["allocated_bytes"] - 1) < 0.1
