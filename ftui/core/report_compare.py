"""Several runs on one HTML page: metrics, curves in one chart, and what differs."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ftui.core.report_charts import curves_svg
from ftui.core.report_html import POLICY, STYLE
from ftui.core.text import safe


def comparison_page(names: Sequence[str], comparison: Mapping[str, Any]) -> str:
    """The page, self-contained. names: what to call the runs; comparison: services/compare.py's, as plain data."""
    rows: list[tuple[str, Sequence[Any]]] = [("status", comparison["statuses"]), ("verdict", comparison["verdicts"])]
    rows += comparison["metrics"].items()
    unique = [name if list(names).count(name) == 1 else f"{name} ({place + 1})" for place, name in enumerate(names)]
    held_out = {f"{name}": curve for name, curve in zip(unique, comparison["curves"], strict=True)}
    train = {f"{name}": curve for name, curve in zip(unique, comparison["train_curves"], strict=True)}
    parts = ["<h1>Runs compared</h1>", _table(unique, rows)]
    if not comparison["same_rows"]:
        parts.append("<p><b>Scored on different held-out rows: the metrics of answers cannot be compared.</b></p>")
    parts += ["<h2>Held-out loss</h2>", curves_svg(held_out, points=frozenset(unique))]
    parts += ["<h2>Train loss</h2>", curves_svg(train)]
    differing = list(comparison["differences"].items())
    parts.append("<h2>What differs</h2>" + (_table(unique, differing) if differing else "<p>Nothing.</p>"))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<title>Runs compared</title>\n'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _table(names: Sequence[str], rows: Sequence[tuple[str, Sequence[Any]]]) -> str:
    head = "".join(f"<th>{_escaped(name)}" for name in names)
    body = "".join(
        f"<tr><td>{_escaped(name)}" + "".join(f"<td>{_escaped(_shown(value))}" for value in values) + "</tr>"
        for name, values in rows
    )
    return f"<table><tr><th>{head}</tr>{body}</table>"


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _escaped(text: object) -> str:
    return html.escape(safe(str(text), newlines=True))
