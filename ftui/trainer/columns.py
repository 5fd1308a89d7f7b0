"""What a row becomes for each task: the columns that its trainer collates, made from the rendered row.

| task | columns |
|---|---|
| sft, text | input_ids, labels |
| dpo, orpo | prompt_ids, chosen_ids, rejected_ids |
| reward | chosen_ids, rejected_ids, each with the prompt |
| kto | prompt_ids, completion_ids, label |
| grpo, rloo | prompt, row_json (the row itself, for the reward functions) |

Always `row`, the 0-based number in the file, and `length` in tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftui.core.canonical import canonical_kind
from ftui.core.render import Dialect, Options, Rendered, render_prompt, render_row
from ftui.core.render_pieces import text_pieces
from ftui.core.task_rows import NEEDS, unusable
from ftui.trainer.failure import TrainerError

if TYPE_CHECKING:
    import pyarrow

IGNORED = -100
"""The label of a token that is not trained."""
ONLINE = ("grpo", "rloo")
SHOWN_ROWS = 8

Columns = dict[str, Any]


def refuse_other_kind(row: Columns, task: str, number: int) -> None:
    """Raise TrainerError where the row is of a kind that the task does not learn from."""
    try:
        kind = canonical_kind(row)
    except ValueError:
        raise TrainerError(
            f"These rows cannot train {task}",
            f"row {number} has the columns {', '.join(sorted(row)) or '(none)'}; {task} needs {NEEDS[task]}",
            "Choose another method.task, or other rows.",
            reason="data",
        ) from None
    if (why := unusable(kind, task, f"row {number}", "ROWS")) is not None:
        raise TrainerError(why.title, why.message, why.hint, reason="data")


def rendered(dialect: Dialect, row: Columns, options: Options, task: str) -> tuple[Rendered, ...]:
    """The row's sides: chosen and rejected of a pair; a text's pieces, each a row to train on; otherwise one.

    Raises RenderError.
    """
    if task == "text" and "text" in row:
        return text_pieces(dialect, row["text"], options)
    if task in ONLINE:
        prompt = row["prompt"] if "prompt" in row else _before_answer(row)
        return (render_prompt(dialect, prompt, row.get("tools"), options),)
    return render_row(dialect, row, options)


def columns_of(task: str, sides: tuple[Rendered, ...], row: Columns) -> Columns:
    """The columns of one row, without `row` and `length`."""
    return _MAKERS[task](sides, row)


def schema_of(task: str) -> pyarrow.Schema:
    """Types of the columns as they are stored."""
    import pyarrow

    kinds = {"ids": pyarrow.list_(pyarrow.int32()), "label": pyarrow.bool_(), "text": pyarrow.string()}
    named = {name: kinds[kind] for name, kind in _KINDS[task].items()}
    return pyarrow.schema({**named, "row": pyarrow.int64(), "length": pyarrow.int32()})


def labels_of(made: Rendered) -> list[int]:
    """Token ids where the token is trained, IGNORED elsewhere."""
    return [token if trained else IGNORED for token, trained in zip(made.ids, made.labels_mask, strict=True)]


def named_rows(numbers: list[int]) -> str:
    """Row numbers in words; negative ones are general rows (rows.with_replay)."""
    if not numbers:
        return "the batch's rows are not known"
    own = [number for number in numbers if number >= 0]
    shown = ", ".join(str(number) for number in own[:SHOWN_ROWS])
    more = ", ..." if len(own) > SHOWN_ROWS else ""
    general = f" and {len(numbers) - len(own)} of replay.jsonl" if len(own) < len(numbers) else ""
    return f"{'row' if len(own) == 1 else 'rows'} {shown}{more} of train.jsonl{general}"


def _before_answer(row: Columns) -> list[Any]:
    """A conversation up to its last answer, for tasks where the model writes that answer itself."""
    messages = list(row["messages"])
    while messages and messages[-1].get("role") == "assistant":
        messages.pop()
    return messages


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


_MAKERS: dict[str, Callable[[tuple[Rendered, ...], Columns], Columns]] = {
    "sft": _sft,
    "text": _sft,
    "dpo": _pair,
    "orpo": _pair,
    "reward": _whole_pair,
    "kto": _judged,
    "grpo": _asked,
    "rloo": _asked,
}
_TRIPLE = {"prompt_ids": "ids", "chosen_ids": "ids", "rejected_ids": "ids"}
_KINDS: dict[str, dict[str, str]] = {
    "sft": {"input_ids": "ids", "labels": "ids"},
    "text": {"input_ids": "ids", "labels": "ids"},
    "dpo": _TRIPLE,
    "orpo": _TRIPLE,
    "reward": {"chosen_ids": "ids", "rejected_ids": "ids"},
    "kto": {"prompt_ids": "ids", "completion_ids": "ids", "label": "label"},
    "grpo": {"prompt": "text", "row_json": "text"},
    "rloo": {"prompt": "text", "row_json": "text"},
}
