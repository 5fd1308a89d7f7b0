"""From a model and a dataset to a plan: gather the facts, and let core.defaults decide with reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from shlex import quote
from typing import Any

from ftui.core.conversations import content_text
from ftui.core.defaults import propose_plan
from ftui.core.defaults_facts import DataFacts, HardwareFacts, ModelFacts
from ftui.core.plan import Plan
from ftui.core.render import Options, RenderError, render_row
from ftui.core.task_rows import kind_of
from ftui.errors import FtuiError
from ftui.services.beside import held_out_beside
from ftui.services.hardware import snapshot
from ftui.services.hardware_snapshot import HardwareSnapshot
from ftui.services.model_config import FoundModel, find_model
from ftui.services.task_rows import refuse_unusable_rows

MEASURED_ROWS = 2000
"""Rows whose tokens are counted; lengths of more rows hardly move the 99th percentile."""
CHARACTERS_PER_TOKEN = 3.6
"""Without a tokenizer at hand. English chat lies between 3.5 and 4.5: low, so that lengths are not underestimated."""


def propose(
    model: str,
    train: str,
    *,
    eval_path: str | None = None,
    replay_path: str | None = None,
    mapping: Mapping[str, str] | None = None,
    choices: Mapping[str, Any] | None = None,
    because: Mapping[str, str] | None = None,
) -> Plan:
    """A plan for tuning `model` on `train`, every value with its reason.

    Raises FtuiError for an unknown model, and for rows that are not there or that the task cannot use.

    Held-out rows that lie beside the training file are taken where nobody said otherwise, be it with null.
    """
    found = find_model(model)
    machine = snapshot()
    data = data_facts(train, found, eval_path=eval_path, replay_path=replay_path, mapping=mapping)
    settled = {**({"data.map": dict(mapping)} if mapping else {}), **(choices or {})}
    reasons = dict(because or {})
    if eval_path is None and "data.eval" not in settled and (beside := held_out_beside(train)) is not None:
        settled["data.eval"] = str(beside)
        reasons["data.eval"] = f"{beside.name} lies beside the rows: a fixed set makes runs comparable"
    if "run.name" not in settled and (name := run_name(train, found.id)):
        settled["run.name"] = name
        reasons["run.name"] = "rows and model, to tell runs apart"
    plan = propose_plan(model_facts(found), data, hardware_facts(machine), settled, reasons)
    refuse_unusable_rows(plan)
    return plan


def run_name(train: str, model: str) -> str:
    """A name that tells a run from others: "support-tickets-qwen3-0-6b". Empty where neither has a letter or digit."""
    parts = (PurePath(train).stem, PurePath(model).name)
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")[:20].strip("-") for part in parts).strip("-")


def model_facts(found: FoundModel) -> ModelFacts:
    """What defaults need to know of a model."""
    config = found.config.get("text_config", found.config)
    return ModelFacts(
        id=found.id,
        parameters=found.shape.total_params,
        hidden_size=config.get("hidden_size") or config.get("n_embd"),
        window_tokens=config.get("max_position_embeddings") or config.get("n_positions"),
    )


def hardware_facts(machine: HardwareSnapshot) -> HardwareFacts:
    """What defaults need to know of a machine."""
    from importlib.util import find_spec

    gpus = [gpu for gpu in machine.gpus if gpu.visible]
    return HardwareFacts(
        gpus=len(gpus),
        memory_bytes=min((gpu.free_bytes for gpu in gpus), default=machine.memory.usable_bytes),
        bf16=bool(gpus) and all(gpu.bf16 for gpu in gpus),
        flash=find_spec("flash_attn") is not None,
        cores=max(1, int(machine.cpu.usable_cores)),
    )


def data_facts(
    train: str,
    found: FoundModel | None,
    *,
    eval_path: str | None = None,
    replay_path: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> DataFacts:
    """Rows, kind and token lengths of a dataset. Raises FtuiError where nothing in it can be read."""
    from ftui.services.dataset import readable_dataset

    dataset = readable_dataset(train, mapping=mapping)
    measure = _measure(found)
    rows, whole, answers, kinds = 0, list[int](), list[int](), Counter[str]()
    for row in dataset.canonical_rows():
        rows += 1
        if rows <= MEASURED_ROWS:
            tokens, answer = measure(row.data)
            whole.append(tokens)
            answers.append(answer)
            kinds[kind_of([row.data])] += 1
    if not rows:
        raise FtuiError(
            "No usable rows", f"{train} holds none that can be trained on", f"Why: ftui lint {quote(train)}"
        )
    whole.sort()
    answers.sort()
    return DataFacts(
        path=train,
        kind=_commonest(kinds),
        rows=rows,
        p50_tokens=_percentile(whole, 0.5),
        p99_tokens=_percentile(whole, 0.99),
        longest_tokens=whole[-1],
        answer_p99_tokens=_percentile(answers, 0.99),
        eval_path=eval_path,
        replay_path=replay_path,
    )


def _measure(found: FoundModel | None) -> Callable[[Mapping[str, Any]], tuple[int, int]]:
    """Counts (tokens of the row, of its answer): with the model's tokenizer where it is here, else from characters."""
    if found is not None and found.folder is not None and (found.folder / "tokenizer.json").is_file():
        try:
            from ftui.services.tokenizer import load_tokenizer

            dialect = load_tokenizer(found.folder).dialect
        except FtuiError:
            return _by_characters

        def by_tokens(row: Mapping[str, Any]) -> tuple[int, int]:
            try:
                made = render_row(dialect, row, Options())
            except RenderError:
                return _by_characters(row)
            longest = max(made, key=lambda side: len(side.ids))
            return len(longest.ids), longest.trained_tokens

        return by_tokens
    return _by_characters


def _by_characters(row: Mapping[str, Any]) -> tuple[int, int]:
    turns = [
        message
        for key in ("messages", "prompt", "chosen", "completion")
        if isinstance(row.get(key), list)
        for message in row[key]
    ]
    texts = [row[key] for key in ("text", "prompt", "completion") if isinstance(row.get(key), str)]
    whole = sum(len(content_text(turn.get("content"))) for turn in turns) + sum(map(len, texts))
    answer = len(content_text(turns[-1].get("content"))) if turns else len(texts[-1]) if texts else 0
    overhead = 8 * len(turns)
    return int(whole / CHARACTERS_PER_TOKEN) + overhead, int(answer / CHARACTERS_PER_TOKEN) + 1


def _commonest(kinds: Counter[str]) -> str:
    """The kind of most rows. Where some conversations are answered, those that are not are no prompts for a reward."""
    kind = kinds.most_common(1)[0][0]
    return "chat" if kind == "prompt" and kinds["chat"] else kind


def _percentile(ordered: list[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write_plan_file(text: str, path: Path, *, overwrite: bool = False) -> None:
    """Write a new plan file. Raises FtuiError where one is there, or the folder refuses."""
    from ftui.services.files import write_atomic

    if path.exists() and not overwrite:
        raise FtuiError("The plan exists", str(path), "Name another file with -o, or add --overwrite.")
    try:
        write_atomic(path, text, mode=0o644)
    except OSError as error:
        raise FtuiError("The plan cannot be written", f"{path}: {error.strerror}") from None
