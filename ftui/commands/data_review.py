"""`ftui data review`: one row after another, keep, drop or edit; a line-based walk that works in any terminal."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ftui.core.text import plural, safe
from ftui.errors import FtuiError
from ftui.services.dataset_edit import as_text
from ftui.services.dataset_review import DROP, EDIT, KEEP, Decision, Review

KEYS = "k keep   d drop   e edit   n note and keep   s skip   q quit"


def walk(review: Review, *, everything: bool) -> int:
    """Ask about each row that is open (or every row). Ends at the last row, at q, or at the end of input."""
    counts = review.counts()
    total = counts.total()
    print(f"{safe(review.data.path)}: {plural(total, 'row')}, {counts['open']:,} open.")
    print(f"Decisions are saved in {safe(str(review.journal))}")
    for row, decision in review.rows(undecided_only=not everything):
        before = f"  (decided: {decision.decision})" if decision else ""
        print(f"\n-- row {row.index:,} of {total:,}{before}")
        print(safe(as_text(row.data), newlines=True, tabs=True))
        answer = _asked()
        if answer == "q":
            break
        if answer == "s":
            continue
        if answer == "k":
            review.decide(row, Decision(KEEP))
        elif answer == "d":
            review.decide(row, Decision(DROP))
        elif answer == "n":
            review.decide(row, Decision(KEEP, note=_line("note: ") or ""))
        else:
            edited = edit(row.data)
            if edited is None:
                print("Not changed; the row stays open.")
            else:
                review.decide(row, Decision(EDIT, edited))
    counts = review.counts()
    print(f"\n{counts[KEEP]:,} kept, {counts[EDIT]:,} edited, {counts[DROP]:,} dropped, {counts['open']:,} open.")
    print(f"Write the result: ftui data review {safe(shlex.quote(review.data.path))} -o reviewed.jsonl")
    return 0


def _asked() -> str:
    while True:
        answer = _line(f"{KEYS} > ")
        if answer is None:
            return "q"
        if answer.strip().lower()[:1] in ("k", "d", "e", "n", "s", "q") and answer.strip():
            return answer.strip().lower()[0]


def _line(question: str) -> str | None:
    """A line of input, None at its end."""
    sys.stdout.write(question)
    sys.stdout.flush()
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None


def edit(row: dict[str, Any]) -> dict[str, Any] | None:
    """Let the user change a row in $VISUAL or $EDITOR; None when nothing changed or it is no JSON object any more."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="ftui-edit-") as folder:
        path = Path(folder) / "row.json"
        path.write_text(json.dumps(row, ensure_ascii=False, indent=2), encoding="utf-8", errors="surrogatepass")
        try:
            subprocess.run([*shlex.split(command), str(path)], check=True)
            edited = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FtuiError("No editor", f"{command!r} was not found", "Set EDITOR, for example: EDITOR=nano") from None
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            print(f"The edit was not taken: {safe(str(error))}", file=sys.stderr)
            return None
    return edited if isinstance(edited, dict) and edited != row else None
