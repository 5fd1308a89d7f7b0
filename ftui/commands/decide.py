"""Prompting, few-shot, structured output, RAG, fine-tuning or preference tuning? Some questions, then a verdict.

  ftui decide                                  asks in the terminal, only what matters; goes on where you stopped
  ftui decide --answers need.json              takes the answers from a file (- is standard input)
  ftui decide --answers need.json --json       one JSON document: approach, technique, reasons, flips, cost
  ftui decide --answers need.json --report team.md
  ftui decide --explain QLoRA                  two sentences and more; without a term, the list of terms
  ftui decide --rules                          the table behind every verdict

The smallest file is {"needs": ["style_tone"]}. Other keys: tried, examples, example_quality, preference_pairs,
feedback, change_rate, deployment, eval_set. A wrong one is answered with the allowed values.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ftui.core.decide.answers import Answers, answers_from_json
from ftui.errors import EXIT_OK, FtuiError

if TYPE_CHECKING:
    from ftui.core.decide.verdict import Verdict

_LARGEST_FILE_BYTES = 1_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ftui decide`."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--answers", metavar="FILE", help="answers as JSON instead of questions; - reads standard input")
    what.add_argument("--explain", metavar="TERM", nargs="*", help="explain a word of the field; no TERM lists them")
    what.add_argument("--rules", action="store_true", help="print the decision table")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--report", metavar="FILE", help="also write the verdict as a Markdown page")


def run(args: argparse.Namespace) -> int:
    """Decide, explain, or show the table; gives the exit code."""
    if args.report and (args.explain is not None or args.rules):
        raise FtuiError("Nothing to report", "--report belongs to a verdict, not to --explain or --rules")
    if args.report == "-" and args.json:
        raise FtuiError("Two documents on one stream", "--report - and --json both print", "Name a file for one.")
    if args.explain is not None:
        from ftui.commands.decide_explain import print_terms

        return print_terms(" ".join(args.explain), as_json=args.json)
    if args.rules:
        from ftui.commands.decide_explain import print_rules

        return print_rules(as_json=args.json)
    if args.answers:
        return _print_verdict(_read_answers(args.answers), as_json=args.json, report=args.report)
    code = _print_verdict(_ask(), as_json=args.json, report=args.report)
    from ftui.commands.decide_draft import forget

    forget()
    return code


def _read_answers(name: str) -> Answers:
    """Answers from a file or, for "-", from standard input. Raises FtuiError."""
    if name == "-":
        return answers_from_json(_decoded(sys.stdin.buffer.read(_LARGEST_FILE_BYTES + 1), "stdin"), "stdin")
    try:
        with open(name, "rb") as file:  # noqa: PTH123  # pathlib would take a tenth of this command's time
            raw = file.read(_LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise FtuiError(
            "No such file", name, 'It should hold answers, for example {"needs": ["style_tone"]}.'
        ) from None
    except IsADirectoryError:
        raise FtuiError("Not a file", f"{name} is a folder", "Name the file with the answers.") from None
    except (OSError, ValueError) as error:
        raise FtuiError("The answers cannot be read", f"{name}: {getattr(error, 'strerror', None) or error}") from None
    return answers_from_json(_decoded(raw, name), name)


def _decoded(raw: bytes, name: str) -> str:
    if len(raw) > _LARGEST_FILE_BYTES:
        raise FtuiError("Not a file of answers", f"{name} is larger than 1 MB", "Is it a dataset? Then: ftui lint FILE")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FtuiError("The answers are not JSON", f"{name} is not UTF-8 text") from None


def _ask() -> Answers:
    """Answers from the person at the terminal. Questions go to stderr, so that stdout stays for the result."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise FtuiError(
            "Nobody to ask",
            "this is not a terminal, and no answers were given",
            "Give them: ftui decide --answers FILE (or - for standard input); ftui decide --help shows the keys.",
        )
    from ftui.commands.decide_ask import ask
    from ftui.commands.decide_draft import keep, kept

    return ask(start=kept(), keep=keep)


def _print_verdict(answers: Answers, *, as_json: bool, report: str | None) -> int:
    from ftui.core.decide.verdict import decide, to_document

    verdict = decide(answers)
    page = _report_page(answers, verdict) if report else ""
    if report and report != "-":
        _write_report(report, page)
    if as_json:
        import json

        print(json.dumps(to_document(verdict), indent=2, ensure_ascii=False))
        return EXIT_OK
    if report == "-":
        print(page, end="")
        return EXIT_OK
    import shutil

    from ftui.core.decide.report import terms_in, to_text
    from ftui.core.decide.verdict import summary
    from ftui.core.text import safe

    columns, rows = shutil.get_terminal_size()
    text = to_text(verdict, columns)
    print(text)
    words = terms_in(verdict)
    also = f" (or {', '.join(words[1:])})" if words[1:] else ""
    print(f"\nWhat do the words mean? ftui decide --explain {words[0]}{also}", file=sys.stderr)
    if sys.stdout.isatty() and text.count("\n") >= rows:
        print(f"In short: {summary(verdict)}", file=sys.stderr)
    if report:
        print(f"Report: {safe(report)}", file=sys.stderr)
    return EXIT_OK


def _report_page(answers: Answers, verdict: Verdict) -> str:
    from datetime import date

    from ftui import __version__
    from ftui.core.decide.report import to_markdown

    return to_markdown(answers, verdict, f"Made by ftui {__version__} (`ftui decide`) on {date.today().isoformat()}.")


def _write_report(name: str, page: str) -> None:
    """Write the page; an older report is replaced, any other file is left alone. Raises FtuiError."""
    from pathlib import Path

    from ftui.core.decide.report import REPORT_TITLE
    from ftui.services.files import write_atomic

    path = Path(name)
    try:
        if path.exists():
            with path.open("rb") as file:
                if file.read(len(REPORT_TITLE)) != REPORT_TITLE.encode():
                    raise FtuiError(
                        "The report was not written",
                        f"{path} is there and is no report of ftui",
                        "Name another file, or remove that one.",
                    )
        write_atomic(path, page, mode=0o644)
    except OSError as error:
        raise FtuiError("The report cannot be written", f"{path}: {error.strerror}") from None
