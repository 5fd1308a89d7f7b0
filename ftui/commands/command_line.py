"""The parser of one command line: a mistake is one sentence with the nearest right word, not a page of usage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import NoReturn

from ftui.errors import EXIT_COULD_NOT

WORDS_CELLS = 400


class CommandLine(argparse.ArgumentParser):
    """An ArgumentParser (its sub-parsers are of the same kind) whose errors name what was meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, safe to print, and leave with exit code 2."""
        from ftui.core.text import clip, safe  # here: a command line without a mistake does not pay for it

        near = self._meant(message)
        guess = f"Did you mean {near}? " if near else ""
        print(f"{self.prog}: {clip(safe(message), WORDS_CELLS)}", file=sys.stderr)
        print(f"      {guess}`{self.prog} --help` lists what there is.", file=sys.stderr)
        raise SystemExit(EXIT_COULD_NOT)

    def _meant(self, message: str) -> str:
        """The nearest option or choice to the wrong one of argparse's sentence; empty where none is near."""
        import difflib
        import re

        wrong = re.match(r"unrecognized arguments: (?:[^-]\S* )*(-[^\s=]+)", message)
        if wrong:
            return next(iter(difflib.get_close_matches(wrong[1], set(_options(self)), n=1)), "")
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            choices = [choice.strip("' ") for choice in wrong[2].split(",")]
            return next(iter(difflib.get_close_matches(wrong[1], choices, n=1)), "")
        return ""


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _options(below)
