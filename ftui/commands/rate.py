"""Rate base against tuned, blind: two answers, four criteria, one key each.

  ftui rate RUN                      go on where you left it
  ftui rate RUN --rater anna         somebody else's turn, on the same rows
  ftui rate RUN --max-rows 20        twenty rows, the same ones for every rater
  ftui rate RUN --results            win rates, and how far the raters agree

On a terminal this is a screen; --plain asks in lines.

Keys: 1 left much better, 2 left better, 3 the same, 4 right better, 5 right much better; b takes the last row back,
s leaves a row for later, q ends. Which model wrote which is random and not shown. Without a terminal, each line of
stdin rates one row: `4 3 3 5`.

Agreement is Krippendorff's alpha (ordinal): 1 is perfect, 0 is chance, below 0.67 the ratings prove little.
"""

from __future__ import annotations

import argparse
import json
import sys

from ftui.core.agreement import in_words
from ftui.core.rating import CRITERIA, NAMES, RatingSummary
from ftui.core.text import plural, safe
from ftui.errors import EXIT_OK, FtuiError
from ftui.services.rating import Item, Session, open_session, summary


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--rater", default="", metavar="NAME", help="who rates (default: your login name)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the order and the sides (default: the plan's)")
    parser.add_argument("--max-rows", type=int, metavar="N", help="rate this many rows only")
    parser.add_argument("--results", action="store_true", help="show what the ratings so far add up to")
    parser.add_argument("--json", action="store_true", help="one JSON document with the results")
    parser.add_argument("--plain", action="store_true", help="in lines, also where a screen could be shown")


def run(args: argparse.Namespace) -> int:
    """Ask until all rows are rated, the input ends, or the rater leaves."""
    from ftui.services.runs import find_run
    from ftui.tui.open import can_show, show_rating

    rated = find_run(args.run)
    if not (args.results or args.plain or args.json) and can_show():
        return show_rating(rated, args.rater, seed=args.seed, rows_max=args.max_rows)
    if not args.results:
        session = open_session(rated, args.rater, seed=args.seed, rows_max=args.max_rows)
        talk = f"{session.rater}: {session.done} of {plural(session.total, 'row')} rated"
        same = f"; {plural(session.same, 'row')} with equal answers left out" if session.same else ""
        print(safe(talk + same), file=sys.stderr)
        finished = _ask_with_keys(session) if sys.stdin.isatty() else _ask_with_lines(session)
        if not finished and not args.json:
            print(f"{session.done} of {session.total} rated. Go on any time: ftui rate {rated.name}", file=sys.stderr)
            return EXIT_OK
    result = summary(rated)
    if result is None:
        raise FtuiError("Nobody rated yet", rated.name, f"Begin: ftui rate {rated.name}")
    if args.json:
        print(json.dumps({"run": rated.name, **result.as_json()}, indent=2))
    else:
        print("\n".join(result_lines(result)))
    return EXIT_OK


def result_lines(result: RatingSummary) -> list[str]:
    """The results as text."""
    raters = ", ".join(safe(name) for name in result.raters)
    lines = [f"{plural(result.items, 'row')} rated blind by {raters}"]
    lines.append(
        f"  {'criterion':<13}{'tuned better':>13}{'same':>6}{'base better':>13}   win rate, 95 %       agreement"
    )
    for name, c in result.criteria.items():
        rate = f"{c.win_rate:.2f} ({c.ci_low:.2f} to {c.ci_high:.2f})"
        alpha = f"{c.alpha:+.2f}, {in_words(c.alpha)}" if c.alpha is not None else "-"
        lines.append(f"  {name:<13}{c.wins:>13}{c.ties:>6}{c.losses:>13}   {rate:<20} {alpha}")
    if len(result.raters) < 2:
        lines.append("  One rater: agreement cannot be told. A second one: ftui rate RUN --rater NAME")
    return lines


def _ask_with_lines(session: Session) -> bool:
    """One row per line of stdin: four keys. Raises FtuiError for a line that is something else."""
    while (item := session.next_item()) is not None:
        _show(item)
        line = sys.stdin.readline()
        if not line.strip() or line.strip() == "q":
            return False
        if line.strip() == "s":
            session.skip(item)
            continue
        keys = line.split()
        if len(keys) != len(NAMES) or not all(key in "12345" and len(key) == 1 for key in keys):
            raise FtuiError(
                "That is no rating", f"{line.strip()!r}", f"{len(NAMES)} keys from 1 to 5: {', '.join(NAMES)}."
            )
        session.rate(item, dict(zip(NAMES, map(int, keys), strict=True)))
    return session.done == session.total


def _ask_with_keys(session: Session) -> bool:
    item = session.next_item()
    while item is not None:
        _show(item)
        keys: dict[str, int] = {}
        for criterion in CRITERIA:
            print(f"{criterion.question}  left 1 2 3 4 5 right: ", end="", flush=True)
            key = _key("12345bsq")
            print(key, flush=True)
            if key == "q":
                return False
            if key in "bs":
                break
            keys[criterion.name] = int(key)
        if len(keys) == len(CRITERIA):
            session.rate(item, keys)
        elif key == "b":
            item = session.undo() or item
            continue
        else:
            session.skip(item)
        item = session.next_item()
    return session.done == session.total


def _show(item: Item) -> None:
    talk = sys.stderr if not sys.stdin.isatty() else sys.stdout
    print(f"\n----- row {item.place} of {item.total} -----\nPROMPT\n{_block(item.prompt)}", file=talk)
    if item.reference:
        print(f"WANTED\n{_block(item.reference)}", file=talk)
    print(f"LEFT\n{_block(item.left)}\nRIGHT\n{_block(item.right)}\n", file=talk, flush=True)


def _block(text: str) -> str:
    return "\n".join("  " + line for line in safe(text[:4000], newlines=True, tabs=True).split("\n"))


def _key(allowed: str) -> str:
    """One key, at once where the terminal can do that. Ctrl+C and Ctrl+D end the session."""
    import termios
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        while True:
            key = sys.stdin.read(1).lower()
            if key in ("", "\x04"):
                return "q"
            if key in allowed:
                return key
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
