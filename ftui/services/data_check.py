"""`python -m ftui.services.data_check FILE [--model FOLDER] [--max-length N]`: a file's check, small enough to show.

What `ftui lint` finds, in groups by rule: all are counted, the first of each are given with what their fix would
change. A process of its own, so that a screen can go on meanwhile. Prints JSON lines: {"progress": {phase, share,
done_bytes, total_bytes, rows}} now and then and where a phase begins, at the end {"report": ...}. The phases:
"reading", "comparing" (rows that look alike; share: how many of them are done, 0 to 1), "showing" (examples are read
once more). The nearest ftui.toml holds, as it does for `ftui lint`.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ftui.core.lint.catalogue import all_fixes, all_rules
from ftui.core.lint.changes import both_sides, differences
from ftui.core.lint.excerpt import excerpt_of
from ftui.core.lint.model import Context, Finding, Reporter, Severity
from ftui.core.secrets import redact
from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.services.beside import held_out_beside
from ftui.services.dataset import read_source
from ftui.services.dataset_lines import Tally
from ftui.services.lint import FileReport, LintOptions, Progress, lint
from ftui.services.lint_baseline import load_baseline
from ftui.services.lint_config import find_config, load_config, thresholds
from ftui.services.lint_machine import file_document, finding_document
from ftui.services.lint_targets import Target, targets
from ftui.services.lint_tokenizer import tokenizer_folder

SCHEMA_VERSION = 1
SHOWN_FINDINGS, SHOWN_EXAMPLES, SHOWN_PLACES = 40, 3, 3
MOST_ROW_NUMBERS = 5_000
"""Rows of a group that are named one by one, for walking them; more are only counted."""
_PROGRESS_SECONDS = 0.25


def check(
    path: str,
    *,
    model: str = "",
    max_length_tokens: int | None = None,
    task: str = "",
    hear: Callable[[Progress], None] = lambda _: None,
    before_examples: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Check one dataset; of a folder with splits, its training split. Raises FtuiError, never for what is in the data.

    hear: is told how far it is. before_examples: is called when all is found, and examples are read once more.

    Keys: those of a file of `ftui lint --json` without findings; parts (how many splits the path holds); readable;
    held_out (the name of the file beside it whose rows are held out, "" without one);
    groups [{code, name, severity, summary, explanation, count, fixable, fix: {safety, description} | None, rows (row
    numbers, the first thousands), findings (the first), examples [{row, line, dropped, places: [[pointer, before,
    after]]}]}], the worst first.
    """
    options = _options(model, max_length_tokens, task)
    beside = held_out_beside(path)
    found = targets([path], str(beside) if beside is not None else None, options)
    target = next((part for part in found if not part.held_out), found[0])
    report = lint(target, options, hear)
    before_examples()
    return {
        "schema_version": SCHEMA_VERSION,
        **file_document(report),
        "parts": len(found),
        "readable": report.readable,
        "held_out": beside.name if beside is not None else "",
        "groups": groups(target, report),
    }


def fixed_file(path: str, word: str = "fixed") -> Path:
    """A name for what is made of a file, beside it: train.fixed.jsonl, or train.fixed-2.jsonl where that is taken."""
    source = Path(path)
    stem = source.name.split(".")[0] if source.is_file() else source.name or "data"
    number = 1
    while True:
        made = source.with_name(f"{stem}.{word}{f'-{number}' if number > 1 else ''}.jsonl")
        if not made.exists():
            return made
        number += 1


def groups(target: Target, report: FileReport) -> list[dict[str, Any]]:
    """The findings by rule, the worst first."""
    rules = all_rules()
    worst: dict[str, Severity] = {}
    rows: dict[str, dict[int, None]] = {}
    fixable: dict[str, int] = {}
    for finding in report.findings:
        code, severity = finding.code, Severity(finding.severity)
        if code not in worst or severity.rank > worst[code].rank:
            worst[code] = severity
        fixable[code] = fixable.get(code, 0) + bool(finding.fix)
        numbers = rows.setdefault(code, {})
        if finding.row is not None and len(numbers) < MOST_ROW_NUMBERS:
            numbers[finding.row] = None
    shown = examples(target, report.findings.samples)
    made = []
    for code in worst:
        rule, samples = rules[code], report.findings.samples[code]
        safeties = {finding.fix for finding in samples if finding.fix}
        safety = "unsafe" if "unsafe" in safeties else "safe" if safeties else ""
        made.append(
            {
                "code": code,
                "name": rule.name,
                "severity": worst[code].value,
                "summary": rule.summary,
                "explanation": rule.explanation,
                "count": report.findings.summary[code],
                "fixable": fixable[code],
                "fix": {"safety": safety, "description": rule.fix} if safety else None,
                "rows": list(rows[code]),
                "findings": [finding_document(finding) for finding in samples[:SHOWN_FINDINGS]],
                "examples": shown.get(code, []),
            }
        )
    return sorted(made, key=lambda group: (-Severity(group["severity"]).rank, -group["count"], group["code"]))


