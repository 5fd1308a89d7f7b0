"""Collect what a run's report shows from its files, and write report.md and report.html into it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ftui.core.events import Eval, Memory, Step
from ftui.core.rating import summarize
from ftui.core.report import ReportData, markdown_report
from ftui.core.report_html import html_report
from ftui.core.secrets import redact, secrets_of
from ftui.services.files import read_json, read_object, write_atomic
from ftui.services.runs import Run
from ftui.services.tail import EventTail


def report_data(run: Run) -> ReportData:
    """Everything that the report of this run shows. Raises FtuiError where its plan is broken."""
    losses: dict[int, float] = {}
    eval_losses: dict[int, float] = {}
    peak = 0
    for path in (run.trainer_events, run.supervisor_events):
        tail = EventTail(path)
        while not tail.at_end():
            before = tail.offset
            for stamped in tail.events():
                event = stamped.event
                # A resumed run repeats the steps after its checkpoint: the last word on a step counts.
                if isinstance(event, Step) and event.metrics.get("loss") is not None:
                    losses[event.step] = float(event.metrics["loss"] or 0.0)
                elif isinstance(event, Eval) and event.metrics.get("eval_loss") is not None:
                    eval_losses[event.step] = float(event.metrics["eval_loss"] or 0.0)
                elif isinstance(event, Memory):
                    peak = max(peak, event.allocated_peak_bytes or 0, event.tensors_bytes or 0)
            if tail.offset == before:
                break
    prediction = read_object(run.path / "fit.json")
    # On a CPU only what is held between steps is measured.
    like = "predicted_resident_bytes" if prediction.get("device") == "cpu" else "predicted_allocated_bytes"
    memory = {"predicted_bytes": prediction.get(like), "measured_bytes": peak or None}
    samples = read_samples(run.path / "eval" / "samples.jsonl")
    from ftui.services.judge import current_judgement
    from ftui.services.rating import read_ratings

    people = summarize(read_ratings(run.path, samples))
    return ReportData(
        run=run.name,
        plan=run.plan(),
        verdict=read_verdict(run.verdict_file),
        samples=samples,
        losses=sorted(losses.items()),
        eval_losses=sorted(eval_losses.items()),
        manifest=read_object(run.path / "data" / "manifest.json"),
        environment=read_object(run.path / "environment.json"),
        memory=memory,
        people=people.as_json() if people else {},
        judge=current_judgement(run.path),
        harness=read_object(run.path / "eval" / "lm-eval.json"),
    )


_FIGURES = ("base", "tuned", "delta", "ci_low", "ci_high", "n")


def read_verdict(path: Path) -> dict[str, Any] | None:
    """verdict.json, or None where it is missing or somebody broke it."""
    verdict = read_json(path)
    if not isinstance(verdict, dict) or not isinstance(verdict.get("verdict"), str):
        return None
    metrics, reasons = verdict.get("metrics"), verdict.get("reasons")
    if not isinstance(metrics, dict) or not isinstance(reasons, list) or "primary" not in verdict:
        return None
    for metric in metrics.values():
        if not isinstance(metric, dict) or not all(isinstance(metric.get(name), int | float) for name in _FIGURES):
            return None
    return verdict


def write_reports(run: Run) -> tuple[Path, Path]:
    """Write report.md and report.html into the run's folder and give their paths. Raises OSError."""
    data = report_data(run)
    markdown, page = run.path / "report.md", run.path / "report.html"
    secrets = secrets_of(os.environ)
    write_atomic(markdown, redact(markdown_report(data), known=secrets))
    write_atomic(page, redact(html_report(data), known=secrets))
    return markdown, page


def read_samples(path: Path) -> list[dict[str, Any]]:
    """The compared answers, row by row; [] where there are none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found
