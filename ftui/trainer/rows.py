"""Rows to tokens, once: rendered and masked by core/render.py, kept in an Arrow file under the fingerprint of all that
made it. What the trainer gets is exactly what the preview shows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ftui.core.render import Dialect, Options, Rendered, RenderError, render_prompt, render_row
from ftui.core.text import plural
from ftui.trainer.dialect import dialect_of
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job, read_rows, write_json

IGNORED = -100
"""The label of a token that is not trained."""
PREVIEW_ROWS = 20
LAYOUT_VERSION = 2
"""Part of the fingerprint: raise it when columns or rendering change their meaning."""
NAMED_ROWS = 5

_POLICY = {"truncate_prompt": "keep_answer", "drop": "drop", "refuse": "drop"}
_LOSS = {"assistant": "assistant", "last_assistant": "last", "all": "all"}

Columns = dict[str, Any]

_ANSWERED = ((("messages",), ("prompt", "completion"), ("text",)), "messages, prompt and completion, or text")
_PAIRED = ((("chosen", "rejected"),), "chosen and rejected")
_ASKED = ((("prompt",), ("messages",)), "prompt or messages")
_NEEDS: dict[str, tuple[tuple[tuple[str, ...], ...], str]] = {
    "sft": _ANSWERED,
    "text": _ANSWERED,
    "dpo": _PAIRED,
    "orpo": _PAIRED,
    "reward": _PAIRED,
    "kto": ((("prompt", "completion", "label"),), "prompt, completion and label"),
    "grpo": _ASKED,
    "rloo": _ASKED,
}
"""Task -> the sets of columns of which a row must have one, and the same in words."""


@dataclass
class Tally:
    """What happened to the rows of one file. Lists hold 0-based row numbers of the first few."""

    rows: int = 0
    kept: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest_tokens: int = 0
    shortened: int = 0
    too_long: list[int] = field(default_factory=list)
    untrained: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    refused_why: str = ""
    left_out: int = 0


def tokenised(job: Job, tokenizer: Any, name: str) -> Any | None:
    """The rows of data/NAME.jsonl as a datasets.Dataset of tokens; None where there is no such file or no row in it.

    Columns by task: input_ids and labels (sft, text); prompt_ids, chosen_ids and rejected_ids (dpo, orpo);
    chosen_ids and rejected_ids with the prompt in both (reward); prompt_ids, completion_ids and label (kto); prompt and
    row_json, the row itself (grpo, rloo). Always `row`, its 0-based number in the file, and `length` in tokens.
    Raises TrainerError where no row is left, or a row is too long and the plan says refuse.
    """
    from datasets import Dataset

    source = job.folder / "data" / f"{name}.jsonl"
    if not source.is_file() or source.stat().st_size == 0:
        return None
    key = _fingerprint(job, tokenizer, source)
    arrow, sidecar = (source.with_name(f"tokens-{name}-{key}.{end}") for end in ("arrow", "json"))
    if job.is_first_process:
        if not sidecar.is_file():
            for old in source.parent.glob(f"tokens-{name}-*"):
                old.unlink()
            tally, preview = _write_tokens(job, tokenizer, name, source, arrow)
            if name == "train":
                write_json(job.folder / "data" / "preview.json", {"schema_version": 1, "rows": preview})
            write_json(sidecar, asdict(tally))
        _report(job, name, Tally(**json.loads(sidecar.read_text())))
    else:
        # The other ranks wait for the file, not in a collective: those time out while a large file is tokenised.
        while not sidecar.is_file():
            time.sleep(0.2)
    return Dataset.from_file(str(arrow))


def with_replay(job: Job, tokenizer: Any, train: Any) -> Any:
    """Training rows with the general rows of data/replay.jsonl among them; as they are where there is no such file.

    General rows are numbered -1, -2, ... so that no one mistakes them for rows of train.jsonl.
    """
    from datasets import concatenate_datasets

    general = tokenised(job, tokenizer, "replay") if job.plan.data.replay_fraction else None
    if general is None:
        return train
    job.effective["data.replay_rows"] = len(general)
    return concatenate_datasets([train, general.map(lambda row: {"row": -1 - row["row"]})])


def probe_rows(job: Job, tokenizer: Any) -> list[Columns]:
    """Rows of general text and questions (data/probe.jsonl), tokenised with every answer trained; [] without a file."""
    source = job.run_folder / "data" / "probe.jsonl"
    if not source.is_file():
        return []
    dialect = dialect_of(tokenizer)
    options = Options(max_length=job.plan.data.max_length_tokens)
    rows = []
    for row in read_rows(source):
        try:
            made = render_row(dialect, row, options)[0]
        except RenderError:
            continue  # a base model without a chat template is still probed on the plain texts
        if made.trained_tokens and not made.dropped:
            rows.append({"input_ids": list(made.ids), "labels": labels_of(made)})
    return rows


def labels_of(made: Rendered) -> list[int]:
    """Token ids where the token is trained, IGNORED elsewhere."""
    return [token if trained else IGNORED for token, trained in zip(made.ids, made.labels_mask, strict=True)]


def options_of(job: Job) -> Options:
    """The plan's length and loss settings in the renderer's words."""
    data = job.plan.data
    return Options(data.max_length_tokens, _POLICY[data.overlong], _LOSS[data.train_on])


def _write_tokens(job: Job, tokenizer: Any, name: str, source: Path, arrow: Path) -> tuple[Tally, list[Columns]]:
    from datasets.arrow_writer import ArrowWriter

    dialect, options = dialect_of(tokenizer), options_of(job)
    make = _COLUMNS[job.plan.method.task]
    tally, preview = Tally(), []
    total = sum(1 for _ in source.open("rb"))
    last_word = 0.0
    temporary = arrow.with_suffix(".tmp")
    with ArrowWriter(path=str(temporary)) as writer:
        for number, row in enumerate(read_rows(source)):
            if time.monotonic() - last_word > 0.5:
                last_word = time.monotonic()
                job.phase("tokenizing", f"{name}: {number:,} of {plural(total, 'row')}", number / max(total, 1))
            tally.rows += 1
            rendered = _rendered(dialect, row, options, job.plan.method.task, number, tally)
            if rendered is None:
                continue
            _count(rendered, tally)
            length = max(len(side.ids) for side in rendered)
            writer.write({**make(rendered, row), "row": number, "length": length})
            if len(preview) < PREVIEW_ROWS:
                preview.append({"row": number, "sides": [_preview(side, tokenizer) for side in rendered]})
        if tally.kept == 0:
            raise _nothing_left(source, tally)
        writer.finalize()
    if job.plan.data.overlong == "refuse" and tally.too_long:
        raise TrainerError(
            "A row is too long",
            f"{source.name}: {_named(tally.too_long)} do not fit into {job.plan.data.max_length_tokens:,} tokens",
            "Raise data.max_length_tokens, or let data.overlong cut prompts or drop rows.",
            reason="data",
        )
    temporary.replace(arrow)
    return tally, preview


def _rendered(
    dialect: Dialect, row: Columns, options: Options, task: str, number: int, tally: Tally
) -> tuple[Rendered, ...] | None:
    """The row's sides, or None where it is left out; the tally says why. Raises for a row of the wrong kind."""
    needed, described = _NEEDS[task]
    if not any(all(key in row for key in keys) for keys in needed):
        raise TrainerError(
            f"These rows cannot train {task}",
            f"row {number} has the columns {', '.join(sorted(row)) or '(none)'}; {task} needs {described}",
            "Choose another method.task, or other rows.",
            reason="data",
        )
    try:
        if task in ("grpo", "rloo"):
            prompt = row["prompt"] if "prompt" in row else _before_answer(row)
            sides: tuple[Rendered, ...] = (render_prompt(dialect, prompt, row.get("tools"), options),)
        else:
            sides = render_row(dialect, row, options)
    except RenderError as error:
        tally.left_out += 1
        tally.refused.append(number)
        tally.refused_why = tally.refused_why or str(error)
        return None
    if any(side.dropped for side in sides):
        tally.left_out += 1
        tally.too_long.append(number)
        return None
    if task not in ("grpo", "rloo") and not all(side.trained_tokens for side in sides):
        tally.left_out += 1
        tally.untrained.append(number)
        return None
    return sides


