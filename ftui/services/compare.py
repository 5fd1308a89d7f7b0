"""Several runs side by side: their metrics, and what differs in plan, data, model and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftui.core.plan import to_mapping
from ftui.services.files import read_object
from ftui.services.report import report_data
from ftui.services.run_list import summarize
from ftui.services.runs import Run


@dataclass(frozen=True)
class Comparison:
    """All lists hold one entry per run. verdicts: SHIP, DONT_SHIP, INCONCLUSIVE or "". metrics: name -> values.
    differences: what differs, by dotted name -> values. curves: held-out loss, train_curves: train loss, each as
    (step, loss). same_rows: whether all were scored on the same held-out rows; metrics of different rows are no
    comparison."""

    runs: list[str]
    statuses: list[str]
    verdicts: list[str]
    metrics: dict[str, list[float | None]]
    differences: dict[str, list[Any]]
    curves: list[list[tuple[int, float]]]
    train_curves: list[list[tuple[int, float]]]
    same_rows: bool = True


def compare_runs(runs: list[Run]) -> Comparison:
    """Compare runs. Raises FtuiError where a plan is broken."""
    reports = [report_data(run) for run in runs]
    metrics: dict[str, list[float | None]] = {}
    for index, report in enumerate(reports):
        for name, value in ((report.verdict or {}).get("metrics") or {}).items():
            metrics.setdefault(f"tuned {name}", [None] * len(runs))[index] = value["tuned"]
    finals = [dict(report.eval_losses) for report in reports]
    metrics["lowest held-out loss"] = [min(curve.values(), default=None) for curve in finals]
    metrics["last train loss"] = [report.losses[-1][1] if report.losses else None for report in reports]
    metrics["peak bytes"] = [report.memory.get("measured_bytes") for report in reports]
    facts = [_facts(run) for run in runs]
    names = sorted({name for fact in facts for name in fact})
    rows = {name: [fact.get(name) for fact in facts] for name in names}
    return Comparison(
        runs=[run.name for run in runs],
        statuses=[summarize(run).status for run in runs],
        verdicts=[str((report.verdict or {}).get("verdict", "")) for report in reports],
        metrics={name: values for name, values in metrics.items() if any(value is not None for value in values)},
        differences={name: values for name, values in rows.items() if any(value != values[0] for value in values)},
        curves=[list(report.eval_losses) for report in reports],
        train_curves=[list(report.losses) for report in reports],
        same_rows=len({_rows_digest(report.samples) for report in reports if report.samples}) < 2,
    )


def _rows_digest(samples: Sequence[Mapping[str, Any]]) -> str:
    """Of the prompts and wanted answers that a run was scored on."""
    asked = [[row.get("prompt"), row.get("reference")] for row in samples]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _facts(run: Run) -> dict[str, Any]:
    """Everything that may explain a difference, by dotted name."""
    plan = to_mapping(run.plan())
    facts = {
        f"{section}.{key}": value
        for section, values in plan.items()
        if isinstance(values, dict) and section not in ("reasons", "run")
        for key, value in values.items()
    }
    environment = read_object(run.path / "environment.json")
    facts |= {f"version {name}": version for name, version in _object(environment.get("packages")).items()}
    facts["model fingerprint"] = str(_object(environment.get("model")).get("sha256") or "")[:16]
    manifest = read_object(run.path / "data" / "manifest.json")
    for part, values in _object(manifest.get("parts")).items():
        facts[f"data {part} fingerprint"] = str(_object(values).get("fingerprint_unordered", ""))[:16]
    return facts


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
