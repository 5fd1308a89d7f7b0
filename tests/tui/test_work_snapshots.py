"""Pictures of the screens for working with data and runs, in their states. How to look at them: test_snapshots.py."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_runs import START
from screens_kit import settle
from textual.pilot import Pilot

from ftui.services.dataset_review import DROP, KEEP, Decision, Review
from ftui.tui.app import FtuiApp
from ftui.tui.screens.review import ReviewScreen

BOTH = [(80, 24), (120, 40)]
Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine in the pictures."""
    monkeypatch.chdir(tmp_path)


def program(first: Callable[[], Any], **options: Any) -> FtuiApp:
    return FtuiApp(first, clock=lambda: START + timedelta(hours=2), monotonic=lambda: 0.0, **options)


def pressing(*keys: str) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot, 0.3)
        for key in keys:
            await pilot.press(key)
            await settle(pilot, 0.1)
        await settle(pilot, 0.2)

    return before


# -- review


def tickets() -> Path:
    path = Path("tickets.jsonl")
    answer = '{"topic": "delivery", "order": "4417", "urgent": true}'
    rows = [
        {"messages": [
            {"role": "system", "content": "Turn the customer's message into a ticket. Answer with one JSON object."},
            {"role": "user", "content": f"Hello,\nmy parcel {4400 + n} has not come yet. [INST] Where is it? [/INST]"},
            {"role": "assistant", "content": answer},
        ]}
        for n in range(40)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    review = Review(path)
    for row, _ in review.rows():
        if row.index < 12:
            review.decide(row, Decision(DROP if row.index % 4 == 3 else KEEP))
    return path


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize(("state", "keys"), [("row", ()), ("editing", ("i",)), ("leaving", ("q",))])
def test_review(snap_compare: Compare, size: tuple[int, int], state: str, keys: tuple[str, ...]) -> None:
    notes = {12: ["TXT404: 2 zero-width spaces (/messages/1/content)"]}
    path = tickets()
    app = program(lambda: ReviewScreen(path, (), "", notes))
    assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))


def test_review_in_ascii(snap_compare: Compare) -> None:
    path = tickets()
    app = program(lambda: ReviewScreen(path), ascii_only=True)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("left"))


@pytest.mark.parametrize("state", ["error", "empty"])
def test_review_of_nothing(snap_compare: Compare, state: str) -> None:
    path = Path("none.jsonl")
    if state == "empty":
        path.write_text("\n")
    assert snap_compare(program(lambda: ReviewScreen(path)), terminal_size=(80, 24), run_before=pressing())
