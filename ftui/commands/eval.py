"""Base against tuned on the same held-out prompts, with a verdict.

  ftui eval RUN                      the verdict of a finished run, and its report
  ftui eval RUN --again              score both models again
  ftui eval RUN --rows other.jsonl   on rows that you name
  ftui eval RUN --prompted 3         also the base with three examples in its prompt, the honest rival
  ftui eval RUN --samples 5          the answers that changed most

0: SHIP. 1: DON'T SHIP or INCONCLUSIVE.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ftui.core.events import Event, Phase
from ftui.core.text import clip, safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError
from ftui.services.files import read_json
from ftui.services.runs import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--again", action="store_true", help="score both models again")
    parser.add_argument(
        "--rows", type=Path, metavar="FILE", help="held-out rows of any format, instead of the run's own"
    )
    parser.add_argument("--max-rows", type=int, metavar="N", help="at most this many rows")
    parser.add_argument(
        "--prompted", type=int, default=0, metavar="K", help="also the base with K examples in its prompt"
    )
    parser.add_argument("--samples", type=int, default=0, metavar="N", help="show the N answers that changed most")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Evaluate, or show what the run's end evaluated."""
    from ftui.services.report import read_samples, write_reports
    from ftui.services.runs import find_run

    evaluated = find_run(args.run)
    folder = evaluated.path
    if args.again or args.rows or args.prompted or args.max_rows or not evaluated.verdict_file.exists():
        folder = _score(evaluated, args)
    verdict = read_json(folder / "eval" / "verdict.json")
    if not isinstance(verdict, dict):
        raise FtuiError(
            "The run has no verdict", f"{folder}/eval/verdict.json is missing or broken", "ftui eval RUN --again"
        )
    if folder == evaluated.path:
        write_reports(evaluated)
    rival = read_json(folder / "eval" / "prompted.json")
    if args.json:
        print(json.dumps({**verdict, "path": str(folder / "eval"), "prompted": _means(rival)}, indent=2))
    else:
        _show(verdict, _means(rival), folder, read_samples(folder / "eval" / "samples.jsonl"), args.samples)
        if folder == evaluated.path:
            print(f"\nReport: {safe(str(folder / 'report.html'))} (and report.md)")
    return EXIT_OK if verdict["verdict"] == "SHIP" else EXIT_NO


def _score(evaluated: Run, args: argparse.Namespace) -> Path:
    """Score in the run's folder, or beside it where the rows are others. Gives the folder that holds eval/."""
    from ftui.services.evaluation import score_run

    if args.max_rows is not None and args.max_rows < 1:
        raise FtuiError("Wrong number of rows", f"--max-rows {args.max_rows}; at least one is needed")
    return score_run(evaluated, rows=args.rows, rows_max=args.max_rows, prompted=args.prompted, hear=_say)


def _show(
    verdict: dict[str, Any], rival: dict[str, float], folder: Path, samples: list[dict[str, Any]], shown: int
) -> None:
    from ftui.core.report import VERDICTS, changed_most

    print(VERDICTS.get(verdict["verdict"], verdict["verdict"]))
    for reason in verdict["reasons"]:
        print(f"  {clip(reason, 220)}")
    print(f"\n  {'metric':<18}{'base':>9}{'tuned':>9}{'change':>9}   95 % interval{'rows':>13}")
    for name, m in verdict["metrics"].items():
        interval = f"{m['ci_low']:+.3f} to {m['ci_high']:+.3f}"
        mark = "*" if name == verdict["primary"] else " "
        print(
            f"{mark} {safe(name):<18}{m['base']:>9.3f}{m['tuned']:>9.3f}{m['delta']:>+9.3f}   {interval:<20}{m['n']:>6}"
        )
    if rival:
        words = ", ".join(f"{safe(name)} {value:.3f}" for name, value in rival.items() if name in verdict["metrics"])
        print(f"\n  the base with examples in its prompt: {words}")
    for row in [*changed_most(samples, best=True)[:shown], *changed_most(samples, best=False)[:shown]]:
        print(f"\n  prompt     {clip(row['prompt'], 100)}\n  reference  {clip(row['reference'], 100)}")
        print(f"  base       {clip(row['base'], 100)}\n  tuned      {clip(row['tuned'], 100)}")


def _means(scored: Any) -> dict[str, float]:
    """The mean of each metric over a scored model's rows."""
    if not isinstance(scored, dict) or not scored.get("rows"):
        return {}
    names = scored["rows"][0]["metrics"]
    values = {name: [row["metrics"][name] for row in scored["rows"] if name in row["metrics"]] for name in names}
    return {name: sum(column) / len(column) for name, column in values.items() if column}


def _say(event: Event) -> None:
    if isinstance(event, Phase):
        print(f"… {safe(event.name.replace('_', ' '))}: {clip(event.detail, 100)}", file=sys.stderr, flush=True)
