"""Watch a run from any terminal, also a finished one.

ftui watch                 the newest run
ftui watch RUN             live panels; q leaves, the run goes on
ftui watch RUN --plain     one line per event, for a screen reader, a pipe, or a bad line
ssh host ftui watch RUN --plain
ftui watch RUN --bell      ring the terminal's bell at alerts and at the end
"""

from __future__ import annotations

import argparse
import sys

from ftui.core.text import safe
from ftui.errors import EXIT_NO, EXIT_OK, FtuiError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", nargs="?", default="last", metavar="RUN", help="a run's name, a part of it, or a folder")
    parser.add_argument("--plain", action="store_true", help="one line per event instead of panels")
    parser.add_argument("--json", action="store_true", help="the events as JSON lines")
    parser.add_argument("--from-step", type=int, default=0, metavar="N", help="leave out what came before step N")
    parser.add_argument("--no-follow", action="store_true", help="print what is there and leave")
    parser.add_argument("--bell", action="store_true", help="ring the terminal's bell at alerts and at the end")
    parser.add_argument("--ascii", action="store_true", help="no glyphs beyond ASCII")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")


def run(args: argparse.Namespace) -> int:
    """Follow the run until it ends; 1 when it failed."""
    from ftui.services.adoption import adopt_orphans
    from ftui.services.runs import find_run, read_state
    from ftui.services.terminal import shows_screens

    adopt_orphans()
    watched = find_run(args.run)
    if not (args.plain or args.json or args.no_follow) and shows_screens():
        from ftui.tui.app import run_watch

        return run_watch(watched.path, ascii_only=args.ascii, mouse=not args.no_mouse, bell=args.bell)
    from ftui.core.events import now, to_line
    from ftui.services.follow import follow, plain_line, rings

    began = now()
    for stamped in follow(watched, from_step=args.from_step, live=not args.no_follow):
        if args.bell and stamped.time >= began and rings(stamped.event):
            print("\a", end="", file=sys.stderr, flush=True)
        text = to_line(stamped.event, stamped.time).rstrip() if args.json else plain_line(stamped.event)
        if text is not None:
            print(text, flush=True)
    if not watched.path.is_dir():
        raise FtuiError("The run is gone", f"{watched.path} was removed while it was watched", "ftui runs list")
    state = read_state(watched)
    if not args.json:
        print(f"{safe(watched.name)}: {state.status}{': ' + safe(state.reason) if state.reason else ''}")
    return EXIT_NO if state.status == "failed" else EXIT_OK
