"""The end of a review: what was decided goes into a new file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftui.core.text import plural, safe
from ftui.errors import FtuiError
from ftui.services.data_check import fixed_file
from ftui.services.dataset_review import DROP, EDIT, KEEP, Review
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.screens.confirm import Answer, AskDialog

NOT_NOW = Answer("cancel", "c", "Not now")
LEAVE, STAY = Answer("leave", "l", "Leave"), Answer("cancel", "c", "Stay")


async def ask_and_write(
    screen: FtuiScreen[Any], source: Path, review: Review, counts: Counter[str], others: Sequence[Answer]
) -> tuple[str, Path | None]:
    """Ask whether to write, and write; (the answer, or "failed", and the new file where there is one)."""
    made = fixed_file(str(source), "reviewed")
    answers = [Answer("all", "w", "Write")]
    if counts["open"]:
        answers.append(Answer("decided", "o", "Without open rows"))
    words = (
        f"{plural(counts[KEEP], 'row')} kept, {counts[EDIT]:,} edited, {counts[DROP]:,} dropped, "
        f"{counts['open']:,} open. Into {made.name}; {source.name} stays as it is. What you decided is "
        "kept either way, and this review can be gone on with."
    )
    dialog = AskDialog("Write what you decided into a new file?", words, [*answers, *others])
    answer = await screen.app.push_screen_wait(dialog)
    if answer not in ("all", "decided"):
        return answer, None
    try:
        rows = await asyncio.to_thread(review.export, made, with_open=answer == "all")
    except (FtuiError, OSError) as error:
        screen.say(f"Not written: {error}", severity="error")
        return "failed", None
    screen.app.notify(f"{plural(rows, 'row')} written: {safe(str(made))}", markup=False)
    screen.ftui.farewell.append(f"Reviewed rows: {safe(str(made))}")
    return answer, made
