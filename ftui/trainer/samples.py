"""A few answers at each evaluation, beside the base model's: what the loss means in words."""

from __future__ import annotations

from typing import Any

import torch

from ftui.core.events import Sample
from ftui.core.render import Options, RenderError, end_of_turn, render_prompt
from ftui.trainer.dialect import dialect_of
from ftui.trainer.generate import generate, stop_ids
from ftui.trainer.job import Job, read_rows
from ftui.trainer.loop import untouched_randomness

SAMPLE_TOKENS = 64
"""A glance, not an evaluation: longer answers are cut."""


def watch_samples(job: Job, trainer: Any, tokenizer: Any) -> None:
    """Let the trainer answer the first held-out prompts at each evaluation, step 0 included."""
    asked = _prompts(job, tokenizer)
    if not asked or not job.is_first_process or job.is_sharded:
        return  # a sharded model writes only when all processes take part
    base_answers: list[str] = []
    stops = stop_ids(trainer.model, tokenizer, end_of_turn(dialect_of(tokenizer)))

    def watcher(step: int, metrics: dict[str, float | None]) -> None:
        job.phase("evaluating", "samples")
        was_training = trainer.model.training
        trainer.model.eval()
        with untouched_randomness(), torch.no_grad():
            made = generate(
                trainer.model,
                [ids for ids, _, _ in asked],
                stops=stops,
                pad_id=tokenizer.pad_token_id,
                decode=lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True)),
                max_new_tokens=min(SAMPLE_TOKENS, job.plan.eval.max_new_tokens),
                batch=len(asked),
            )
        trainer.model.train(was_training)
        answers = [answer.text for answer in made.answers]
        if step == 0:
            base_answers[:] = answers
        for index, (_, prompt, reference) in enumerate(asked):
            base = base_answers[index] if base_answers else ""
            job.emit(Sample(step, prompt, answers[index], reference, base))

    trainer.narrator.watchers.append(watcher)


def _prompts(job: Job, tokenizer: Any) -> list[tuple[list[int], str, str]]:
    """(token ids, last user message, wanted answer) of the first held-out conversations."""
    source = job.folder / "data" / "eval.jsonl"
    found: list[tuple[list[int], str, str]] = []
    if not source.is_file() or not job.plan.eval.samples or job.plan.method.task == "reward":
        return found
    dialect = dialect_of(tokenizer)
    for row in read_rows(source):
        if len(found) >= job.plan.eval.samples:
            break
        parts = _conversation(row)
        if parts is None:
            continue
        prompt, wanted = parts
        options = Options(job.plan.data.max_length_tokens)
        try:
            made = render_prompt(dialect, prompt, row.get("tools"), options, like=wanted or None)
        except RenderError:
            continue
        if not made.dropped:
            found.append((list(made.ids), str(prompt[-1].get("content") or ""), str(wanted.get("content") or "")))
    return found


def _conversation(row: dict[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """Prompt messages and the wanted answer of a row; None for rows that are no conversation."""
    if "messages" in row:
        messages = list(row["messages"])
        answer = messages.pop() if messages and messages[-1].get("role") == "assistant" else {}
        return (messages, answer) if messages else None
    if isinstance(row.get("prompt"), list) and row["prompt"]:
        wanted = row.get("chosen") or (row.get("completion") if row.get("label", True) else None) or [{}]
        return list(row["prompt"]), wanted[-1]
    return None
