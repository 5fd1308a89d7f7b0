"""Is this installation sound: Python, packages against the versions that ftui was proven with, driver, disk, terminal.

ftui doctor
ftui doctor --json
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from ftui.core.text import safe
from ftui.errors import EXIT_NO, EXIT_OK

MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


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
    for check in checks:
        print(f"{MARKS[check.status]}  {check.name:<14}{safe(check.words)}")
        if check.hint:
            print(f"      {'':<14}{safe(check.hint)}")
    print("\nNot sound: see FAIL above." if failed else "\nSound.")
    return EXIT_NO if failed else EXIT_OK
