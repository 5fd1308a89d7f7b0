"""What the arguments of `ftui lint` mean: files, folders by their splits, and which of them is the eval split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftui.core.lint.catalogue import select_rules
from ftui.core.lint.model import Reporter
from ftui.errors import FtuiError
from ftui.services.dataset import STDIN, Dataset, open_dataset
from ftui.services.dataset_lines import Tally
from ftui.services.dataset_sources import split_of, without_split

if TYPE_CHECKING:
    from ftui.services.lint import LintOptions


@dataclass(frozen=True)
class Target:
    """One thing to report on: a dataset, and the eval split that belongs to it."""

    data: Dataset
    name: str
    split: str = ""
    held_out: bool = False
    eval_data: Dataset | None = None


def targets(arguments: Sequence[str], eval_argument: str | None, options: LintOptions) -> list[Target]:
    """What the arguments of `ftui lint` mean: every file on its own, a folder by its splits.

    Without --eval, files whose names say validation or test are the eval split of the others.
    """
    opened = [_open(argument, options) for argument in arguments]
    parts = [part for data in opened for part in _by_split(data)]
    given = _open(eval_argument, options) if eval_argument is not None else None
    if given is not None and not given.sources:
        first = next((finding.message for finding in given.findings), "no data file was found")
        raise FtuiError("The eval split cannot be read", f"{eval_argument}: {first}", "Name another file with --eval.")
    found = []
    for data, name, split in parts:
        with_train = any(other in ("train", "") for _, _, other in parts)
        # A file called test.jsonl that is given alone may be anything; one called eval.jsonl is what it says.
        held_out = split == "validation" or (split == "test" and with_train)
        eval_data = None if held_out else given or _eval_of(parts)
        found.append(Target(data, name, split, held_out, eval_data))
    return found


def _open(argument: str, options: LintOptions) -> Dataset:
    report = Reporter(select_rules(options.select, options.ignore), options.severities)
    return open_dataset(argument, mapping=options.mapping, task=options.context.task, report=report)


def _by_split(data: Dataset) -> list[tuple[Dataset, str, str]]:
    if len(data.sources) <= 1 or len({source.split for source in data.sources}) == 1:
        only = data.sources[0] if len(data.sources) == 1 else None
        split = (only.split or split_of(only.path.name)) if only else ""
        name = str(only.path) if only and data.path != STDIN else data.path
        return [(data, name if only else data.path, split)]
    parts = []
    for number, split in enumerate(dict.fromkeys(source.split for source in data.sources)):
        part = data.only_split(split)
        if number:
            part.report = data.report.fresh()
        name = str(part.sources[0].path) if len(part.sources) == 1 else f"{data.path} ({split or 'no split'})"
        parts.append((part, name, split))
    return parts


def eval_beside(target: Target) -> str:
    """The name of a file in the same folder that differs from this one in the split alone; "" when there is none."""
    if len(target.data.sources) != 1 or target.data.path == STDIN:
        return ""
    path = target.data.sources[0].path
    mine = without_split(path.name)
    try:
        names = sorted(entry.name for entry, _ in zip(path.parent.iterdir(), range(1000), strict=False))
    except OSError:
        return ""
    for wanted in ("validation", "test"):
        for name in names:
            if name != path.name and split_of(name) == wanted and without_split(name) == mine:
                return name
    return ""


def _eval_of(parts: Sequence[tuple[Dataset, str, str]]) -> Dataset | None:
    if not any(split in ("train", "") for _, _, split in parts):
        return None
    return eval_among([(data, split) for data, _, split in parts])


def eval_among(parts: Sequence[tuple[Dataset, str]]) -> Dataset | None:
    """Of datasets and their splits, the one to evaluate on: all called validation, or else all called test."""
    held_out = [data for data, split in parts if split == "validation"]
    held_out = held_out or [data for data, split in parts if split == "test"]
    if not held_out:
        return None
    sources = tuple(source for data in held_out for source in data.sources)
    return Dataset(held_out[0].path, sources, Reporter({}), Tally(), held_out[0].mapping, held_out[0].task)
