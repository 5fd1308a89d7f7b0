"""Before the first step: does the batch that comes out of the collator train the answers of its rows, and nothing else?

The batch is compared with the rows as they lie in data/train.jsonl, rendered anew: what is between the two (the token
cache, the packing, the library's collators) cannot change the mask unseen. Then the tokens are decoded: a vocabulary
that cannot write an answer back is told, because the model could not write it either.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from ftui.core.render import Rendered
from ftui.core.text import clip
from ftui.trainer.columns import IGNORED, ONLINE, Columns, columns_of, labels_of, named_rows, rendered
from ftui.trainer.dialect import dialect_of
from ftui.trainer.failure import TrainerError
from ftui.trainer.job import Job, parse_row
from ftui.trainer.rows import options_of

CHECKED_BATCHES = 4
SHOWN_TOKENS = 20


def check_first_batches(job: Job, trainer: Any, tokenizer: Any) -> None:
    """Collate the first rows as the trainer will, and check them, before a GPU hour is spent. Raises TrainerError."""
    size = trainer.args.per_device_train_batch_size
    dataset = trainer.train_dataset
    for start in range(0, min(len(dataset), CHECKED_BATCHES * size), size):
        batch = trainer.data_collator([dataset[i] for i in range(start, min(start + size, len(dataset)))])
        check_batch(job, tokenizer, batch)


def check_batch(job: Job, tokenizer: Any, batch: Any) -> None:
    """Compare a collated batch with its rows. Raises TrainerError (reason data) that shows where they differ."""
    task = job.plan.method.task
    if task in ONLINE or not isinstance(batch, dict) or "row" not in batch:
        return  # online training makes its batches from answers that do not exist yet
    numbers = batch["row"].tolist()
    trained = _trained_ids(batch, task)
    if not trained:
        raise TrainerError("Nothing to learn from", f"the batch trains no token ({named_rows(numbers)})", reason="data")
    if min(numbers) < 0:
        return  # general rows come from another file
    packed = "position_ids" in batch
    # A text of several pieces is a row several times.
    rows = _rows_by_number(job, list(dict.fromkeys(numbers)) if task == "text" else numbers)
    dialect, options = dialect_of(tokenizer), options_of(job)
    sides = [rendered(dialect, row, options, task) for row in rows]
    if any(len(pieces) > 1 for pieces in sides) and task == "text":
        _check_pieces(tokenizer, numbers, batch["labels"], sides, packed)
        return
    expected = _expected_ids(task, sides, rows, packed)
    # Packing mixes its rows' order.
    if (Counter(trained) != Counter(expected)) if packed else (trained != expected):
        raise _other_tokens(tokenizer, numbers, trained, expected)
    _warn_of_lossy_vocabulary(job, tokenizer, numbers, sides)


def _check_pieces(
    tokenizer: Any, numbers: list[int], labels: Any, sides: list[tuple[Rendered, ...]], packed: bool
) -> None:
    """Which pieces are in the batch its row numbers do not say: every row of it must be one of them."""
    pieces = [_trained_labels(piece, packed) for row in sides for piece in row]
    every = Counter(token for piece in pieces for token in piece)
    for row in labels:
        trained = row[row != IGNORED].tolist()
        # A packed row is several pieces in one.
        if Counter(trained) - every if packed else trained not in pieces:
            raise _other_tokens(tokenizer, numbers, trained, pieces[0])


def _trained_labels(made: Rendered, packed: bool) -> list[int]:
    """The trained tokens; a packed row's first one is never trained: what is before it belongs to another row."""
    return [token for token in labels_of(made)[1 if packed else 0 :] if token != IGNORED]


def _trained_ids(batch: Columns, task: str) -> list[int]:
    """The ids that the batch's mask lets through, in order: of pairs first all chosen sides, then all rejected ones."""
    ids: list[int] = []
    match task:
        case "sft" | "text":
            ids = batch["labels"][batch["labels"] != IGNORED].tolist()
        case "dpo" | "kto":
            ids = batch["input_ids"][batch["completion_mask"].bool()].tolist()
        case "reward":
            ids = batch["input_ids"][batch["attention_mask"].bool()].tolist()
        case "orpo":
            for side in ("chosen_labels", "rejected_labels"):
                labels = torch.as_tensor(batch[side])
                ids += labels[labels != IGNORED].tolist()
    return ids


def _expected_ids(task: str, sides: list[tuple[Rendered, ...]], rows: list[Columns], packed: bool) -> list[int]:
    made = [columns_of(task, side, row) for side, row in zip(sides, rows, strict=True)]
    if task in ("sft", "text"):
        return [token for side in sides for token in _trained_labels(side[0], packed)]
    names = ["completion_ids"] if task == "kto" else ["chosen_ids", "rejected_ids"]
    return [token for name in names for columns in made for token in columns[name]]


def _warn_of_lossy_vocabulary(job: Job, tokenizer: Any, numbers: list[int], sides: list[tuple[Rendered, ...]]) -> None:
    """Say so where the trained tokens, decoded, are not the trained text (white space aside)."""
    for number, row_sides in zip(numbers, sides, strict=True):
        for side in row_sides:
            wanted = "".join(side.trained_text)
            ids = [token for token, trained in zip(side.ids, side.labels_mask, strict=True) if trained]
            written = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            # A cut or a boundary can fall into the middle of a character, which then reads as another.
            whole = not {note.kind for note in side.notes} & {"boundary", "text_cut", "prompt_cut"}
            if whole and "".join(written.split()) != "".join(wanted.split()):
                job.warn(
                    "mask",
                    f"The trained tokens of row {number} read {clip(written, 80)!r}, and its answer is "
                    f"{clip(wanted, 80)!r}: the vocabulary cannot write this answer as it is.",
                    "The model will learn what its vocabulary can write. Is this the right tokenizer?",
                )
                return


def _other_tokens(tokenizer: Any, numbers: list[int], trained: list[int], expected: list[int]) -> TrainerError:
    at = next((i for i, pair in enumerate(zip(trained, expected, strict=False)) if pair[0] != pair[1]), 0)
    shown = [tokenizer.decode(ids[at : at + SHOWN_TOKENS]) for ids in (trained, expected)]
    return TrainerError(
        "The batch trains other tokens than the answers",
        f"{named_rows(numbers)}: trained is {shown[0]!r} where the answer has {shown[1]!r}",
        "Remove data/tokens-*; if it happens again, this is a bug in ftui.",
        reason="data",
    )


def _rows_by_number(job: Job, numbers: list[int]) -> list[Columns]:
    """These rows of data/train.jsonl, in the order asked for; the others are not even parsed."""
    wanted, found, number = set(numbers), dict[int, Columns](), -1
    source = job.folder / "data" / "train.jsonl"
    with source.open("rb") as file:
        for line_number, line in enumerate(file, 1):
            if not line.strip():
                continue
            number += 1
            if number in wanted:
                found[number] = parse_row(source, line_number, line)
                if len(found) == len(wanted):
                    break
    return [found[number] for number in numbers]