def _before_answer(row: Columns) -> list[Any]:
    """A conversation up to its last answer, for tasks where the model writes that answer itself."""
    messages = list(row["messages"])
    while messages and messages[-1].get("role") == "assistant":
        messages.pop()
    return messages


def _count(sides: tuple[Rendered, ...], tally: Tally) -> None:
    tally.kept += 1
    tally.tokens += sum(len(side.ids) for side in sides)
    tally.trained_tokens += sum(side.trained_tokens for side in sides)
    tally.longest_tokens = max(tally.longest_tokens, *(len(side.ids) for side in sides))
    tally.shortened += any(len(side.ids) < side.total_tokens for side in sides)


def _sft(sides: tuple[Rendered, ...], row: Columns) -> Columns:
    return {"input_ids": list(sides[0].ids), "labels": labels_of(sides[0])}


def _pair(sides: tuple[Rendered, ...], row: Columns) -> Columns:
    chosen, rejected = sides
    # Both sides share their prompt's text; a token that straddles its end can differ, then the pair parts before it.
    shared = min(chosen.prompt_tokens, rejected.prompt_tokens)
    while shared and chosen.ids[:shared] != rejected.ids[:shared]:
        shared -= 1
    return {
        "prompt_ids": list(chosen.ids[:shared]),
        "chosen_ids": list(chosen.ids[shared : _answer_end(chosen)]),
        "rejected_ids": list(rejected.ids[shared : _answer_end(rejected)]),
    }


