"""Runs that take long to read: a rough picture first, then the whole one, as if it had been read at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runs import append, empty_run, supervisor_events, trainer_events
from screens_kit import settle, shown_text, watch_app

from ftui.services.runs import Run
from ftui.services.tail import scattered_lines
from ftui.tui import run_feed
from ftui.tui.run_feed import RunFeed
from ftui.tui.run_view import SMOOTHINGS


@pytest.fixture
def long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of which only pieces are looked at first."""
    monkeypatch.setattr(run_feed, "_LONG_BYTES", 10_000)
    monkeypatch.setattr(run_feed, "_PIECES", 20)
    monkeypatch.setattr(run_feed, "_PIECE_BYTES", 2_000)
    run = empty_run(tmp_path, status="finished")
    append(run.trainer_events, trainer_events(3000, 3000))
    append(run.supervisor_events, supervisor_events(3000))
    return run


def test_pieces_of_a_file_hold_whole_lines_from_its_start_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)) + "half")
    pieces = list(scattered_lines(path, 10, 500))
    assert len(pieces) == 10 and pieces[0][0] == b"line 0" and pieces[-1][-1] == b"line 9999"
    assert all(line.startswith(b"line ") for piece in pieces for line in piece)
    short = list(scattered_lines(path, 1, 1 << 20))
    assert len(short[0]) == 10_000 and list(scattered_lines(tmp_path / "none", 3, 100)) == []


def test_the_rough_picture_spans_the_whole_run_and_the_whole_one_takes_its_place(long_run: Run) -> None:
    feed = RunFeed(long_run)
    assert sum(1 for _ in feed.skim()) > 20 and feed.rough
    rough = feed.view
    assert rough.step == 3000 and rough.train["loss"].xs[0] == 1 and rough.train["loss"].xs[-1] == 3000
    assert 100 < len(rough.train["loss"]) < 1500 and rough.gpus[0].used_bytes > 0
    rough.smooth(SMOOTHINGS[1])
    while feed.drain(0.01):
        pass
    assert not feed.rough and len(feed.view.train["loss"]) == 3000 and feed.view.smoothing == SMOOTHINGS[1]
    at_once = RunFeed(long_run)
    at_once.drain(60)
    assert list(at_once.view.train["loss"].ys) == list(feed.view.train["loss"].ys)
    assert not list(feed.skim())  # what was read once is not skimmed again


async def test_the_dashboard_of_a_long_run_ends_with_the_whole_of_it(long_run: Run) -> None:
    app = watch_app(long_run.path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.pause(0.3)
        text = shown_text(app)
        assert "step 3,000 of 3,000" in text and "reading" not in text
