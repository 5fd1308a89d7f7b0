"""Base against tuned on the same held-out prompts, with a verdict.

  ftui eval RUN                      the verdict of a finished run, and its report
  ftui eval RUN --again              score both models again
  ftui eval RUN --rows other.jsonl   on rows that you name
  ftui eval RUN --prompted 3         also the base with three examples in its prompt, the honest rival
  ftui eval RUN --against OTHER_RUN  also the tuned model of an earlier run, on the same prompts
  ftui eval RUN --samples 5          the answers that changed most
  ftui eval RUN --judge https://HOST/v1 --judge-model NAME
                                     a language model compares the answers, in both orders; key in $FTUI_JUDGE_KEY
  ftui eval RUN --judge MODEL        the same, by a model on this machine
  ftui eval RUN --lm-eval TASK,TASK  tasks of the lm-eval harness for base and tuned, where it and their data are here

Prompts and answers go to an endpoint only where --judge names one. 0: SHIP. 1: DON'T SHIP or INCONCLUSIVE.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ftui.commands.phases import teller
from ftui.core.text import clip, plural, safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError
from ftui.services.files import read_json
from ftui.services.runs import Run

JUDGE_SECONDS = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--again", action="store_true", help="score both models again")
    parser.add_argument(
        "--rows", type=Path, metavar="FILE", help="held-out rows of any format, instead of the run's own"
    )
    parser.add_argument(
        "--max-rows",
        type=int,
        metavar="N",
        help="at most this many rows; fewer than the run's own lie beside its verdict",
    )
    parser.add_argument(
        "--prompted", type=int, default=0, metavar="K", help="also the base with K examples in its prompt"
    )
    parser.add_argument(
        "--against", action="append", default=[], metavar="RUN", help="also the tuned model of this run (repeatable)"
    )
    parser.add_argument("--adapter", metavar="ADAPTER", help="score this adapter in place of the run's own")
    parser.add_argument("--samples", type=int, default=0, metavar="N", help="show the N answers that changed most")
    parser.add_argument("--judge", metavar="URL|MODEL", help="let a language model judge the answers")
    parser.add_argument("--judge-model", default="", metavar="NAME", help="the endpoint's name of the judge")
    parser.add_argument(
        "--judge-key-env", metavar="VAR", help="variable that holds the endpoint's key (default: FTUI_JUDGE_KEY)"
    )
    parser.add_argument("--judge-timeout", type=float, metavar="SECONDS", help="for one answer (default: 60)")
    parser.add_argument("--judge-rows", type=int, metavar="N", help="judge this many rows only")
    parser.add_argument("--lm-eval", metavar="TASKS", help="tasks of the lm-eval harness, separated by commas")
    parser.add_argument("--lm-eval-path", type=Path, metavar="FOLDER", help="task files of your own")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Evaluate, or show what the run's end evaluated."""
    from ftui.services.report import read_samples, read_verdict
    from ftui.services.runs import find_run

    _refuse(args)
    evaluated = find_run(args.run)
    folder = evaluated.path
    asked = args.again or args.rows or args.prompted or args.max_rows or args.against or args.adapter
    if asked or not evaluated.verdict_file.exists():
        folder = _score(evaluated, args)
    verdict = read_verdict(folder / "eval" / "verdict.json")
    if verdict is None:
        raise FtuiError(
            "The run has no verdict", f"{folder}/eval/verdict.json is missing or broken", "ftui eval RUN --again"
        )
    if args.judge:
        _judge(evaluated, folder, args)
    if args.lm_eval:
        from ftui.services.lm_eval import run_lm_eval

        run_lm_eval(evaluated, args.lm_eval.split(","), task_folder=args.lm_eval_path, hear=teller())
    from ftui.services.judge import current_judgement

    judged, harness = current_judgement(folder), read_json(folder / "eval" / "lm-eval.json")
    reported = folder == evaluated.path and _report(evaluated)
    if args.json:
        print(
            json.dumps({**verdict, "path": str(folder / "eval"), "judge": judged or None, "lm_eval": harness}, indent=2)
        )
    else:
        _show(verdict, folder, read_samples(folder / "eval" / "samples.jsonl"), args.samples)
        _show_further(evaluated, folder, judged, harness)
        if reported:
            print(f"\nReport: {safe(str(folder / 'report.html'))} (and report.md)")
        elif folder != evaluated.path:
            print(f"\nKept in {safe(str(folder / 'eval'))}; the run's own verdict and report are as they were.")
    return EXIT_OK if verdict["verdict"] == "SHIP" else EXIT_NO


def _report(evaluated: Run) -> bool:
    """Write the run's report; where its folder refuses, say so: the verdict is there all the same."""
    from ftui.services.report import write_reports

    try:
        write_reports(evaluated)
    except OSError as error:
        print(f"The report could not be written: {safe(str(evaluated.path))}: {error.strerror}.", file=sys.stderr)
        return False
    return True


