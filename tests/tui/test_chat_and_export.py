"""Chat and export: loading, streaming, stopping, failing; models and commands are played."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_answers import EXPORTED
from fake_runs import empty_run, make_run
from screens_kit import last_notice, settle, shown_text
from test_nasty_strings import LONG, NASTY, check
from textual.widgets import Input

from ftui.errors import FtuiError
from ftui.services.chat import Piece
from ftui.services.runs import Run
from ftui.services.trained_system import trained_system
from ftui.tui.app import FtuiApp
from ftui.tui.chat_words import Talk, Turn, talk_text
from ftui.tui.export_words import TARGETS, done_rows, state_of
from ftui.tui.glyphs import UNICODE
from ftui.tui.screens.chat import ChatScreen
from ftui.tui.screens.export import ExportScreen
from ftui.tui.widgets.key_bar import KeyBar


class PlayedChat:
    """Answers as services.chat.Chat does, word by word; waits at `gate` before the last word."""

    def __init__(
        self, models: tuple[str, ...] = ("base", "tuned"), answer: str = "so it is", wait: bool = False
    ) -> None:
        self.models, self.answer = models, answer
        self.asked: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.stopped = self.closed = False
        if not wait:
            self.gate.set()

    def ask(self, messages: Any, *, models: Any, max_new_tokens: int) -> Iterator[Piece]:
        self.asked.append({"messages": messages, "models": models, "max_new_tokens": max_new_tokens})
        for model in models:
            yield Piece(model, f"{model} says {self.answer}")
        self.gate.wait(20)
        for model in models:
            yield Piece(model, end=True, tokens=7, seconds=0.5)

    def stop(self) -> None:
        self.stopped = True
        self.gate.set()

    def close(self) -> None:
        self.closed = True
        self.gate.set()


def play(monkeypatch: pytest.MonkeyPatch, chat: Any) -> None:
    def opened(run: Run, *, others: Any = None) -> Any:
        if isinstance(chat, Exception):
            raise chat
        return chat

    monkeypatch.setattr("ftui.tui.chat_thread.open_chat", opened)


def app_with(screen: Any, **options: Any) -> FtuiApp:
    return FtuiApp(lambda: screen, **options)


async def until(pilot: Any, text: str) -> str:
    """Wait until a text is on the screen, and give the screen's."""
    for _ in range(200):
        if text in (shown := shown_text(pilot.app)):
            return shown
        await pilot.pause(0.05)
    raise AssertionError(f"{text!r} never came:\n{shown_text(pilot.app)}")


# -- chat


async def test_both_answers_stream_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = PlayedChat(wait=True)
    play(monkeypatch, chat)
    app = app_with(ChatScreen(make_run(tmp_path, status="finished"), system="Be brief.", max_new_tokens=9))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "ready")
        await pilot.press(*"why?", "enter")
        text = await until(pilot, "answering; esc stops it")
        text = await until(pilot, "tuned says so it is")
        assert "base says so it is" in text and "▸ why?" in text
        await pilot.press(*"more", "enter")
        await pilot.pause()
        assert "One at a time" in last_notice(app) and len(chat.asked) == 1
        chat.gate.set()
        assert "7 tokens, 14 tokens/s" in await until(pilot, "ready")
    assert chat.asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "why?"},
    ]  # fmt: skip
    assert chat.asked[0]["max_new_tokens"] == 9
    for _ in range(100):
        if chat.closed:
            break
        time.sleep(0.05)
    assert chat.closed


async def test_escape_stops_an_answer_and_then_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = PlayedChat(wait=True)
    play(monkeypatch, chat)
    app = app_with(ChatScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "ready")
        await pilot.press("a", "enter")
        await until(pilot, "tuned says")
        await pilot.press("escape")
        assert "(stopped)" in await until(pilot, "ready") and chat.stopped
        assert app.is_running
        await pilot.press("escape")
        await pilot.pause(0.1)
    assert app.return_code == 0


async def test_a_conversation_goes_on_when_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = PlayedChat()
    play(monkeypatch, chat)
    app = app_with(ChatScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, "each question begins anew")
        await pilot.press("ctrl+g")
        await until(pilot, "each question goes on")
        for question in "ab":
            await pilot.press(question, "enter")
            await until(pilot, f"▸ {question}")
            await until(pilot, "ready")
        await pilot.press("up")
        assert app.screen.query_one("#ask", Input).value == "b"
    assert [message["content"] for message in chat.asked[1]["messages"]] == ["a", "tuned says so it is", "b"]


async def test_another_model_on_the_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = PlayedChat(("base", "tuned", "other"))
    play(monkeypatch, chat)
    app = app_with(ChatScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "ready")
        await pilot.press("f2", "a", "enter")
        await until(pilot, "other says")
    assert chat.asked[0]["models"] == ("base", "other")


