"""`python -m ftui.services.preview DATA [--model FOLDER] [--max-length N]`: how long rows are, and what is trained.

A process of its own: rendering a few hundred rows takes a second or more. Prints one JSON document. Without a model,
the tokenizer of the tiny model that ships with ftui counts: its vocabulary is small, so its counts are upper bounds.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from ftui.core.render import Options, Rendered, RenderError, render_row
from ftui.errors import FtuiError
from ftui.services.paths import sample_data

MOST_ROWS = 400
SHOWN_ROWS = 20
_LONGEST_ROW_TEXT = 12_000


def preview(data: str, model: Path | None, max_length_tokens: int | None) -> dict[str, Any]:
    """Lengths of the first rows in tokens, and the first of them as pieces of text that are trained or not.

    Keys: tokenizer, stands_in (whether it is not the chosen model's), lengths, over (rows longer than the limit),
    untrained (rows without a trained token), refused (rows that cannot be written, with reasons), rows
    [{index, tokens, trained, dropped, notes, pieces: [[text, trained, special], ...]}], a piece a token. Raises
    FtuiError.
    """
    from ftui.services.dataset import readable_dataset
    from ftui.services.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(model or sample_data() / "tiny-model")
    shown: list[dict[str, Any]] = []
    lengths: list[int] = []
    refused: list[str] = []
    over = untrained = 0
    for row in islice(readable_dataset(data).canonical_rows(), MOST_ROWS):
        try:
            sides = render_row(tokenizer.dialect, row.data, Options(max_length=max_length_tokens))
        except RenderError as error:
            refused.append(f"row {row.index}: {error}")
            continue
        whole = max(side.total_tokens for side in sides)
        lengths.append(whole)
        over += bool(max_length_tokens and whole > max_length_tokens)
        untrained += not any(side.trained_tokens for side in sides) and not any(side.dropped for side in sides)
        if len(shown) < SHOWN_ROWS:
            shown += [_row(row.index, side, tokenizer.dialect.special_tokens) for side in sides]
    return {
        "schema_version": 1,
        "tokenizer": tokenizer.name,
        "stands_in": model is None,
        "lengths": lengths,
        "over": over,
        "untrained": untrained,
        "refused": refused[:20],
        "rows": shown,
    }


def _row(index: int, side: Rendered, specials: frozenset[str]) -> dict[str, Any]:
    return {
        "index": index,
        "tokens": side.total_tokens,
        "trained": side.trained_tokens,
        "dropped": side.dropped,
        "notes": [note.message for note in side.notes],
        "pieces": _tokens(side, specials),
    }


def _tokens(side: Rendered, specials: frozenset[str]) -> list[list[Any]]:
    """Every token as [text, whether it is trained, whether it is a special one], up to a screenful or two."""
    made: list[list[Any]] = []
    length = 0
    for text, _, trained in side.pieces:
        made.append([text, trained, text.strip() in specials])
        length += len(text)
        if length > _LONGEST_ROW_TEXT:
            made.append([" ...", False, False])
            break
    return made


def main(arguments: list[str]) -> int:
    """Print the preview; 2 with a sentence on stderr where there is none."""
    parser = argparse.ArgumentParser(prog="python -m ftui.services.preview", description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        sys.stdout.write(json.dumps(preview(given.data, given.model, given.max_length)) + "\n")
    except FtuiError as error:
        sys.stderr.write(f"ftui: {error}\n" + (f"      {error.hint}\n" if error.hint else ""))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
