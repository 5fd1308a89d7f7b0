"""Exports: each into a temporary folder, checked, and only then given its name; a failed one is named `.failed`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftui.core.card import model_card
from ftui.core.events import Event
from ftui.core.modelfile import differences, modelfile, wrapping_of
from ftui.errors import FtuiError
from ftui.services.files import folder_bytes, read_json, write_atomic
from ftui.services.runs import Run, read_state
from ftui.services.workers import run_worker

FORMATS = ("adapter", "merged", "gguf", "ollama", "vllm", "hub")
Hear = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Delivered:
    """An export that is there. passed: whether its check report says that it equals the tuned model."""

    format: str
    path: Path
    passed: bool
    check: dict[str, Any]
    next_steps: tuple[str, ...]


def deliver(
    run: Run, format_name: str, out: Path | None, options: dict[str, Any], hear: Hear, *, overwrite: bool = False
) -> Delivered:
    """Export a finished (or stopped) run. Raises FtuiError; nothing half-written keeps its final name."""
    if not (run.path / "model").is_dir():
        status = read_state(run).status
        raise FtuiError(
            "The run has no model yet", f"{run.name} is {status}", f"Finish it: ftui runs resume {run.name}"
        )
    target = (out or run.path / "export" / format_name).absolute()
    if target.exists() and not overwrite:
        raise FtuiError("The export exists", str(target), "Name another folder with --out, or add --overwrite.")
    working = target.with_name(f".{target.name}.part")
    shutil.rmtree(working, ignore_errors=True)
    try:
        working.mkdir(mode=0o700, parents=True)
        check, steps = _write(run, format_name, working, options, hear, target)
    except OSError as error:
        shutil.rmtree(working, ignore_errors=True)
        raise FtuiError("The export cannot be written", f"{error.filename or working}: {error.strerror}") from None
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise
    final = target if check["passed"] else target.with_name(f"{target.name}.failed")
    shutil.rmtree(final, ignore_errors=True)
    working.rename(final)
    return Delivered(format_name, final, bool(check["passed"]), check, steps)


def _write(
    run: Run, format_name: str, folder: Path, options: dict[str, Any], hear: Hear, final: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    match format_name:
        case "adapter" | "merged" | "gguf":
            _need_room(run, folder)
            run_worker("ftui.trainer.export", run.path, {**options, "format": format_name, "out": str(folder)}, hear)
            check = read_json(folder / "check.json")
            _write_card(run, format_name, folder, check)
            return check, _next_steps(format_name, final)
        case "ollama":
            return _ollama(run, folder, options, hear, final)
        case "vllm":
            return _vllm(run, folder, options, hear, final)
    raise FtuiError("No such export", f"{format_name!r}; there are {', '.join(FORMATS)}")


def _need_room(run: Run, folder: Path) -> None:
    """Twice the base's weights must be free: the artefact, and the temporary file of a shard."""
    environment = read_json(run.path / "environment.json") or {}
    need = 2 * int(environment.get("model", {}).get("weights_bytes", 0))
    free = shutil.disk_usage(folder).free
    if free < need:
        raise FtuiError(
            "The disk is too full",
            f"{folder}: {need / 2**30:.1f} GiB are needed, {free / 2**30:.1f} are free",
            "Use --out.",
        )


def _write_card(run: Run, format_name: str, folder: Path, check: dict[str, Any] | None) -> None:
    card = model_card(
        run.plan(),
        format_name=format_name,
        verdict=read_json(run.verdict_file),
        manifest=read_json(run.path / "data" / "manifest.json"),
        environment=read_json(run.path / "environment.json"),
        check=check,
    )
    write_atomic(folder / "README.md", card)


def _next_steps(format_name: str, folder: Path) -> tuple[str, ...]:
    return {
        "adapter": (f"vllm serve BASE --enable-lora --lora-modules tuned={folder}",),
        "merged": (f"vllm serve {folder}",),
        "gguf": (f"llama-server -m {folder}/model-*.gguf --jinja",),
    }[format_name]