async def test_a_system_prompt_and_the_conversation_as_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    chat = PlayedChat()
    play(monkeypatch, chat)
    app = app_with(ChatScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, "ready")
        await pilot.press("ctrl+o", *"Rhyme", "enter")
        await until(pilot, "system: Rhyme")
        await pilot.press("a", "enter")
        await until(pilot, "tuned says")
        await pilot.press("ctrl+y")
        await settle(pilot)
    [file] = own_home.rglob("chat.txt")
    assert "> a" in file.read_text() and "tuned says so it is" in file.read_text()


def with_system(run: Run, *systems: str) -> Run:
    """The run, with training rows that begin with these system prompts."""
    folder = run.path / "data"
    folder.mkdir(exist_ok=True)
    user = {"role": "user", "content": "hi"}
    rows = [{"messages": [*([{"role": "system", "content": text}] if text else []), user]} for text in systems]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


async def test_the_models_are_asked_as_the_training_rows_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = PlayedChat()
    play(monkeypatch, chat)
    lines = "Answer in JSON.\nNothing else."
    run = with_system(make_run(tmp_path, status="finished"), lines, lines)
    app = app_with(ChatScreen(run))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "ready")
        assert "system of the training rows: Answer in JSON." in shown_text(app)
        await pilot.press("ctrl+o")
        await settle(pilot)
        await pilot.press("enter")  # left as it is: still two lines
        await pilot.press("a", "enter")
        await until(pilot, "tuned says")
        assert chat.asked[0]["messages"][0] == {"role": "system", "content": lines}
        await pilot.press("ctrl+o")
        await settle(pilot)
        app.screen.query_one("#prompt Input", Input).value = ""
        await pilot.press("enter")
        await until(pilot, "system: none; the training rows had one (^o)")


@pytest.mark.parametrize(
    ("systems", "expected"), [((), ""), (("", ""), ""), (("A", "B"), ""), (("A", ""), ""), (("A", "A "), "A")]
)
def test_only_a_system_prompt_of_all_rows_is_taken(systems: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    assert trained_system(with_system(make_run(tmp_path), *systems)) == expected


@pytest.mark.parametrize("text", ["", "{", "[]", '{"messages": 7}', '{"prompt": [null]}', "\xff"])
def test_rows_of_another_shape_have_no_system_prompt(text: str, tmp_path: Path) -> None:
    run = with_system(make_run(tmp_path))
    (run.path / "data" / "train.jsonl").write_bytes(text.encode("latin-1"))
    assert trained_system(run) == ""


@pytest.mark.parametrize("loads", [False, True])
async def test_models_that_cannot_be_had_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loads: bool) -> None:
    class Dies(PlayedChat):
        def ask(self, *_: Any, **__: Any) -> Iterator[Piece]:
            raise FtuiError("The chat ended", "the models' process is gone", "Its log: worker.log")

    play(
        monkeypatch, Dies() if loads else FtuiError("The run has no model yet", "tickets is failed", "ftui runs resume")
    )
    app = app_with(ChatScreen(empty_run(tmp_path, status="failed")))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        if loads:
            await until(pilot, "ready")
            await pilot.press("a", "enter")
            await until(pilot, "the models' process is gone")
        else:
            await until(pilot, "The run has no model yet")
        await pilot.press("b", "enter")
        await pilot.pause()
        assert "The models are gone" in last_notice(app)


async def test_keys_pressed_while_the_models_load_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    chat = PlayedChat()

    def slow(run: Run, *, others: Any = None) -> Any:
        gate.wait(20)
        return chat

    monkeypatch.setattr("ftui.tui.chat_thread.open_chat", slow)
    app = app_with(ChatScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, "loading base and tuned model")
        await pilot.press(*"hello", "enter", "ctrl+g", "f2")
        assert app.screen.query_one("#ask", Input).value == "hello"
        gate.set()
        await until(pilot, "ready")
        await pilot.press("enter")
        await until(pilot, "▸ hello")


@pytest.mark.parametrize(("text", "size"), [(NASTY, (60, 18)), (LONG[:200_000], (120, 40))], ids=["nasty", "long"])
async def test_hostile_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, size: tuple[int, int]
) -> None:
    play(monkeypatch, PlayedChat(("base", "tuned", text[:50]), text))
    app = app_with(ChatScreen(make_run(tmp_path, status="finished"), system=text[:500]))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, "ready")
        app.screen.query_one("#ask", Input).value = text[:2000]
        await pilot.press("enter")
        await until(pilot, "tokens")
        check(shown_text(app), shows=False)
        await pilot.press("f2")
        await settle(pilot)
        check(shown_text(app), shows=False)
    check(talk_text([Talk("base", [Turn(text, text)])]))


