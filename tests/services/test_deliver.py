"""Exports without the training stack: names, cards, full disks, Ollama, serving, and the hub."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ftui.core.plan import from_mapping
from ftui.errors import FtuiError
from ftui.services import deliver as delivering
from ftui.services.deliver import context_tokens, deliver
from ftui.services.deliver_serving import write_serving
from ftui.services.files import write_json
from ftui.services.hub_upload import planned_upload, send
from ftui.services.ollama import create_model
from ftui.services.plans import save_plan
from ftui.services.runs import Run, State, write_state

CHECK = {
    "passed": True, "compared": 4, "measure": "same_text", "threshold": 0.99, "same_text": 1.0, "same_next_token": 1.0,
    "largest_logit_difference": 0.001, "differences": [], "notes": [],
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path / "runs" / "20260101-000000-mine")
    for name in ("model", "logs", "data", "eval", "export"):
        (made.path / name).mkdir(parents=True)
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text('{"max_position_embeddings": 131072}')
    (base / "README.md").write_text("---\nlicense: apache-2.0\ntags: [x]\n---\n# base\n")
    (tmp_path / "rows.jsonl").write_text("")
    plan = from_mapping(
        {
            "model": {"id": "org/base", "path": str(base)},
            "data": {"train": str(tmp_path / "rows.jsonl")},
            "method": {"technique": "lora", "lora_rank": 20},
            "run": {"name": "mine"},
        }
    )
    save_plan(plan, made.plan_file)
    write_json(made.path / "model" / "adapter_config.json", {"r": 20})
    write_state(made, State("finished", 1))
    return made


def worker(check: dict[str, Any]) -> Callable[..., None]:
    def work(module: str, run_dir: Path, request: dict[str, Any], hear: object) -> None:
        out = Path(request["out"])
        out.mkdir(parents=True, exist_ok=True)
        (out / "adapter_model.safetensors").write_text("weights")
        (out / "chat_template.jinja").write_text("{{ messages }}")
        write_json(out / "check.json", check)

    return work


def quiet(_: object) -> None:
    """Nobody listens."""


def test_the_card_states_licences_and_the_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "run_worker", worker(CHECK))
    card = (deliver(run, "adapter", None, {}, quiet).path / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert "of the data: not stated" in card
    assert "100.0% of 4 held-out prompts gave the same greedy text" in card
    (Path(run.plan().data.train).parent / "README.md").write_text("---\nlicense: cc0-1.0\n---\n")
    assert (
        "of the data: cc0-1.0"
        in (deliver(run, "adapter", None, {}, quiet, overwrite=True).path / "README.md").read_text()
    )


@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "No space left on device", "x"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(run: Run, monkeypatch: pytest.MonkeyPatch, trouble: BaseException) -> None:
    def fail(module: str, run_dir: Path, request: dict[str, Any], hear: object) -> None:
        Path(request["out"], "half").write_text("x")
        raise trouble

    monkeypatch.setattr(delivering, "run_worker", fail)
    with pytest.raises(FtuiError if isinstance(trouble, OSError) else KeyboardInterrupt) as caught:
        deliver(run, "merged", None, {}, quiet)
    if isinstance(trouble, OSError):
        assert "No space left" in str(caught.value)
    assert list((run.path / "export").iterdir()) == []


def test_a_full_disk_is_seen_before_anything_is_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(run.path / "environment.json", {"model": {"weights_bytes": 1 << 60}})
    with pytest.raises(FtuiError, match="too full"):
        deliver(run, "merged", None, {}, quiet)
    assert list((run.path / "export").iterdir()) == []


def test_an_overwritten_export_stays_until_the_new_one_is_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "run_worker", worker(CHECK))
    first = deliver(run, "merged", None, {}, quiet).path
    (first / "old").write_text("x")

    def fail(*_: object) -> None:
        raise FtuiError("no")

    monkeypatch.setattr(delivering, "run_worker", fail)
    with pytest.raises(FtuiError):
        deliver(run, "merged", None, {}, quiet, overwrite=True)
    assert (first / "old").is_file()
    monkeypatch.setattr(delivering, "run_worker", worker({**CHECK, "passed": False}))
    assert deliver(run, "merged", None, {}, quiet, overwrite=True).path.name == "merged.failed"
    assert (first / "old").is_file(), "a failed one does not replace a good one"


def test_ollamas_context_is_the_models_window_capped(run: Run) -> None:
    assert context_tokens(run) == 8192
    (Path(run.plan().model.path or "") / "config.json").write_text('{"max_position_embeddings": 2048}')
    assert context_tokens(run) == 2048
    (Path(run.plan().model.path or "") / "config.json").write_text("{}")
    assert context_tokens(run) == 8192


def test_serving_speaks_for_tuned_and_base_under_one_name(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "vllm"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "chat_template.jinja").write_text("x")
    steps = write_serving(run.plan(), folder, tmp_path / "final", adapter=True, window=4096)
    config = yaml.safe_load((folder / "vllm.yaml").read_text())
    assert config["max-lora-rank"] == 32
    assert config["lora-modules"] == ["mine=./model"]
    assert config["max-model-len"] == 4096
    assert "--served-model-name mine" in (folder / "serve-base.sh").read_text()
    assert "--chat-template" in (folder / "serve.sh").read_text()
    assert os.access(folder / "serve.sh", os.X_OK)
    assert len(steps) == 3
    for script in ("serve.sh", "serve-base.sh"):
        subprocess.run(["sh", "-n", str(folder / script)], check=True)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_the_split(run: Run, tmp_path: Path) -> None:
    write_serving(run.plan(), tmp_path, tmp_path, adapter=True, window=4096)
    done = subprocess.run(
        ["nginx", "-t", "-p", str(tmp_path), "-c", "ab-split.nginx.conf"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def stand_in(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_ollama_creates_the_model_where_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert "ollama create my-run -f Modelfile" in create_model("My run", tmp_path, replace=False)[0]
    calls = tmp_path / "calls"
    stand_in(tmp_path / "bin", "ollama", f'echo "$@" >> {calls}; [ "$1" != show ]')
    assert create_model("My run", tmp_path, replace=False) == ("ollama run my-run",)
    assert calls.read_text() == "show my-run\ncreate my-run -f Modelfile\n"
    stand_in(tmp_path / "bin", "ollama", "exit 0")
    assert "already" in create_model("My run", tmp_path, replace=False)[0]
    assert create_model("My run", tmp_path, replace=True) == ("ollama run my-run",)
    stand_in(tmp_path / "bin", "ollama", 'echo "could not connect" >&2; exit 1')
    assert "could not connect" in create_model("My run", tmp_path, replace=False)[0]


class Hub:
    """A hub that remembers what was asked of it."""

    def __init__(self, exists: bool = False, private: bool = True) -> None:
        self.exists, self.private, self.made, self.sent = exists, private, list[Any](), list[Any]()

    def repo_exists(self, _: str) -> bool:
        return self.exists

    def repo_info(self, _: str) -> Any:
        return SimpleNamespace(private=self.private)

    def create_repo(self, repo: str, **how: Any) -> None:
        self.made.append((repo, how["private"]))

    def upload_folder(self, **what: Any) -> Any:
        self.sent.append(what)
        return SimpleNamespace(commit_url="https://hub/commit")


@pytest.fixture
def exported(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(delivering, "run_worker", worker(CHECK))
    deliver(run, "adapter", None, {}, quiet)
    return run


def test_an_upload_is_private_new_and_shown_first(exported: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    upload = planned_upload(exported, "me/mine")
    assert {name for name, _ in upload.files} >= {"adapter_model.safetensors", "README.md"}
    assert "check.json" not in {name for name, _ in upload.files}, "it quotes held-out rows"
    assert upload.size_bytes > 0
    assert hub.made == []
    assert send(upload) == "https://hub/commit"
    assert hub.made == [("me/mine", True)]
    assert "hf_secret" not in json.dumps(hub.sent)


def test_a_name_that_exists_is_left_alone(exported: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for hub, into, said in ((Hub(True), False, "name exists"), (Hub(True, private=False), True, "public")):
        monkeypatch.setattr("huggingface_hub.HfApi", lambda hub=hub: hub)
        with pytest.raises(FtuiError, match=said):
            send(planned_upload(exported, "me/mine"), into_existing=into)
        assert hub.sent == []
    hub = Hub(True)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    send(planned_upload(exported, "me/mine"), into_existing=True)
    assert hub.made == []


def test_without_a_token_or_an_export_nothing_goes(
    exported: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(FtuiError, match="No hub token"):
        send(planned_upload(exported, "me/mine"))
    for repo in (None, "mine", "a/b/c", "/mine"):
        with pytest.raises(FtuiError, match="Which repository"):
            planned_upload(exported, repo)
    write_json(exported.path / "export" / "adapter" / "check.json", {**CHECK, "passed": False})
    with pytest.raises(FtuiError, match="Nothing to upload"):
        planned_upload(exported, "me/mine")
    with pytest.raises(FtuiError, match="did not pass"):
        planned_upload(exported, "me/mine", folder=exported.path / "export" / "adapter")
