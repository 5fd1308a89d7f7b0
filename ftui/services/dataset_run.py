"""A run's own copy of its data: canonical rows in train.jsonl and eval.jsonl, and where they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from ftui.core.canonical import canonical, canonical_kind
from ftui.core.conversations import RowError
from ftui.core.formats import Format, format_from_mapping, format_named
from ftui.core.lint.model import Severity
from ftui.errors import EXIT_NO, FtuiError
from ftui.services.dataset_fingerprint import fingerprint
from ftui.services.dataset_split import Groups, choose_eval
from ftui.services.dataset_write import RowWriter, file_sha256, stored_rows
from ftui.services.files import write_json

MAX_DROPPED_LISTED = 1000


@dataclass
class Part:
    """One file of the run's data. rows: how many it holds; fingerprint: over its canonical rows."""

    rows: int
    fingerprint_ordered: str
    fingerprint_unordered: str


@dataclass
class DataManifest:
    """What `manifest.json` holds.

    kind: the canonical kind of every row. sources: per part the files it was made of, with bytes and SHA-256.
    dropped_rows: how many records are in no part, by reason; dropped: the first thousand of them with row and line.
    """

    kind: str
    format: str
    seed: int
    sources: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    dropped_rows: dict[str, int] = field(default_factory=dict)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    schema_version: int = 1


def prepare_run_data(
    train_path: str | Path,
    eval_path: str | Path | None,
    out_dir: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    eval_fraction: float = 0.1,
    eval_rows: int | None = 500,
    seed: int = 0,
    format: str = "auto",
    task: str = "",
    replay_path: str | Path | None = None,
    replay_fraction: float = 0.0,
) -> DataManifest:
    """Write train.jsonl, eval.jsonl, replay.jsonl (when asked) and manifest.json into `out_dir`.

    Without `eval_path`, a folder's own eval split is used, else `eval_fraction` of the rows (`eval_rows` at most) is
    held out: deterministic in `seed`, rows with the same prompt or content on one side. replay.jsonl holds as many
    general rows as make `replay_fraction` of train and replay together. Rows that cannot be used are left out and
    counted with their reasons. Raises FtuiError when nothing is left, or a file cannot be read.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in ("train", "eval", "replay"):
        (out_dir / f"{name}.jsonl").unlink(missing_ok=True)
    manifest = DataManifest("", format, seed)
    how = _How(mapping, format, task)
    whole, own_eval = _sources(train_path, how)
    manifest.sources["train"] = _described(whole)
    unsplit = out_dir / ".rows.jsonl"
    try:
        groups = Groups()
        _write_rows(whole, unsplit, how, manifest, groups.add)
        if not groups.keys:
            raise FtuiError(
                "No row of the training data can be used",
                f"{train_path}: {_reasons(manifest)}",
                f"Look at it: ftui lint {quote(str(train_path))}",
                EXIT_NO,
            )
        held_out: set[int] = set()
        if eval_path is not None or own_eval:
            data = own_eval if eval_path is None else _sources(eval_path, how)[0]
            manifest.sources["eval"] = _described(data)
            _write_rows(data, out_dir / "eval.jsonl", how, manifest, lambda row: None)
        elif eval_fraction > 0:
            wanted = max(1, round(eval_fraction * len(groups.keys)))
            held_out = choose_eval(groups, wanted if eval_rows is None else min(wanted, eval_rows), seed)
        _divide(
            unsplit, held_out, out_dir / "train.jsonl", None if "eval" in manifest.sources else out_dir / "eval.jsonl"
        )
    finally:
        unsplit.unlink(missing_ok=True)
    if replay_path is not None and replay_fraction > 0:
        _write_replay(replay_path, out_dir, manifest, how, replay_fraction, len(groups.keys) - len(held_out))
    for name in ("train", "eval", "replay"):
        path = out_dir / f"{name}.jsonl"
        if path.exists():
            made = fingerprint(stored_rows(path))
            manifest.parts[name] = Part(made.rows, made.ordered, made.unordered)
    write_json(out_dir / "manifest.json", asdict(manifest))
    return manifest


@dataclass
class _How:
    """How rows are read: the user's mapping, the format they asked for, the task; `kind` is that of the first row."""

    mapping: Mapping[str, str] | None
    format: str
    task: str
    kind: str = ""

    def canonical(self, row: dict[str, Any], detect: Callable[[Mapping[str, Any]], Format]) -> dict[str, Any]:
        if self.mapping:
            chosen = format_from_mapping(self.mapping)
        elif self.format not in ("", "auto"):
            chosen = format_named(self.format, row)
        else:
            chosen = detect(row)
        made = canonical(row, chosen)
        kind = canonical_kind(made)
        self.kind = self.kind or kind
        if kind != self.kind:
            raise RowError("", f"the row is {kind}, the rows before are {self.kind}")
        return made


