"""Review: decisions are on the disk at once, the walk resumes, edits and notes are taken, hostile rows are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from screens_kit import last_notice, settle, shown_text
from test_nasty_strings import LONG, NASTY, check

from ftui.services.dataset_review import DROP, EDIT, KEEP, Review
from ftui.tui.app import FtuiApp
from ftui.tui.review_walk import MOST_BEHIND, Walk
from ftui.tui.review_words import answer_place, text_at, with_text
from ftui.tui.screens.review import ReviewScreen
from ftui.tui.widgets.text_field import TextField


def chat(user: str, answer: str | None) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(chat(f"Question {n}", f"Answer {n}")) + "\n" for n in range(6)))
    return file


def review_app(path: Path, *arguments: Any, **options: Any) -> FtuiApp:
    return FtuiApp(lambda: ReviewScreen(path, *arguments, **options))


def decisions(path: Path) -> list[str]:
    return [d.decision if d else "" for _, d in Review(path).rows()]


async def settled(pilot: Any) -> None:
    await settle(pilot, 0.05)
    await settle(pilot)


async def test_each_key_decides_saves_and_goes_on(rows: Path) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "Question 0" in shown_text(app) and "6 open" in shown_text(app)
        for key, expected in (("k", [KEEP]), ("d", [KEEP, DROP]), ("space", [KEEP, DROP, ""])):
            await pilot.press(key)
            await settled(pilot)
            assert decisions(rows)[: len(expected)] == expected
        text = shown_text(app)
        assert "Question 3" in text and "1 kept  1 dropped  0 edited  4 open" in text
        await pilot.press("left", "left")
        await settled(pilot)
        assert "row 1 (line 2)" in shown_text(app) and "dropped" in shown_text(app).splitlines()[0]
        await pilot.press("k")  # thought better of it
        await settled(pilot)
        assert decisions(rows)[:3] == [KEEP, KEEP, ""] and "Question 2" in shown_text(app)


async def test_a_review_goes_on_where_it_was_left(rows: Path) -> None:
    for _ in range(2):
        app = review_app(rows)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("k")
            await settled(pilot)
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "row 2 (line 3)" in shown_text(app) and "2 kept" in shown_text(app)


async def test_the_answer_is_written_anew_in_place(rows: Path) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("i")
        await settled(pilot)
        assert "^n takes it" in shown_text(app)
        await pilot.press(*" k!", "enter", "d")  # the letters are text here, not decisions
        await pilot.press("ctrl+n")
        await settled(pilot)
        await pilot.press("left")
        assert "edited" in shown_text(app) and "Answer 0 k!" in shown_text(app)
    decided = next(d for _, d in Review(rows).rows())
    assert decided is not None and decided.row == chat("Question 0", "Answer 0 k!\nd")


async def test_escape_leaves_the_answer_as_it_was(rows: Path) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("i", *"xyz", "escape")
        await settled(pilot)
        assert isinstance(app.screen, ReviewScreen) and not app.screen.editing
    assert decisions(rows)[0] == ""


async def test_what_is_pasted_into_an_answer_is_made_harmless(rows: Path) -> None:
    from textual.events import Paste

    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("i")
        await settled(pilot)
        field = app.screen.query_one(TextField)
        field.post_message(Paste(NASTY + "x" * 1_000_000))
        await settled(pilot)
        assert "\x1b" not in field.text and "\u202e" not in field.text and len(field.text) < 200_000
        check(shown_text(app), shows=False)


class _no_suspend:
    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(("script", "decision", "said"), [
    ("sed -i 's/Answer 0/Better/' \"$1\"", EDIT, ""),
    ("true", "", "Nothing was changed"),
    ("echo '{' > \"$1\"", "", "not JSON any more"),
    ("echo '[1]' > \"$1\"", "", "a row is a JSON object"),
])  # fmt: skip
async def test_the_whole_row_in_the_editor(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, decision: str, said: str
) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setattr(FtuiApp, "suspend", _no_suspend)
    app = review_app(rows)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("e")
        await settled(pilot)
        assert said in last_notice(app)
    assert decisions(rows)[0] == decision


async def test_an_editor_that_is_not_there_is_said(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "/nowhere/editor")
    monkeypatch.setattr(FtuiApp, "suspend", _no_suspend)
    app = review_app(rows)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("e")
        await settled(pilot)
        assert "could not be started" in last_notice(app)


async def test_a_note_keeps_the_row(rows: Path) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("m", *"ask Ann", "enter")
        await settled(pilot)
    decided = next(d for _, d in Review(rows).rows())
    assert decided is not None and (decided.decision, decided.note) == (KEEP, "ask Ann")


async def test_leaving_offers_to_write_and_the_file_holds_what_was_decided(rows: Path) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("d")
        await settled(pilot)
        await pilot.press("q")
        await settled(pilot)
        assert "Write what you decided" in shown_text(app)
        await pilot.press("w")
        for _ in range(100):
            await pilot.pause(0.05)
            if rows.with_name("rows.reviewed.jsonl").exists():
                break
    written = [json.loads(line) for line in rows.with_name("rows.reviewed.jsonl").read_text().splitlines()]
    assert written == [chat(f"Question {n}", f"Answer {n}") for n in range(1, 6)]


async def test_the_end_says_what_comes_next(rows: Path) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for _ in range(6):
            await pilot.press("space")
            await settled(pilot)
        text = shown_text(app)
        assert "That was the last row." in text and "g goes to the first of them" in text
        await pilot.press("k")  # there is nothing to keep
        await pilot.press("g")
        await settled(pilot)
        assert "Question 0" in shown_text(app) and decisions(rows) == [""] * 6


async def test_a_file_that_cannot_be_read_and_one_without_rows(tmp_path: Path) -> None:
    app = review_app(tmp_path / "gone.jsonl")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "✗" in shown_text(app)
        await pilot.press("k", "d", "i", "e", "m", "x", "g", "left", "space")
        await settled(pilot)
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"messages": [{"role": "user", "content": "a"}]}\n{\n')
    app = review_app(broken, (1,), "JSN201")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "None of these rows can be read" in shown_text(app)


async def test_a_disk_that_refuses_is_said_and_the_row_stays(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = review_app(rows)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        journal = rows.with_name("rows.review.jsonl")
        journal.mkdir()
        await pilot.press("k")
        await settled(pilot)
        assert "cannot be saved" in last_notice(app) and "Question 0" in shown_text(app)


@pytest.mark.parametrize(
    ("text", "size"), [(NASTY, (60, 18)), (NASTY, (120, 40)), (LONG, (80, 24))], ids=["60", "120", "long-80"]
)
async def test_hostile_rows(tmp_path: Path, text: str, size: tuple[int, int]) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [chat(text, text), {text[:200]: text, "prompt": text, "completion": text}, {"text": [text, {text[:9]: 1}]}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    app = review_app(file, (), text[:300], {0: [text[:2000]], 1: [text[:2000]], 2: [text[:2000]]})
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(pilot)
        for key in ("v", "v", "i", "escape", "m", "escape", "space", "i", "escape", "space", "i"):
            check(shown_text(app))
            await pilot.press(key)
            await settled(pilot)
        check(shown_text(app), shows=False)


# -- without a screen


def test_memory_does_not_grow_with_the_walk(tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(MOST_BEHIND + 50)))
    walk = Walk(file)
    while walk.forward(to_open=True):
        pass
    assert walk.row is None
    went_back = 0
    while walk.back():
        went_back += 1
    assert went_back == MOST_BEHIND and walk.row is not None and walk.row.index == 50


@pytest.mark.parametrize(("row", "place"), [
    (chat("a", "b"), ("messages", 1, "content")),
    (chat("a", None), ("messages", 1, "content")),
    ({"conversations": [{"from": "gpt", "value": "b"}]}, ("conversations", 0, "value")),
    ({"instruction": "a", "input": "", "output": "b"}, ("output",)),
    ({"prompt": "a", "completion": "b"}, ("completion",)),
    ({"messages": [{"role": "user", "content": "a"}]}, None),
    ({"messages": [{"role": "assistant", "content": [{"type": "text"}]}]}, None),
    ({"n": 1}, None),
])  # fmt: skip
def test_the_answer_of_a_row_is_found_and_replaced(row: dict[str, Any], place: tuple[str | int, ...] | None) -> None:
    assert answer_place(row) == place
    if place is not None:
        before = json.dumps(row)
        assert text_at(with_text(row, place, "new"), place) == "new" and json.dumps(row) == before
