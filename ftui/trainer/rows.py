"""Rows to tokens, once and in parallel: rendered and masked by core/render.py, kept in an Arrow file under the
fingerprint of all that made it. What the trainer gets is exactly what the preview shows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.render import Dialect, Options, Rendered, RenderError, render_row
from ftui.core.text import plural
from ftui.trainer.columns import ONLINE, Columns, columns_of, labels_of, refuse_other_kind, rendered, schema_of
from ftui.trainer.dialect import dialect_of
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job, parse_row, read_rows, write_json
from ftui.trainer.parallel import cores, in_order
from ftui.trainer.rows_tally import Tally, count, named, nothing_left, report

if TYPE_CHECKING:
    import pyarrow

PREVIEW_ROWS = 20
LAYOUT_VERSION = 4
"""Part of the fingerprint: raise it when columns or rendering change their meaning."""
BLOCK_ROWS = 256
ROWS_PER_PROCESS = 2_000
"""Below this many rows for each, another process takes longer to start than it saves."""

_POLICY = {"truncate_prompt": "keep_answer", "drop": "drop", "refuse": "drop"}
_LOSS = {"assistant": "assistant", "last_assistant": "last", "all": "all"}


@dataclass(frozen=True)
class Block:
    """Some rows in a stretch: `lines` are (1-based line number, text), the first of them is row number `first`."""

    first: int
    lines: list[tuple[int, bytes]]


@dataclass(frozen=True)
class Made:
    """A block's rows as columns, what happened to them, and the first of them for the preview."""

    table: pyarrow.Table
    tally: Tally
    preview: list[Columns]


def tokenised(job: Job, tokenizer: Any, name: str) -> Any | None:
    """The rows of data/NAME.jsonl as a datasets.Dataset of tokens; None where there is no such file or no row in it.

    columns.py says which columns a task has. Raises TrainerError where no row is left, or a row is too long and the
    plan says refuse.
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
        report(job, name, Tally(**json.loads(sidecar.read_text())))
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


def options_of(job: Job) -> Options:
    """The plan's length and loss settings in the renderer's words."""
    data = job.plan.data
    return Options(data.max_length_tokens, _POLICY[data.overlong], _LOSS[data.train_on])


def _write_tokens(job: Job, tokenizer: Any, name: str, source: Path, arrow: Path) -> tuple[Tally, list[Columns]]:
    from datasets import Features
    from datasets.arrow_writer import ArrowWriter

    task, total = job.plan.method.task, _count_lines(source)
    make = partial(_made, task, dialect_of(tokenizer), options_of(job), tokenizer, source)
    tally, preview = Tally(), list[Columns]()
    last_word = 0.0
    temporary = arrow.with_suffix(".tmp")
    processes = min(cores(), total // ROWS_PER_PROCESS)
    with ArrowWriter(path=str(temporary), features=Features.from_arrow_schema(schema_of(task))) as writer:
        for made in in_order(make, _blocks(source), processes):
            if time.monotonic() - last_word > 0.5:
                last_word = time.monotonic()
                words = f"{name}: {tally.rows:,} of {plural(total, 'row')}"
                job.phase("tokenizing", words, tally.rows / max(total, 1))
            tally.add(made.tally)
            preview += made.preview
            if made.table.num_rows:
                writer.write_table(made.table)
        if tally.kept == 0:
            raise nothing_left(source, tally)
        writer.finalize()
    if job.plan.data.overlong == "refuse" and tally.too_long:
        raise TrainerError(
            "A row is too long",
            f"{source.name}: {named(tally.too_long)} do not fit into {job.plan.data.max_length_tokens:,} tokens",
            "Raise data.max_length_tokens, or let data.overlong cut prompts or drop rows.",
            reason="data",
        )
    temporary.replace(arrow)
    return tally, preview


def _made(task: str, dialect: Dialect, options: Options, tokenizer: Any, source: Path, block: Block) -> Made:
    """The rows of a block as columns. Raises TrainerError for a line that is no row, or a row of the wrong kind."""
    import pyarrow

    tally, preview, kept = Tally(), [], []
    for number, (line_number, line) in enumerate(block.lines, block.first):
        row = parse_row(source, line_number, line)
        tally.rows += 1
        sides = _sides(dialect, row, options, task, number, tally)
        if sides is None:
            continue
        count(sides, tally)
        for part in [(side,) for side in sides] if task == "text" else [sides]:
            length = max(len(side.ids) for side in part)
            kept.append({**columns_of(task, part, row), "row": number, "length": length})
            if block.first == 0 and len(preview) < PREVIEW_ROWS:
                preview.append({"row": number, "sides": [_preview(side, tokenizer) for side in part]})
        if task == "text":
            tally.pieces += len(sides)
    return Made(pyarrow.Table.from_pylist(kept, schema=schema_of(task)), tally, preview)


def _sides(
    dialect: Dialect, row: Columns, options: Options, task: str, number: int, tally: Tally
) -> tuple[Rendered, ...] | None:
    """The row's sides, or None where it is left out; the tally says why. Raises for a row of the wrong kind."""
    refuse_other_kind(row, task, number)
    try:
        sides = rendered(dialect, row, options, task)
    except RenderError as error:
        tally.left_out += 1
        tally.refused.append(number)
        tally.refused_why = tally.refused_why or str(error)
        return None
    if any(side.dropped for side in sides):
        tally.left_out += 1
        tally.too_long.append(number)
        return None
    if task not in ONLINE and not all(side.trained_tokens for side in sides):
        tally.left_out += 1
        tally.untrained.append(number)
        return None
    return sides


def _preview(made: Rendered, tokenizer: Any) -> Columns:
    """Tokens as the text they stand for, each with whether it is trained."""
    tokens = [
        {"text": made.text[start:end] or tokenizer.convert_ids_to_tokens(token), "trained": trained}
        for token, (start, end), trained in zip(made.ids, made.offsets, made.labels_mask, strict=True)
    ]
    notes = [{"kind": note.kind, "message": note.message} for note in made.notes]
    return {"tokens": tokens, "notes": notes, "total_tokens": made.total_tokens}


def _fingerprint(job: Job, tokenizer: Any, source: Path) -> str:
    """Of everything that decides the tokens: rows, vocabulary, template, options, task."""
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(f"{LAYOUT_VERSION}".encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    digest.update(str(tokenizer.chat_template).encode())
    digest.update(json.dumps(tokenizer.special_tokens_map, sort_keys=True, default=str).encode())
    digest.update(repr((options_of(job), job.plan.method.task)).encode())
    return digest.hexdigest()[:16]


def _blocks(source: Path) -> Iterator[Block]:
    """The file's rows in stretches; blank lines are no rows."""
    first, lines = 0, list[tuple[int, bytes]]()
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                lines.append((number, line))
            if len(lines) == BLOCK_ROWS:
                yield Block(first, lines)
                first, lines = first + len(lines), []
    if lines:
        yield Block(first, lines)


def _count_lines(source: Path) -> int:
    with source.open("rb") as file:
        return sum(1 for line in file if line.strip())