def _ollama(
    run: Run, folder: Path, options: dict[str, Any], hear: Hear, final: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A GGUF file and a Modelfile whose template is proven equal to the chat template of the training."""
    run_worker("ftui.trainer.export", run.path, {**options, "format": "gguf", "out": str(folder)}, hear)
    check = read_json(folder / "check.json")
    from ftui.services.tokenizer import load_tokenizer

    dialect = load_tokenizer(run.path / "model").dialect
    wrapping = wrapping_of(dialect)
    conversations = _conversations(run.path / "data" / "eval.jsonl")
    wrong = differences(wrapping, dialect, conversations)
    check["template_conversations"] = len(conversations)
    check["template_differences"] = len(wrong)
    if wrong:
        check["passed"] = False
        check["notes"].append(f"the Modelfile's template writes {len(wrong)} held-out conversations otherwise")
    from ftui.core.render import end_of_turn

    stops = [stop for stop in dict.fromkeys((end_of_turn(dialect), dialect.eos)) if stop]
    weights = next(folder.glob("*.gguf")).name
    text = modelfile(wrapping, f"./{weights}", stops, context=run.plan().data.max_length_tokens)
    write_atomic(folder / "Modelfile", text)
    write_atomic(folder / "check.json", json.dumps(check, indent=2) + "\n")
    _write_card(run, "gguf", folder, check)
    return check, (f"cd {final} && ollama create {run.plan().run.name} -f Modelfile",)


def _conversations(path: Path) -> list[list[dict[str, str]]]:
    """Held-out chats up to their last question."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        row = json.loads(line)
        messages = row.get("messages") or row.get("prompt")
        if not isinstance(messages, list):
            continue
        asked = [i for i, m in enumerate(messages) if m.get("role") == "user"]
        if asked:
            found.append(
                [{"role": m["role"], "content": str(m.get("content") or "")} for m in messages[: asked[-1] + 1]]
            )
    return found


def _vllm(
    run: Run, folder: Path, options: dict[str, Any], hear: Hear, final: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A serve script and configuration for vLLM, and an nginx split of real traffic between base and tuned."""
    adapter = (run.path / "model" / "adapter_config.json").is_file()
    kind = "adapter" if adapter else "merged"
    weights = folder / "model"
    run_worker("ftui.trainer.export", run.path, {**options, "format": kind, "out": str(weights)}, hear)
    check = read_json(weights / "check.json")
    _write_card(run, kind, weights, check)
    plan = run.plan()
    base = plan.model.path or plan.model.id
    length = max(plan.data.max_length_tokens + plan.eval.max_new_tokens, 1024)
    config = f"model: {base if adapter else './model'}\nmax-model-len: {length}\nhost: 127.0.0.1\nport: 8000\n"
    if adapter:
        rank = max(8, plan.method.lora_rank)
        config += f"enable-lora: true\nmax-lora-rank: {rank}\nlora-modules:\n  - tuned=./model\n"
    else:
        config += "served-model-name: tuned\n"
    write_atomic(folder / "vllm.yaml", config)
    template = "--chat-template ./model/chat_template.jinja" if (weights / "chat_template.jinja").is_file() else ""
    serve = f'#!/bin/sh\ncd "$(dirname "$0")" && exec vllm serve --config vllm.yaml {template}\n'
    write_atomic(folder / "serve.sh", serve, mode=0o700)
    write_atomic(folder / "ab-split.nginx.conf", AB_SPLIT)
    return check, (f"{final}/serve.sh", f"nginx -c {final}/ab-split.nginx.conf   (base on port 8001, 10 % to tuned)")


AB_SPLIT = """\
# Sends one request in ten to the tuned model (port 8000) and the rest to the base (port 8001), by client address, so
# that a client stays with one of them. The answer's X-Model header says which it was.
events {}
http {
  split_clients "$remote_addr" $upstream {
    10%     tuned;
    *       base;
  }
  upstream tuned { server 127.0.0.1:8000; }
  upstream base  { server 127.0.0.1:8001; }
  server {
    listen 127.0.0.1:8080;
    location / {
      proxy_pass http://$upstream;
      proxy_buffering off;
      add_header X-Model $upstream;
    }
  }
}
"""


def delivered_bytes(delivered: Delivered) -> int:
    """Size of the export on the disk."""
    return folder_bytes(delivered.path)