def _answer_end(made: Rendered) -> int:
    """Where the trained tokens end: templates write a line break after the end of turn that nobody generates."""
    return len(made.ids) - made.labels_mask[::-1].index(True)


def _whole_pair(sides: tuple[Rendered, ...], row: Columns) -> Columns:
    # Online training shows the reward model answers up to their end of turn, so it is trained on just that.
    chosen, rejected = sides
    return {
        "chosen_ids": list(chosen.ids[: _answer_end(chosen)]),
        "rejected_ids": list(rejected.ids[: _answer_end(rejected)]),
    }


def _judged(sides: tuple[Rendered, ...], row: Columns) -> Columns:
    made = sides[0]
    cut = made.prompt_tokens
    answer = list(made.ids[cut : _answer_end(made)])
    return {"prompt_ids": list(made.ids[:cut]), "completion_ids": answer, "label": bool(row["label"])}


def _asked(sides: tuple[Rendered, ...], row: Columns) -> Columns:
    # The reward functions get the row as JSON: its columns may differ from row to row, which Arrow cannot hold.
    return {"prompt": sides[0].text, "row_json": json.dumps(row, ensure_ascii=False)}


_COLUMNS: dict[str, Callable[[tuple[Rendered, ...], Columns], Columns]] = {
    "sft": _sft,
    "text": _sft,
    "dpo": _pair,
    "orpo": _pair,
    "reward": _whole_pair,
    "kto": _judged,
    "grpo": _asked,
    "rloo": _asked,
}


def _preview(made: Rendered, tokenizer: Any) -> Columns:
    """Tokens as the text they stand for, each with whether it is trained."""
    tokens = [
        {"text": made.text[start:end] or tokenizer.convert_ids_to_tokens(token), "trained": trained}
        for token, (start, end), trained in zip(made.ids, made.offsets, made.labels_mask, strict=True)
    ]
    notes = [{"kind": note.kind, "message": note.message} for note in made.notes]
    return {"tokens": tokens, "notes": notes, "total_tokens": made.total_tokens}


def _report(job: Job, name: str, tally: Tally) -> None:
    """Say what was cut and left out: nothing goes missing in silence."""
    limit = f"{job.plan.data.max_length_tokens:,} tokens"
    share = f"{tally.shortened} of {plural(tally.rows, 'row')} of {name}.jsonl"
    if tally.shortened:
        job.warn("truncation", f"{share} are longer than {limit}: their prompt's beginning was cut, the answer kept.")
    if tally.too_long:
        job.warn("truncation", f"{name}.jsonl: {_named(tally.too_long)} do not fit into {limit} and were left out.")
    if tally.untrained:
        job.warn("untrained", f"{name}.jsonl: {_named(tally.untrained)} have nothing to learn from and were left out.")
    if tally.refused:
        why = f"the chat template says: {tally.refused_why}"
        job.warn("template", f"{name}.jsonl: {_named(tally.refused)} cannot be written ({why}) and were left out.")
    job.effective[f"data.{name}"] = {
        key: value for key, value in asdict(tally).items() if not isinstance(value, list | str)
    }


def _nothing_left(source: Path, tally: Tally) -> TrainerError:
    if tally.refused:
        why = f"the chat template refuses every row: {tally.refused_why}"
        plain = Path(__file__).with_name("templates") / "plain.jinja"
        hint = f"Set model.chat_template ({plain} suits any base model), or use a model that was tuned for chat."
    elif tally.too_long:
        why, hint = "no row fits into data.max_length_tokens", "Raise data.max_length_tokens."
    else:
        why, hint = "no row has a token that would be trained", "Look at data/preview.json and data.train_on."
    return TrainerError("Nothing to train on", f"{source.name}: {why}", hint, reason="data")


def _named(rows: list[int]) -> str:
    shown = ", ".join(str(row) for row in rows[:NAMED_ROWS])
    more = f" and {len(rows) - NAMED_ROWS:,} more" if len(rows) > NAMED_ROWS else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more}"


def _fingerprint(job: Job, tokenizer: Any, source: Path) -> str:
    """Of everything that decides the tokens: rows, vocabulary, template, options, task."""
    digest = hashlib.sha256(f"{LAYOUT_VERSION}".encode())
    for block in _blocks(source):
        digest.update(block)
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    digest.update(str(tokenizer.chat_template).encode())
    digest.update(json.dumps(tokenizer.special_tokens_map, sort_keys=True, default=str).encode())
    digest.update(repr((options_of(job), job.plan.method.task)).encode())
    return digest.hexdigest()[:16]


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block
