"""The runs of this machine.

ftui runs list                 all of them, newest first
ftui runs show RUN             one of them: plan, state, result
ftui runs stop RUN             save a checkpoint and end
ftui runs pause RUN            the same, marked as paused; resume goes on
ftui runs resume RUN           go on from the last checkpoint
ftui runs adopt                supervise trainers whose supervisor died
ftui runs compare A B ...      metrics, and what differs in plan, data and versions
ftui runs remove RUN           delete a run that is not alive
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.text import clip, safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError
from ftui.services.run_requests import request
from ftui.services.runs import PREPARED, Run, find_run, read_state

if TYPE_CHECKING:
    from ftui.services.run_list import RunSummary

GLYPHS = {
    "finished": "+",
    "failed": "!",
    "interrupted": "!",
    "running": ">",
    "queued": ".",
    "prepared": ".",
    "starting": ">",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="all runs, newest first")
    listing.add_argument("--json", action="store_true")
    for name, words in (
        ("show", "plan, state, result"),
        ("stop", "save a checkpoint and end"),
        ("pause", "save a checkpoint and free the memory"),
        ("resume", "go on from the last checkpoint"),
        ("remove", "delete a run"),
    ):
        action = actions.add_parser(name, help=words)
        action.add_argument("run", metavar="RUN")
        action.add_argument("--json", action="store_true")
        if name in ("stop", "pause"):
            action.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="wait for the end this long")
        if name == "resume":
            action.add_argument("--force", action="store_true", help="although plan, data or model changed (recorded)")
        if name == "remove":
            action.add_argument("--yes", action="store_true", help="do not ask")
    adopt = actions.add_parser("adopt", help="supervise trainers whose supervisor died")
    adopt.add_argument("--json", action="store_true")
    compare = actions.add_parser("compare", help="metrics, and what differs")
    compare.add_argument("runs", nargs="+", metavar="RUN")
    compare.add_argument("--report", type=Path, metavar="FILE", help="also an HTML page, with the curves in one chart")
    compare.add_argument("--json", action="store_true")
    parser.set_defaults(action="list", json=False)


def run(args: argparse.Namespace) -> int:
    """Do the action."""
    from ftui.services.adoption import adopt_orphans

    refused: list[tuple[Run, FtuiError]] = []
    adopted = adopt_orphans(refused=lambda run, error: refused.append((run, error)))
    match args.action:
        case "show":
            return _show(find_run(args.run), as_json=args.json)
        case "stop" | "pause":
            return _end(find_run(args.run), args.action, args.wait, as_json=args.json)
        case "resume":
            return _resume(find_run(args.run), force=args.force, as_json=args.json)
        case "remove":
            return _remove(find_run(args.run), sure=args.yes, as_json=args.json)
        case "adopt":
            return _adopted(adopted, refused, as_json=args.json)
        case "compare":
            from ftui.commands.runs_compare import compare

            return compare([find_run(name) for name in args.runs], as_json=args.json, page=args.report)
    return _list(as_json=args.json)


def _list(*, as_json: bool) -> int:
    from ftui.services.run_list import as_json as summary_json
    from ftui.services.run_list import list_runs

    runs = list_runs()
    if as_json:
        print(json.dumps([{**summary_json(summary), **_place(summary)} for summary in runs], indent=2))
        return EXIT_OK
    if not runs:
        print("No runs yet. `ftui demo` makes one in about a minute; `ftui` opens the wizard.")
        return EXIT_OK
    width = max(len(summary.run) for summary in runs)
    for summary in runs:
        steps = f"{summary.step}/{summary.steps_total}" if summary.steps_total else "-"
        words = summary.verdict or summary.reason
        if summary.status == "queued":
            words = _place_words(**_place(summary))
        glyph = GLYPHS.get(summary.status, "=")
        print(f"{glyph} {safe(summary.run):<{width}}  {summary.status:<11}  {steps:>9}  {clip(words, 60)}".rstrip())
    return EXIT_OK


def _place(summary: RunSummary) -> dict[str, Any]:
    """Place and expected start of a queued run, as the list's JSON has them; nothing for other runs."""
    if summary.status != "queued":
        return {}
    from ftui.services.queueing import queue_place

    place = queue_place(Run(Path(summary.path)))
    start = None
    if place.wait_seconds is not None:
        start = (datetime.now().astimezone() + timedelta(seconds=place.wait_seconds)).isoformat(timespec="seconds")
    return {"queue_before": place.before, "expected_start": start, "expected_start_is_least": place.is_least}


def _place_words(queue_before: int, expected_start: str | None, expected_start_is_least: bool) -> str:
    if not queue_before:
        return "next: waiting for free memory"
    first = f"{queue_before} before it"
    if expected_start is None:
        return f"{first}, start not known yet"
    when = datetime.fromisoformat(expected_start)
    days = (when.date() - datetime.now().date()).days
    word, later = "after" if expected_start_is_least else "about", f" (+{days} d)" if days else ""
    return f"{first}, start {word} {when:%H:%M}{later}"


