"""Exports: each into a temporary folder, checked, and only then given its name; a failed one is named `.failed`."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ftui.core.events import Event
from ftui.core.modelfile import differences, modelfile, wrapping_of
from ftui.core.plan import result_stage, stage_plan
from ftui.core.render_thought import empty_thought
from ftui.core.text import gib
from ftui.errors import FtuiError
from ftui.services.deliver_card import write_card
from ftui.services.deliver_serving import lora_rank_of_server, write_serving
from ftui.services.evaluation import held_out_rows
from ftui.services.files import folder_bytes, read_json, read_object, write_atomic
from ftui.services.ollama import create_model
from ftui.services.runs import Run, read_state
from ftui.services.workers import run_worker

FORMATS = ("adapter", "merged", "gguf", "ollama", "vllm", "hub")
TRAINED_ROWS = 500
"""So many training rows are looked at for thoughts."""
CONTEXT_TOKENS_MAX = 8192
"""Ollama reserves memory for its whole context: a model's own 131,072 tokens would fill a GPU for nothing."""
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
    """Export a finished (or stopped) run. Raises FtuiError; nothing half-written keeps its final name.

    options: of trainer/export.py, as far as they are not the format's and the folder's.
    """
    if format_name not in FORMATS or format_name == "hub":
        raise FtuiError("No such export", f"{format_name!r}; there are {', '.join(FORMATS)}")
    if _task(run) == "reward" and format_name not in ("adapter", "merged"):
        raise FtuiError(
            "A reward model writes no answers",
            f"{format_name} is for models that do",
            "Export it as an adapter or merged, and name the folder in method.reward_model of a grpo or rloo plan.",
        )
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
        final = target if check["passed"] else target.with_name(f"{target.name}.failed")
        _replace(working, final)
    except OSError as error:
        shutil.rmtree(working, ignore_errors=True)
        raise FtuiError("The export cannot be written", f"{error.filename or working}: {error.strerror}") from None
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise
    if check["passed"] and format_name == "ollama":
        steps = create_model(run.plan().run.name, final, replace=overwrite)
    return Delivered(format_name, final, bool(check["passed"]), check, steps)


def _replace(working: Path, final: Path) -> None:
    """Give the folder its name; an older one of that name goes only when the new one is in its place."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    working.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _write(
    run: Run, format_name: str, folder: Path, options: dict[str, Any], hear: Hear, final: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    _need_room(run, folder)
    match format_name:
        case "ollama":
            return _ollama(run, folder, options, hear), ()
        case "vllm":
            return _vllm(run, folder, options, hear, final)
    check = _export(run, format_name, folder, options, hear)
    write_card(run, format_name, folder, check)
    return check, _next_steps(run, format_name, folder, final)


def _export(run: Run, format_name: str, folder: Path, options: dict[str, Any], hear: Hear) -> dict[str, Any]:
    run_worker("ftui.trainer.export", run.path, {**options, "format": format_name, "out": str(folder)}, hear)
    check = read_json(folder / "check.json")
    if not isinstance(check, dict):
        raise FtuiError("The export has no check report", f"{folder}/check.json", "Its log: logs/worker.log")
    return check


def _need_room(run: Run, folder: Path) -> None:
    """Twice the base's weights must be free: the artefact, and the temporary file of a shard."""
    model = read_object(run.path / "environment.json").get("model")
    weights = model.get("weights_bytes") if isinstance(model, dict) else None
    need = 2 * weights if isinstance(weights, int) else 0
    free = shutil.disk_usage(folder).free
    if free < need:
        raise FtuiError(
            "The disk is too full",
            f"{folder.parent}: {gib(need)} are needed, {gib(free)} are free",
            "Name a folder on another disk with --out.",
        )


def _task(run: Run) -> str:
    """What the run's model was trained for."""
    plan = run.plan()
    last = result_stage(plan)
    return (plan if last is None else stage_plan(plan, last)).method.task


