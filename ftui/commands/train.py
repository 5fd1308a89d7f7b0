"""Start a training run from a plan, or go on with one.

ftui train plan.yaml                 start it; it goes on when this terminal closes
ftui train plan.yaml --foreground    start it and print what happens; Ctrl+C stops it with a checkpoint
ftui train plan.yaml --queue         start it when the runs before it are done and the memory is free
ftui train --resume RUN              go on from the last checkpoint
ftui train plan.yaml --emit slurm    print a job file instead
ftui train plan.yaml --prepare       make the run's folder and its rows, and start nothing (job files do this)
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from ftui.core.text import plural, safe
from ftui.errors import EXIT_INTERRUPTED, EXIT_NO, EXIT_OK, FtuiError
from ftui.services.runs import Run


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("plan", nargs="?", type=Path, metavar="PLAN", help="plan.yaml (ftui plan new makes one)")
    parser.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, paused or interrupted")
    parser.add_argument("--force", action="store_true", help="resume although plan, data or model changed (recorded)")
    parser.add_argument(
        "--foreground", action="store_true", help="stay and print events; Ctrl+C stops with a checkpoint"
    )
    parser.add_argument("--queue", action="store_true", help="wait for earlier runs and for free memory")
    parser.add_argument(
        "--prepare", action="store_true", help="make the run's folder and rows; the processes are started by others"
    )
    parser.add_argument("--answers", type=Path, metavar="FILE", help="keep these answers of ftui decide with the run")
    parser.add_argument("--emit", choices=["slurm", "skypilot"], help="print a job file for this plan and do nothing")
    parser.add_argument(
        "--json", action="store_true", help="print {run, path} (events as JSON lines with --foreground)"
    )


def run(args: argparse.Namespace) -> int:
    """Start or resume; 0 when it is under way (or finished, in the foreground)."""
    from ftui.services.adoption import adopt_orphans
    from ftui.services.decided import read_answers_file
    from ftui.services.launch import prepared_run, resume_run, start_run
    from ftui.services.plans import load_plan
    from ftui.services.runs import find_run

    if bool(args.plan) == bool(args.resume):
        raise FtuiError("Which run?", "give a plan to start, or --resume RUN to go on", "ftui plan new makes a plan.")
    if args.emit:
        from ftui.core.jobfiles import job_file

        print(job_file(load_plan(args.plan), args.emit, str(args.plan)), end="")
        return EXIT_OK
    if args.resume and (args.queue or args.prepare):
        raise FtuiError(
            "Not both",
            "--queue and --prepare make a new run of a plan, --resume goes on with one",
            "Leave them out and it goes on at once; or queue the plan.yaml in its folder as a new run.",
        )
    adopt_orphans()
    if args.resume:
        training = resume_run(find_run(args.resume), force=args.force)
    elif args.prepare:
        training = prepared_run(load_plan(args.plan), progress=_say)
    else:
        decided = read_answers_file(args.answers) if args.answers else None
        training = start_run(load_plan(args.plan), queue=args.queue, extra_files=decided, progress=_say)
    if not args.prepare:
        from ftui.services.logout import WARNING, logout_kills

        if logout_kills():
            _say(WARNING)
    if args.foreground and not args.prepare:
        return _follow(training, as_json=args.json)
    if args.json:
        print(json.dumps({"run": training.name, "path": str(training.path)}))
    elif args.prepare:
        print(f"Prepared {safe(training.name)}; nothing runs yet.")
        print(f"  start it    ftui train --resume {safe(training.name)}")
        print(f"  or          python -m ftui.trainer {safe(str(training.path))}   (one process; see --emit for more)")
    else:
        print(f"{_begun(training, queued=args.queue)} It goes on when this terminal closes.")
        print(f"  watch it    ftui watch {safe(training.name)}")
        print(f"  stop it     ftui runs stop {safe(training.name)}   (saves a checkpoint)")
        print(f"  its files   {safe(str(training.path))}")
    return EXIT_OK


def _begun(training: Run, *, queued: bool) -> str:
    if not queued:
        return f"Started {safe(training.name)}."
    from ftui.services.queueing import queue_place

    before = queue_place(training).before
    place = f"{plural(before, 'run')} before it" if before else "it begins as soon as the memory is free"
    return f"Queued {safe(training.name)}: {place}."


def _follow(training: Run, *, as_json: bool) -> int:
    from ftui.core.events import to_line
    from ftui.services.follow import follow, plain_line
    from ftui.services.runs import read_state

    with _stopping_by_ctrl_c(training) as asked:
        try:
            for stamped in follow(training):
                text = to_line(stamped.event, stamped.time).rstrip() if as_json else plain_line(stamped.event)
                if text is not None:
                    print(text, flush=True)
        except KeyboardInterrupt:
            _say(f"It stops by itself. Look later: ftui watch {training.name}")
            return EXIT_INTERRUPTED
    state = read_state(training)
    if not as_json:
        print(f"{safe(training.name)}: {state.status}{': ' + safe(state.reason) if state.reason else ''}")
    if asked:
        return EXIT_INTERRUPTED
    return EXIT_OK if state.status == "finished" else EXIT_NO


@contextlib.contextmanager
def _stopping_by_ctrl_c(training: Run) -> Iterator[list[str]]:
    """The first Ctrl+C asks the run to stop and lets its events go on; the second is a KeyboardInterrupt.

    Gives a list that holds something once it was asked.
    """
    from ftui.services.run_requests import request

    asked: list[str] = []

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append("stop")
        request(training, "stop")
        _say("Stopping with a checkpoint (Ctrl+C again to leave it to itself).")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _say(words: str) -> None:
    print(safe(words), file=sys.stderr, flush=True)
