"""Is this installation sound: Python, packages against the versions that ftui was proven with, driver, disk, terminal.

ftui doctor
ftui doctor --json
"""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ftui.core.text import plural, safe
from ftui.errors import EXIT_NO, EXIT_OK

if TYPE_CHECKING:
    from ftui.services.doctor import Check

MARKS = {"ok": "ok", "warn": "WARN", "fail": "FAIL"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Check everything; 1 where something that is needed fails."""
    from ftui.services.doctor import examine

    checks = examine()
    failed = any(check.status == "fail" for check in checks)
    if args.json:
        print(
            json.dumps(
                {"schema_version": 1, "sound": not failed, "checks": [asdict(check) for check in checks]}, indent=2
            )
        )
        return EXIT_NO if failed else EXIT_OK
    print("\n".join(page(checks, shutil.get_terminal_size((80, 24)).columns)))
    return EXIT_NO if failed else EXIT_OK


def page(checks: Sequence[Check], width: int) -> Iterator[str]:
    """The verdict, then what is amiss with what to do about it, then what is well, as few lines as that takes."""
    amiss = sorted((check for check in checks if check.status != "ok"), key=lambda check: check.status != "fail")
    well = [check for check in checks if check.status == "ok"]
    yield _verdict(checks)
    yield ""
    for check in amiss:
        yield from _entry(check.status, check.name, check.words, width)
        if check.hint:
            yield from _entry("", "", check.hint, width)
    said: set[str] = set()
    for check in well:
        if not check.group:
            yield from _entry(check.status, check.name, check.words, width)
        elif check.group not in said:
            said.add(check.group)
            together = [f"{other.name} {other.words}" for other in well if other.group == check.group]
            yield from _entry(check.status, check.group, ", ".join(together), width)


def _verdict(checks: Sequence[Check]) -> str:
    failed = [check.name for check in checks if check.status == "fail"]
    warned = sum(check.status == "warn" for check in checks)
    if failed:
        return f"Not sound: {safe(', '.join(failed))}."
    return "Sound" + (f", with {plural(warned, 'thing')} to know." if warned else ".")


def _entry(status: str, name: str, words: str, width: int) -> Iterator[str]:
    head = f"{MARKS.get(status, ''):<4}  {name:<12}  "
    room = max(30, min(width, 110) - len(head))
    for number, line in enumerate(textwrap.wrap(safe(words), room, break_on_hyphens=False) or [""]):
        yield (head if number == 0 else " " * len(head)) + line