def examples(target: Target, samples: Mapping[str, Sequence[Finding]]) -> dict[str, list[dict[str, Any]]]:
    """What the fix of each rule would change in the first rows that it objects to. The data are read once more, up to
    the last of these rows; what cannot be shown (a line that is no row) is left out."""
    wanted: dict[int, list[Finding]] = {}
    for findings in samples.values():
        chosen = (finding for finding in findings if finding.fix and finding.row is not None)
        for finding in islice(chosen, SHOWN_EXAMPLES):
            assert finding.row is not None
            wanted.setdefault(finding.row, []).append(finding)
    shown: dict[str, list[dict[str, Any]]] = {}
    first_row, last = 0, max(wanted, default=-1)
    for source in target.data.sources:
        tally = Tally()
        for row, _, data in read_source(source, Reporter({}), tally):
            for finding in wanted.get(first_row + row, ()):
                shown.setdefault(finding.code, []).append(_example(finding, data))
            if first_row + row >= last:
                return shown
        first_row += tally.records
    return shown


def _example(finding: Finding, data: dict[str, Any]) -> dict[str, Any]:
    known = all_fixes().get(finding.code)
    after: dict[str, Any] | None = None
    if known is not None and not finding.code.startswith("DUP"):
        try:
            after = known(copy.deepcopy(data), finding.pointer)
        except (LookupError, TypeError, ValueError, AttributeError):
            after = data  # an earlier fix of the same row has to come first: the change cannot be shown by itself
    places: list[list[str]] = []
    if after is None:
        whole = json.dumps(data, ensure_ascii=False, default=str)
        places.append(["", excerpt_of(redact(whole, personal=True))[0], ""])
    else:
        for place, old, new in islice(differences(data, after), SHOWN_PLACES):
            before, changed = both_sides(_masked(old), _masked(new))
            if finding.code.startswith("SEC"):
                before = finding.excerpt  # which the rule has masked, by what it knows of the secret
            places.append([safe(place), before, changed])
    return {"row": finding.row, "line": finding.line, "dropped": after is None, "places": places}


def _masked(value: Any) -> Any:
    return redact(value, personal=True) if isinstance(value, str) else value


def _options(model: str, max_length_tokens: int | None, task: str) -> LintOptions:
    """As `ftui lint` has them without options: what the nearest ftui.toml says."""
    config = load_config(find_config(Path.cwd()))
    values = config.values
    selected = [*values.get("select", ()), *(values.get("extend-select", ()) if values.get("select") else ())]
    reference = model or str(values.get("model", ""))
    baseline = values.get("baseline")
    context = Context(
        task=task or str(values.get("task", "")),
        model=reference,
        max_length_tokens=max_length_tokens or values.get("max-length"),
        epochs=values.get("epochs"),
        batch_rows=values.get("batch-rows"),
        labels=tuple(values.get("labels", ())),
        language=str(values.get("language", "")),
        shuffled=bool(values.get("shuffle", True)),
        thresholds=thresholds(config),
    )
    return LintOptions(
        select=selected,
        ignore=list(values.get("ignore", ())),
        severities={code: Severity(level) for code, level in values.get("severity", {}).items()},
        context=context,
        mapping=values.get("map") or None,
        model=str(tokenizer_folder(reference)) if reference else "",
        baselines=load_baseline(Path(baseline)) if baseline and Path(baseline).is_file() else {},
    )


def main(arguments: list[str]) -> int:
    """Print progress and the report; 2 with a sentence on stderr where there is none."""
    parser = argparse.ArgumentParser(prog="python -m ftui.services.data_check", description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--model", default="")
    parser.add_argument("--max-length", type=int)
    parser.add_argument("--task", default="")
    parser.add_argument("--json", action="store_true", help="it prints nothing else")
    given = parser.parse_args(arguments)
    teller = _Teller()
    try:
        report = check(
            given.path, model=given.model, max_length_tokens=given.max_length, task=given.task,
            hear=teller.hear, before_examples=teller.begin_examples,
        )  # fmt: skip
    except FtuiError as error:
        sys.stderr.write(f"ftui: {error}\n" + (f"      {error.hint}\n" if error.hint else ""))
        return error.exit_code
    _say({"report": report})
    return 0


class _Teller:
    """Prints how far the check is: now and then, and at once where another phase begins."""

    def __init__(self) -> None:
        self._said = 0.0
        self._phase = ""
        self._counted: dict[str, int] = {}

    def hear(self, progress: Progress) -> None:
        self._counted = {"done_bytes": progress.done_bytes, "total_bytes": progress.total_bytes, "rows": progress.rows}
        self._tell("reading" if progress.compared is None else "comparing", progress.compared)

    def begin_examples(self) -> None:
        self._tell("showing", None)

    def _tell(self, phase: str, share: float | None) -> None:
        now = time.monotonic()
        if phase == self._phase and now - self._said < _PROGRESS_SECONDS:
            return
        self._said, self._phase = now, phase
        _say({"progress": {"phase": phase, "share": share, **self._counted}})


def _say(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