def _show(shown: Run, *, as_json: bool) -> int:
    from dataclasses import asdict

    from ftui.core.plan import to_mapping
    from ftui.services.decided import advice_against
    from ftui.services.files import read_json
    from ftui.services.report import read_verdict
    from ftui.services.run_list import summarize

    state, plan = read_state(shown), shown.plan()
    verdict = read_json(shown.verdict_file)
    if as_json:
        whole = {
            "run": shown.name,
            "path": str(shown.path),
            "state": asdict(state),
            "plan": to_mapping(plan),
            "summary": asdict(summarize(shown)),
            "verdict": verdict,
            "advice": read_json(shown.path / "verdict.json"),
            "environment": read_json(shown.path / "environment.json"),
        }
        print(json.dumps(whole, indent=2))
        return EXIT_OK
    summary = summarize(shown)
    print(f"{safe(shown.name)}: {state.status}{' (' + safe(state.reason) + ')' if state.reason else ''}")
    print(f"  model    {clip(plan.model.id, 70)}")
    print(f"  data     {clip(plan.data.train, 70)}")
    print(f"  method   {plan.method.task}, {plan.method.technique}")
    print(f"  step     {summary.step} of {summary.steps_total}, attempt {state.attempt}")
    if advised := advice_against(shown.path):
        print(f"  advice   against this run: {safe(advised)} (the person went on)")
    if (sound := read_verdict(shown.verdict_file)) is not None:
        print(f"  verdict  {safe(sound['verdict'])}")
        for reason in sound["reasons"][:3]:
            print(f"           {clip(str(reason), 100)}")
    elif shown.verdict_file.exists():
        print(f"  verdict  {safe(str(shown.verdict_file))} is damaged; written again by: ftui eval {safe(shown.name)}")
    print(f"  files    {safe(str(shown.path))}")
    return EXIT_OK


def _end(ended: Run, what: str, seconds: float, *, as_json: bool) -> int:
    from ftui.services.adoption import wait_for_end

    state = read_state(ended)
    if state.status == PREPARED:
        raise FtuiError("The run has not begun", ended.name, f"Delete it: ftui runs remove {ended.name}")
    if not state.live:
        raise FtuiError("The run is not alive", f"{ended.name} is {state.status}", f"ftui runs show {ended.name}")
    request(ended, what)
    state = wait_for_end(ended, seconds)
    if as_json:
        print(json.dumps({"run": ended.name, "status": state.status}))
    elif state.live:
        print(f"Asked {safe(ended.name)} to {what}: it finishes its step and saves a checkpoint first.")
    elif state.status in ("stopped", "paused"):
        print(f"{safe(ended.name)}: {state.status}. Go on with: ftui runs resume {safe(ended.name)}")
    else:
        print(f"{safe(ended.name)}: {state.status}{': ' + safe(state.reason) if state.reason else ''}")
    return EXIT_OK


def _resume(resumed: Run, *, force: bool, as_json: bool) -> int:
    from ftui.services.launch import resume_run

    began = read_state(resumed).status != PREPARED
    resume_run(resumed, force=force)
    if as_json:
        print(json.dumps({"run": resumed.name, "path": str(resumed.path)}))
    else:
        how = "goes on from its last checkpoint" if began else "begins"
        print(f"{safe(resumed.name)} {how}. Watch it: ftui watch {safe(resumed.name)}")
    return EXIT_OK


def _remove(doomed: Run, *, sure: bool, as_json: bool) -> int:
    from ftui.core.text import gib
    from ftui.services.files import folder_bytes
    from ftui.services.run_folders import remove_run

    if not sure:
        if not sys.stdin.isatty():
            raise FtuiError("Not sure enough", f"{doomed.name} would be deleted for good", "Say so with --yes.")
        answer = input(f"Delete {safe(doomed.name)} ({gib(folder_bytes(doomed.path))}) for good? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("Kept.")
            return EXIT_NO
    remove_run(doomed)
    print(json.dumps({"removed": doomed.name}) if as_json else f"Removed {safe(doomed.name)}.")
    return EXIT_OK


def _adopted(adopted: list[Run], refused: list[tuple[Run, FtuiError]], *, as_json: bool) -> int:
    for each, error in refused:
        print(f"{safe(each.name)} could not be adopted: {safe(str(error))}", file=sys.stderr)
    if as_json:
        print(json.dumps([each.name for each in adopted]))
    for each in adopted if not as_json else ():
        print(f"Adopted {safe(each.name)}.")
    if not (adopted or refused or as_json):
        print("Nothing to adopt: every live run has its supervisor.")
    return EXIT_NO if refused else EXIT_OK
