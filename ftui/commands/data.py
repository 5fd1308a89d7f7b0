"""Look at datasets and make new ones out of them. Nothing is ever changed in place.

ftui data show train.jsonl --rows 0:5           rows as people read them
ftui data show train.jsonl --grep refund        rows whose text holds a word
ftui data convert alpaca.json -o chat.jsonl     to chat messages (also: --to sharegpt, completion, kto ...)
ftui data convert dpo.jsonl --to kto -o kto.jsonl
ftui data split all.jsonl --eval 0.1            all.train.jsonl and all.eval.jsonl, no leak between them
ftui data mix train.jsonl general.jsonl --share 0.05 -o mixed.jsonl
                                                5 % general rows, against forgetting
ftui data fingerprint train.jsonl               hashes of the content, whatever the file format
ftui data review train.jsonl                    keep, drop or edit row by row; saved as you go
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.text import clip, plural, safe
from ftui.errors import EXIT_NO, FtuiError

if TYPE_CHECKING:
    from ftui.services.dataset import Dataset
    from ftui.services.dataset_edit import Outcome

SHOWN_ROWS = 10


def configure(parser: argparse.ArgumentParser) -> None:
    from ftui.core.convert import TARGETS

    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = _action(commands, "show", "rows as people read them")
    show.add_argument("file", metavar="FILE")
    show.add_argument("--rows", metavar="A:B", help=f"row numbers, from 0 (default: the first {SHOWN_ROWS})")
    show.add_argument("--grep", metavar="TEXT", help="only rows whose text holds this, in any case")
    show.add_argument("--raw", action="store_true", help="the rows as they stand in the file, not in canonical form")
    show.add_argument("--json", action="store_true", help="one JSON document")
    _mapping_arguments(show)

    convert = _action(commands, "convert", "into another format")
    convert.add_argument("file", metavar="FILE")
    convert.add_argument(
        "-o", "--output", type=Path, required=True, metavar="NEW", help=".jsonl .jsonl.gz .json .csv .tsv .parquet"
    )
    convert.add_argument("--to", choices=TARGETS, default="chat", help="default: chat")
    _output_arguments(convert)

    split = _action(commands, "split", "into train and eval, without leaks")
    split.add_argument("file", metavar="FILE")
    split.add_argument("--eval", type=float, default=0.1, metavar="X", help="share of rows to hold out (default 0.1)")
    split.add_argument("--test", type=float, default=0.0, metavar="X", help="share of a third file (default none)")
    split.add_argument("--output-dir", type=Path, metavar="FOLDER", help="default: beside the file")
    split.add_argument("--no-near", action="store_true", help="do not look for near duplicates")
    split.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same split")
    _output_arguments(split)

    mix = _action(commands, "mix", "a share of other rows among them")
    mix.add_argument("file", metavar="FILE")
    mix.add_argument("others", nargs="+", metavar="OTHER", help="dataset, or dataset:SHARE")
    mix.add_argument(
        "--share", type=float, default=0.05, metavar="X", help="share of each OTHER without its own (0.05)"
    )
    mix.add_argument("-o", "--output", type=Path, required=True, metavar="NEW", help="the new file")
    mix.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same order")
    _output_arguments(mix)

    mark = _action(commands, "fingerprint", "hashes of the content")
    mark.add_argument("files", nargs="+", metavar="FILE")
    mark.add_argument("--json", action="store_true", help="one JSON document")
    _mapping_arguments(mark)

    review = _action(commands, "review", "keep, drop or edit row by row")
    review.add_argument("file", metavar="FILE")
    review.add_argument("--all", action="store_true", help="also rows that were decided before")
    review.add_argument("--plain", action="store_true", help="in lines, also where a screen could be shown")
    review.add_argument("-o", "--output", type=Path, metavar="NEW", help="write the kept and edited rows, and stop")
    review.add_argument("--decided-only", action="store_true", help="with -o: leave out rows not looked at yet")


def _action(commands: Any, name: str, does: str) -> argparse.ArgumentParser:
    words = f"{does[0].upper()}{does[1:]}. Examples: ftui data --help"
    made: argparse.ArgumentParser = commands.add_parser(name, help=does, description=words, allow_abbrev=False)
    return made


def _mapping_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--map", metavar="NAME=COLUMN", action="append", help="name a column, e.g. prompt=question")
    parser.add_argument(
        "--task", default="", help="what the rows are for (grpo reads prompts with an answer as prompts)"
    )


def _output_arguments(parser: argparse.ArgumentParser) -> None:
    _mapping_arguments(parser)
    parser.add_argument("--force", action="store_true", help="replace files that are there already")
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON document")


def run(args: argparse.Namespace) -> int:
    actions = {"show": _show, "convert": _convert, "split": _split, "mix": _mix, "fingerprint": _fingerprint,
               "review": _review}  # fmt: skip
    return actions[args.action](args)


def _open(args: argparse.Namespace, path: str) -> Dataset:
    from ftui.commands.lint import _mapping
    from ftui.services.dataset import readable_dataset

    return readable_dataset(path, mapping=_mapping(args.map) or None, task=args.task)


def _show(args: argparse.Namespace) -> int:
    from ftui.core.canonical import canonical
    from ftui.core.conversations import RowError
    from ftui.services.dataset_edit import as_text

    data = _open(args, args.file)
    wanted = (args.grep or "").lower()
    first, last = _row_range(args.rows or ("0:" if wanted else f"0:{SHOWN_ROWS}"))
    shown: list[dict[str, Any]] = []
    for row in data.rows():
        if row.index >= last:
            break
        if row.index < first or (wanted and not _holds(row.data, wanted)):
            continue
        entry: dict[str, Any] = {"index": row.index, "line": row.line, "row": row.data}
        if not args.raw:
            try:
                entry["row"] = canonical(row.data, data.format_of(row.data))
            except RowError as error:
                entry["problem"] = str(error)
        shown.append(entry)
        if wanted and args.rows is None and len(shown) >= SHOWN_ROWS:
            break
    if args.json:
        print(json.dumps({"schema_version": 1, "path": args.file, "rows": shown}, ensure_ascii=True, indent=1))
        return 0
    for entry in shown:
        line = f" (line {entry['line']:,})" if entry["line"] is not None else ""
        print(f"-- row {entry['index']:,}{line}" + (f"  ! {safe(entry['problem'])}" if "problem" in entry else ""))
        print(safe(as_text(entry["row"]), newlines=True, tabs=True))
    if not shown:
        which = f"No row of {args.file} holds {args.grep!r}" if wanted else f"No such row in {args.file}"
        print(f"{safe(which)}.", file=sys.stderr)
        return EXIT_NO
    return 0


def _holds(value: object, wanted: str) -> bool:
    """Whether a text anywhere in the row has these lower-case words in it, in any case."""
    if isinstance(value, dict):
        return any(_holds(part, wanted) for part in value.values())
    if isinstance(value, list):
        return any(_holds(part, wanted) for part in value)
    return wanted in str(value).lower()


def _row_range(text: str) -> tuple[int, int]:
    """First row and the one after the last. Raises FtuiError."""
    first, colon, last = text.partition(":")
    try:
        start = int(first or 0)
        return start, int(last) if last else (sys.maxsize if colon else start + 1)
    except ValueError:
        raise FtuiError("--rows needs numbers", f"got {text!r}", "Example: --rows 0:5, or --rows 17") from None


def _convert(args: argparse.Namespace) -> int:
    from ftui.services.dataset_edit import convert_dataset

    outcome = convert_dataset(_open(args, args.file), args.to, args.output, overwrite=args.force)
    return _told(args, outcome)


def _split(args: argparse.Namespace) -> int:
    from ftui.services.dataset_edit import split_dataset

    if not (0 < args.eval < 1 and 0 <= args.test < 1 and args.eval + args.test < 1):
        raise FtuiError("The shares make no split", "--eval and --test together must be below 1", "Example: --eval 0.1")
    data = _open(args, args.file)
    source = data.sources[0].path if args.file != "-" else Path("stdin")
    folder = args.output_dir or source.parent
    is_new = not folder.exists()
    make_folder(folder)
    stem = source.name.split(".")[0] if source.suffix else source.name
    names = [("train", 0.0), ("eval", args.eval), *([("test", args.test)] if args.test else [])]
    parts = [(folder / f"{stem}.{name}.jsonl", share) for name, share in names]
    try:
        return _told(args, split_dataset(data, parts, args.seed, near=not args.no_near, overwrite=args.force))
    finally:
        if is_new:  # a split that failed or was interrupted leaves nothing; a folder with files in it stays
            with contextlib.suppress(OSError):
                folder.rmdir()


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FtuiError("The folder cannot be made", f"{folder}: {error.strerror}", "Name another one.") from None


def _mix(args: argparse.Namespace) -> int:
    from ftui.services.dataset_edit import mix_datasets

    others = []
    for text in args.others:
        path, colon, share = text.rpartition(":")
        try:
            given = (path, float(share)) if colon and not Path(text).exists() else (text, args.share)
        except ValueError:
            given = (text, args.share)
        others.append((_open(args, given[0]), given[1]))
    return _told(args, mix_datasets(_open(args, args.file), others, args.output, args.seed, overwrite=args.force))


def _told(args: argparse.Namespace, outcome: Outcome) -> int:
    """Say what was written and what was left out; exit code 1 when nothing came of it."""
    written = sum(outcome.files.values())
    if args.json:
        document = {"schema_version": 1, "files": outcome.files, "dropped": dict(outcome.dropped)}
        print(json.dumps(document, indent=1))
    else:
        for path, rows in outcome.files.items():
            print(f"{plural(rows, 'row'):>14}  {safe(path)}")
        if outcome.dropped:
            print(f"{plural(outcome.dropped.total(), 'row')} left out:", file=sys.stderr)
            for reason, count in outcome.dropped.most_common(5):
                print(f"  {count:,}: {clip(reason, 100)}", file=sys.stderr)
            print(f"  first: {clip('; '.join(outcome.examples[:2]), 100)}", file=sys.stderr)
    return 0 if written else EXIT_NO


def _fingerprint(args: argparse.Namespace) -> int:
    from ftui.services.dataset_fingerprint import fingerprint
    from ftui.services.dataset_write import file_sha256

    documents = []
    for path in args.files:
        data = _open(args, path)
        made = fingerprint(row.data for row in data.canonical_rows())
        files = [{"path": str(s.path), "bytes": s.size_bytes, "sha256": file_sha256(s.path)} for s in data.sources]
        documents.append({"path": path, "rows": made.rows, "left_out": data.tally.records - made.rows,
                          "ordered": made.ordered, "unordered": made.unordered, "files": files})  # fmt: skip
    if args.json:
        print(json.dumps({"schema_version": 1, "datasets": documents}, indent=1))
        return 0
    for document in documents:
        left = f" ({document['left_out']:,} left out)" if document["left_out"] else ""
        print(f"{safe(str(document['path']))}: {plural(int(document['rows']), 'row')}{left}")
        print(f"  in this order   {document['ordered']}")
        print(f"  in any order    {document['unordered']}")
    return 0


def _review(args: argparse.Namespace) -> int:
    from ftui.commands.data_review import walk
    from ftui.services.dataset_review import Review
    from ftui.tui.open import can_show, show_review

    review = Review(args.file)
    if args.output is not None:
        if args.output.exists() and args.output.samefile(review.data.sources[0].path):
            raise FtuiError("A review never overwrites its input", str(args.output), "Name another file.")
        rows = review.export(args.output, with_open=not args.decided_only)
        print(f"{plural(rows, 'row'):>14}  {safe(str(args.output))}")
        return 0
    if not args.plain and can_show():
        return show_review(Path(args.file), everything=args.all)
    return walk(review, everything=args.all)