def _next_steps(run: Run, format_name: str, folder: Path, final: Path) -> tuple[str, ...]:
    """What to type next, as it can be typed. folder: where the export lies now; final: where it will lie."""
    plan, shown = run.plan(), shlex.quote(str(final))
    if _task(run) == "reward":
        return (f"ftui plan new --model MODEL --data FILE --set method.task=grpo --set method.reward_model={shown}",)
    if format_name == "adapter":
        config = read_json(folder / "adapter_config.json")
        named = config.get("base_model_name_or_path") if isinstance(config, dict) else None
        base = shlex.quote(str(named or plan.model.path or plan.model.id))
        rank = lora_rank_of_server(plan.method.lora_rank)
        return (f"vllm serve {base} --enable-lora --max-lora-rank {rank} --lora-modules tuned={shown}",)
    if format_name == "merged":
        return (f"vllm serve {shown}",)
    weights = next((path.name for path in sorted(folder.glob("*.gguf"))), "model.gguf")
    return (f"llama-server -m {shlex.quote(str(final / weights))} --jinja",)


def _ollama(run: Run, folder: Path, options: dict[str, Any], hear: Hear) -> dict[str, Any]:
    """A GGUF file and a Modelfile whose template is proven equal to the chat template of the training."""
    from ftui.core.render import end_of_turn
    from ftui.services.tokenizer import load_tokenizer

    # The template first: a model whose template has no equal in Ollama must not cost the conversion.
    dialect = load_tokenizer(run.path / "model").dialect
    trained_on = held_out_rows(run).with_name("train.jsonl")
    lead = empty_thought(dialect, _rows(trained_on, TRAINED_ROWS))
    wrapping = wrapping_of(dialect)
    wrapping = replace(wrapping, open_answer=wrapping.open_answer + lead)
    check = _export(run, "gguf", folder, options, hear)
    conversations = _conversations(held_out_rows(run))
    wrong = differences(wrapping, dialect, conversations, lead)
    check["template_conversations"] = len(conversations)
    check["template_differences"] = len(wrong)
    if wrong:
        check["passed"] = False
        check["notes"].append(f"the Modelfile's template writes {len(wrong)} held-out conversations otherwise")
    stops = [stop for stop in dict.fromkeys((end_of_turn(dialect), dialect.eos)) if stop]
    weights = next(folder.glob("*.gguf")).name
    text = modelfile(wrapping, f"./{weights}", stops, context=context_tokens(run))
    write_atomic(folder / "Modelfile", text)
    write_atomic(folder / "check.json", json.dumps(check, indent=2) + "\n")
    write_card(run, "gguf", folder, check)
    return check


def context_tokens(run: Run) -> int:
    """The model's window, capped: what it was trained on is a row's length, not what a conversation may grow to."""
    plan = run.plan()
    window = None
    for folder in (run.path / "model", Path(plan.model.path or plan.model.id)):
        config = read_json(folder / "config.json")
        if isinstance(config, dict):
            window = config.get("max_position_embeddings")
            break
    return min(int(window), CONTEXT_TOKENS_MAX) if isinstance(window, int) and window > 0 else CONTEXT_TOKENS_MAX


def _rows(path: Path, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a run's data file; none where there is no such file."""
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            for line in islice(file, limit):
                if line.strip():
                    yield json.loads(line)


def _conversations(path: Path) -> list[list[dict[str, str]]]:
    """Held-out chats up to their last question."""
    found = []
    for row in _rows(path):
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
    """Weights, and everything that serves them beside the base."""
    config = read_json(run.path / "model" / "adapter_config.json")
    base = str(config.get("base_model_name_or_path") or "") if isinstance(config, dict) else ""
    # An adapter on weights that an earlier stage of the run trained is of no use alone.
    adapter = isinstance(config, dict) and not Path(base).is_relative_to(run.path)
    kind = "adapter" if adapter else "merged"
    weights = folder / "model"
    check = _export(run, kind, weights, options, hear)
    write_card(run, kind, weights, check)
    return check, write_serving(run.plan(), folder, final, adapter=adapter, window=context_tokens(run))


def delivered_bytes(delivered: Delivered) -> int:
    """Size of the export on the disk."""
    return folder_bytes(delivered.path)
