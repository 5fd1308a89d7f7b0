"""`ftui runs compare A B ...`: metrics in columns, curves in one chart, then everything that differs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ftui.core.text import clip, safe
from ftui.errors import EXIT_OK, FtuiError
from ftui.services.compare import Comparison
from ftui.services.runs import Run

COLUMN = 22


def compare(runs: list[Run], *, as_json: bool, page: Path | None = None) -> int:
    """Print the comparison; at least two runs. page: an HTML file to write it into as well."""
    from ftui.services.compare import compare_runs

    if len(runs) < 2:
        raise FtuiError("One run cannot be compared", runs[0].name, "Name two or more: ftui runs compare A B")
    comparison = compare_runs(runs)
    if page is not None:
        _write_page(page, comparison)
    if as_json:
        print(json.dumps(asdict(comparison), indent=2))
        return EXIT_OK
    width = max([len(name) for name in (*comparison.metrics, *comparison.differences)] + [12])
    print(" " * width + "".join(f"  {clip(name, COLUMN):>{COLUMN}}" for name in short_names(comparison.runs)))
    print(f"{'status':<{width}}" + "".join(f"  {status:>{COLUMN}}" for status in comparison.statuses))
    print(f"{'verdict':<{width}}" + "".join(f"  {verdict or '-':>{COLUMN}}" for verdict in comparison.verdicts))
    for name, values in comparison.metrics.items():
        print(f"{name:<{width}}" + "".join(f"  {_number(value):>{COLUMN}}" for value in values))
    if not comparison.same_rows:
        print("\nScored on different held-out rows: the metrics of answers cannot be compared.")
        print("On the same rows: ftui eval A --against B")
    print("\nWhat differs:" if comparison.differences else "\nPlan, data, model and versions are the same.")
    for name, differing in comparison.differences.items():
        print(f"{name:<{width}}" + "".join(f"  {clip(_shown(value), COLUMN):>{COLUMN}}" for value in differing))
    if page is not None:
        print(f"\nReport: {safe(str(page))}")
    return EXIT_OK


def _write_page(page: Path, comparison: Comparison) -> None:
    from ftui.core.report_compare import comparison_page
    from ftui.services.files import write_atomic

    names = short_names(comparison.runs)
    try:
        write_atomic(page.absolute(), comparison_page(names, asdict(comparison)))
    except OSError as error:
        raise FtuiError("The page cannot be written", f"{page}: {error.strerror}") from None


def short_names(names: list[str]) -> list[str]:
    """Names without the date where they stay different; else their ends, which hold the time and the name."""
    short = [name.split("-", 2)[-1] for name in names]
    return short if len(set(short)) == len(short) else [name[-COLUMN:] for name in names]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _shown(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)