def _refuse(args: argparse.Namespace) -> None:
    """Raise FtuiError for numbers that cannot be, and for options that nothing would read."""
    for name in ("max_rows", "judge_rows"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise FtuiError("Wrong number of rows", f"--{name.replace('_', '-')} {getattr(args, name)}; at least one")
    for name in ("prompted", "samples"):
        if getattr(args, name) < 0:
            raise FtuiError("Wrong number", f"--{name} {getattr(args, name)}; none or more")
    if args.lm_eval is not None and not args.lm_eval.strip(", "):
        raise FtuiError("No task was named", "--lm-eval is empty", "Name tasks of the harness, separated by commas.")
    url = args.judge is not None and "://" in args.judge
    given = {
        "--judge-model": (args.judge_model != "", url, "--judge URL"),
        "--judge-key-env": (args.judge_key_env is not None, url, "--judge URL"),
        "--judge-timeout": (args.judge_timeout is not None, url, "--judge URL"),
        "--judge-rows": (args.judge_rows is not None, args.judge, "--judge URL or --judge MODEL"),
        "--lm-eval-path": (args.lm_eval_path is not None, args.lm_eval, "--lm-eval TASKS"),
    }
    for option, (said, reader, needed) in given.items():
        if said and not reader:
            raise FtuiError("An option that nothing reads", option, f"It goes with {needed}.")


def _score(evaluated: Run, args: argparse.Namespace) -> Path:
    """Score in the run's folder, or beside it where the rows are others. Gives the folder that holds eval/."""
    from ftui.services.adapters import adapter_folder
    from ftui.services.evaluation import score_run
    from ftui.services.runs import find_run

    return score_run(
        evaluated,
        rows=args.rows,
        rows_max=args.max_rows,
        prompted=args.prompted,
        against=[find_run(reference) for reference in args.against],
        adapter=adapter_folder(args.adapter)[1] if args.adapter else None,
        hear=teller(),
    )


def _judge(evaluated: Run, folder: Path, args: argparse.Namespace) -> None:
    from ftui.services.judge import judge_by_endpoint, judge_by_model, pairs_of
    from ftui.services.judge_endpoint import KEY_VARIABLE, endpoint_of

    if "://" in args.judge:
        seconds = JUDGE_SECONDS if args.judge_timeout is None else args.judge_timeout
        endpoint = endpoint_of(args.judge, args.judge_model, args.judge_key_env or KEY_VARIABLE, seconds)
        pairs, _ = pairs_of(folder, args.judge_rows)
        words = f"{plural(len(pairs), 'held-out prompt')} with both answers go to {safe(endpoint.host)}, twice each"
        print(words, file=sys.stderr, flush=True)
        judge_by_endpoint(folder, endpoint, args.judge_rows, teller())
        return
    from ftui.services.launch import require_training_stack
    from ftui.services.pretrained import resolve_model

    require_training_stack()
    model = resolve_model(args.judge, revision=None, progress=lambda words: print(safe(words), file=sys.stderr)).path
    judge_by_model(evaluated, folder, model, args.judge_rows, teller())


def _show(verdict: dict[str, Any], folder: Path, samples: list[dict[str, Any]], shown: int) -> None:
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
    from ftui.core.report import figures

    for line in figures(verdict):
        print(f"  {clip(line, 150)}")
    wrong = [group for group in verdict.get("groups") or [] if group["tuned"]]
    if wrong:
        print("\n  what is wrong with the tuned answers (and was with the base's)")
        for group in wrong[:6]:
            print(f"    {group['tuned']:>4} ({group['base']})  {clip(group['reason'], 60)}")
    for row in [*changed_most(samples, best=True)[:shown], *changed_most(samples, best=False)[:shown]]:
        print(f"\n  prompt     {clip(row['prompt'], 100)}\n  reference  {clip(row['reference'], 100)}")
        print(f"  base       {clip(row['base'], 100)}\n  tuned      {clip(row['tuned'], 100)}")


def _show_further(evaluated: Run, folder: Path, judged: dict[str, Any], harness: Any) -> None:
    """What people, a judge and the harness say, where they did."""
    from ftui.core.report import harness_lines, judge_lines

    if judged:
        print("\n".join(["", *(f"  {clip(line, 150)}" for line in judge_lines(judged))]))
    if folder == evaluated.path:
        from ftui.commands.rate import result_lines
        from ftui.services.rating import summary

        people = summary(evaluated)
        if people is not None:
            print("\n".join(["", *(f"  {line}" for line in result_lines(people))]))
    if isinstance(harness, dict):
        print("\n".join(["", *(f"  {clip(line, 150)}" for line in harness_lines(harness))]))
