"""What was decided before a run, kept in its folder: the answers, and the verdict that the run follows or goes against.

answers.json    as `ftui decide --answers` takes them
verdict.json    as `ftui decide --json` prints it; `overridden` where the person trains although it says not to
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ftui.errors import FtuiError
from ftui.services.files import read_json


def decision_files(answers_json: str, source: str = "answers") -> dict[str, Any]:
    """The files for `launch.start_run(extra_files=...)` by name. Raises FtuiError for answers that cannot be read.

    A run is being started, so a verdict that is not to train (or not yet) is one that the person overrides.
    """
    from ftui.core.decide.answers import answers_from_json
    from ftui.core.decide.verdict import decide, to_document

    answers = answers_from_json(answers_json, source)
    verdict = decide(answers)
    return {"answers.json": answers.to_mapping(), "verdict.json": to_document(verdict, overridden=not verdict.trains)}


def read_answers_file(path: Path) -> dict[str, Any]:
    """`decision_files` of a file. Raises FtuiError where it is not there or not answers."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FtuiError(
            "The answers cannot be read", f"{path}: {reason}", "ftui decide --help says what they are."
        ) from None
    return decision_files(text, path.name)


def advice_against(run_folder: Path) -> str:
    """What the questionnaire advised instead of this run, or empty where it advised the run or was not asked."""
    verdict = read_json(run_folder / "verdict.json")
    if not isinstance(verdict, dict) or verdict.get("overridden") is not True:
        return ""
    return str(verdict.get("approach", "")).replace("_", " ")
