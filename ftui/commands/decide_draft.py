"""What was answered so far, kept after every answer, so that a lost connection costs nothing."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from ftui.core.decide.answers import SCHEMA_VERSION, Answers, parse_answers
from ftui.core.decide.questions import BY_ID
from ftui.core.text import clip
from ftui.errors import FtuiError
from ftui.services.drafts import drafts_folder
from ftui.services.files import read_json, write_json
from ftui.services.paths import make_private


def kept() -> tuple[Answers, frozenset[str]]:
    """The answers of a questionnaire that was left, and which questions were answered (also by "I do not know").

    No answers where nothing was left, or nothing that this ftui can read.
    """
    data = read_json(_file())
    answered = data.get("answered") if isinstance(data, dict) else None
    if not isinstance(answered, list):
        return Answers(), frozenset()
    try:
        answers = parse_answers({**data["answers"], "schema_version": data.get("schema_version")}, "the draft")
    except (FtuiError, KeyError, TypeError):
        return Answers(), frozenset()
    known = {name for name in answered if isinstance(name, str) and name in BY_ID}
    return answers, frozenset(known | set(answers.to_mapping()))


def keep(answers: Answers, answered: frozenset[str]) -> None:
    """Keep the answers so far. A disk that refuses is said and stops nothing."""
    document = {"schema_version": SCHEMA_VERSION, "answers": answers.to_mapping(), "answered": sorted(answered)}
    try:
        make_private(drafts_folder())
        write_json(_file(), document)
    except OSError as error:
        print(f"  (Not kept for later: {clip(error.strerror or str(error), 60)}.)", file=sys.stderr)


def forget() -> None:
    """The questionnaire came to its verdict."""
    with contextlib.suppress(OSError):
        _file().unlink()


def _file() -> Path:
    return drafts_folder() / "decide.json"