# -- export

DONE = EXPORTED


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any, *, wait: bool = False) -> list[tuple[str, ...]]:
    """Let `ftui export` answer so; gives what it was asked."""
    asked: list[tuple[str, ...]] = []

    async def ask(*arguments: str, hear: Any = None, **_: Any) -> Any:
        asked.append(arguments)
        for line in ("… importing: torch", "… loading: base", "… saving: 1 of 2", "… saving: 2 of 2", "a warning"):
            hear(line)
        if wait:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("ftui.tui.screens.export.ask", ask)
    return asked


async def test_a_target_is_chosen_made_and_its_check_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, DONE)
    run = make_run(tmp_path, status="finished")
    app = app_with(ExportScreen(run))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert ("enter", "Export") in app.screen.query_one(KeyBar).keys
        assert all(target.name in shown_text(app) for target in TARGETS)
        await pilot.press("down", "down")
        for _ in range(6):
            await pilot.press("p")
            await settle(pilot)
            if "‹q8_0›" in shown_text(app):
                break
        await pilot.press("enter")
        text = await until(pilot, "Exported, and the same")
        assert "100.0% of 32" in text and "a note" in text and "llama-server -m model.gguf" in text
    assert asked == [("export", str(run.path), "--to", "gguf", "--quantize", "q8_0")]


async def test_progress_is_shown_and_stopping_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, DONE, wait=True)
    app = app_with(ExportScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        text = await until(pilot, "saving: 2 of 2")
        assert "✓ loading: base" in text and "saving: 1 of 2" not in text
        await pilot.press("enter", "escape")
        await until(pilot, "Stop the export?")
        await pilot.press("g")
        await pilot.pause(0.1)
        await pilot.press("escape")
        await until(pilot, "Stop the export?")
        await pilot.press("s")
        await until(pilot, "Stopped. Nothing half-written")


async def test_what_is_there_is_replaced_only_when_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, DONE)
    run = make_run(tmp_path, status="finished")
    folder = run.path / "export" / "adapter"
    folder.mkdir()
    assert state_of(run.path, "adapter") == "unchecked"
    (folder / "check.json").write_text('{"passed": true}')
    app = app_with(ExportScreen(run))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "there, checked" in shown_text(app)
        await pilot.press("enter")
        await until(pilot, "Make adapter again?")
        await pilot.press("k")
        await settle(pilot)
        assert not asked
        await pilot.press("enter")
        await until(pilot, "Make adapter again?")
        await pilot.press("r")
        await until(pilot, "Exported")
    assert asked[0][-1] == "--overwrite"


async def test_an_export_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, FtuiError("The disk is too full", "2 GiB are needed", "Use --out."))
    app = app_with(ExportScreen(make_run(tmp_path, status="finished")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        assert "Use --out." in await until(pilot, "The disk is too full")


async def test_nothing_goes_to_the_hub_before_it_was_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, {"repo": "me/mine", "url": "https://hub/me/mine"})
    run = make_run(tmp_path, status="finished")
    app = app_with(ExportScreen(run))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("end", "enter")
        await until(pilot, "OWNER/NAME")
        await pilot.press(*"me/mine", "enter")
        await until(pilot, "has no export that passed")
        folder = run.path / "export" / "adapter"
        folder.mkdir()
        (folder / "check.json").write_text(json.dumps({"passed": True}))
        (folder / "adapter_model.safetensors").write_bytes(b"x" * 2048)
        await pilot.press("enter")
        await until(pilot, "OWNER/NAME")
        await pilot.press(*"me/mine", "enter")
        text = await until(pilot, "Upload to me/mine?")
        assert "adapter_model.safetensors  2.0 KiB" in text and not asked
        await pilot.press("u")
        await until(pilot, "https://hub/me/mine")
    assert asked[0][2:] == ("--to", "hub", "--repo", "me/mine", "--yes")


@pytest.mark.parametrize("answer", [
    {}, {"check": 3}, {"passed": True, "check": {"compared": 3}, "next": 5},
    {"passed": False, "check": {"notes": 3, "differences": [1, {"got": 2}]}},
])  # fmt: skip
def test_a_report_of_another_shape_breaks_nothing(answer: dict[str, Any]) -> None:
    assert done_rows(answer, UNICODE)


def test_a_hostile_report_is_made_harmless() -> None:
    check_report = {"compared": 1, "same_text": 0.0, "threshold": 1.0, "notes": [NASTY],
                    "differences": [{"wanted": NASTY, "got": NASTY}]}  # fmt: skip
    for passed in (True, False):
        answer = {"passed": passed, "path": NASTY, "check": check_report, "next": [NASTY]}
        check("\n".join("".join(text for text, _ in row) for row in done_rows(answer, UNICODE)))
