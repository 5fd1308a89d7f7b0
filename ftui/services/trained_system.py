"""The system prompt that a run's rows begin with: asked without it, a tuned model answers like another one."""

from __future__ import annotations

import json
from itertools import islice

from ftui.services.runs import Run

_LOOKED_AT_ROWS = 200
_LONGEST_ROW_BYTES = 1 << 20


def trained_system(run: Run) -> str:
    """The system prompt that the first training rows have in common; "" where they differ, have none, or are gone."""
    found: set[str] = set()
    try:
        with (run.path / "data" / "train.jsonl").open("rb") as rows:
            for line in islice(iter(lambda: rows.readline(_LONGEST_ROW_BYTES), b""), _LOOKED_AT_ROWS):
                found.add(_system_of(json.loads(line)))
                if len(found) > 1:
                    return ""
    except (OSError, ValueError, RecursionError):
        return ""
    return found.pop() if found else ""


def _system_of(row: object) -> str:
    messages = row.get("messages") or row.get("prompt") if isinstance(row, dict) else None
    first = messages[0] if isinstance(messages, list) and messages else None
    if not isinstance(first, dict) or first.get("role") != "system":
        return ""
    content = first.get("content")
    return content.strip() if isinstance(content, str) else ""