def _sources(path: str | Path, how: _How) -> tuple[Any, Any]:
    """The dataset of a path, and the eval split that its folder has, if any."""
    from ftui.services.dataset import readable_dataset

    data = readable_dataset(path, mapping=how.mapping, task=how.task)
    held_out = data.only_split("validation") if any(s.split == "validation" for s in data.sources) else None
    held_out = held_out or (data.only_split("test") if any(s.split == "test" for s in data.sources) else None)
    if held_out is None or len(data.sources) == len(held_out.sources):
        return data, None
    return data.only_split("train", ""), held_out


def _described(data: Any) -> list[dict[str, Any]]:
    return [
        {"path": str(source.path.absolute()), "bytes": source.size_bytes, "sha256": file_sha256(source.path)}
        for source in data.sources
    ]


def _write_rows(
    data: Any, path: Path, how: _How, manifest: DataManifest, seen: Callable[[dict[str, Any]], None]
) -> None:
    reasons: Counter[str] = Counter(manifest.dropped_rows)

    def drop(row: int | None, line: int | None, reason: str) -> None:
        reasons[reason] += 1
        if len(manifest.dropped) < MAX_DROPPED_LISTED:
            manifest.dropped.append({"source": data.path, "row": row, "line": line, "reason": reason})

    with RowWriter(path) as out:
        for row in data.rows():
            try:
                made = how.canonical(row.data, data.format_of)
                out.write(made)
            except RowError as error:
                drop(row.index, row.line, f"{error.pointer}: {error}" if error.pointer else str(error))
            else:
                seen(made)
    unreadable = data.tally.records - data.tally.readable
    if unreadable:
        for finding in data.findings:
            if finding.row is not None and finding.severity == Severity.ERROR and unreadable:
                unreadable -= 1
                drop(finding.row, finding.line, f"{finding.code}: {finding.message}")
        if unreadable:
            reasons["could not be read"] += unreadable
    manifest.kind = how.kind
    manifest.dropped_rows = dict(reasons)


def _divide(unsplit: Path, held_out: set[int], train: Path, held: Path | None) -> None:
    def lines() -> Iterator[bytes]:
        with unsplit.open("rb") as file:
            yield from file

    with RowWriter(train) as out:
        for number, line in enumerate(lines()):
            if number not in held_out:
                out.write_line(line)
    if held is not None:
        with RowWriter(held) as out:
            for number, line in enumerate(lines()):
                if number in held_out:
                    out.write_line(line)


def _write_replay(
    path: str | Path, out_dir: Path, manifest: DataManifest, how: _How, fraction: float, train_rows: int
) -> None:
    """A sample of the general rows, chosen by hash, so that they are `fraction` of training and replay together."""
    own = _How(None, "auto", how.task, how.kind)  # the mapping and the format are those of the training rows
    data = _sources(path, own)[0]
    manifest.sources["replay"] = _described(data)
    all_rows = out_dir / ".replay-rows.jsonl"
    try:
        groups = Groups()
        _write_rows(data, all_rows, own, manifest, groups.add)
        wanted = round(train_rows * fraction / (1 - fraction))
        everything = set(range(len(groups.keys)))
        chosen = everything if wanted >= len(everything) else choose_eval(groups, wanted, manifest.seed)
        _divide(all_rows, everything - chosen, out_dir / "replay.jsonl", None)
    finally:
        all_rows.unlink(missing_ok=True)


def _reasons(manifest: DataManifest) -> str:
    most = sorted(manifest.dropped_rows.items(), key=lambda item: -item[1])[:3]
    return "; ".join(f"{count:,} rows: {reason}" for reason, count in most) or "there are no rows"
