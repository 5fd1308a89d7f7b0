"""A text, or a whole row of a dataset, in the user's own editor."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

from textual.app import App

from ftui.errors import FtuiError
from ftui.services.scratch import scratch_file


def text_from_editor(app: App[Any], name: str, text: str) -> str:
    """The text as it stands once $VISUAL or $EDITOR (or vi) is left. FtuiError where that cannot be started."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        with scratch_file(name, text) as path:
            with app.suspend():
                subprocess.run([*editor, str(path)], check=False)
            return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FtuiError(f"{editor[0]} could not be started", error.strerror or str(error), "Set EDITOR.") from None


def edited_row(app: App[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The row after it was edited. FtuiError where it is no row any more."""
    text = text_from_editor(app, "row.json", _written(row))
    try:
        edited = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FtuiError("Nothing was changed", f"that is not JSON any more ({error})") from None
    if not isinstance(edited, dict):
        raise FtuiError("Nothing was changed", "a row is a JSON object")
    return edited


def _written(row: Mapping[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False, indent=2)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair can only be written escaped
        return json.dumps(row, indent=2)
    return text
