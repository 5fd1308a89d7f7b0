"""Pictures of the screens for working with data and runs, in their states. How to look at them: test_snapshots.py."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_runs import START, make_run
from screens_kit import settle
from test_chat_and_export import DONE, PlayedChat, answering, play, until
from textual.pilot import Pilot

from ftui.core.plan import with_values
from ftui.errors import FtuiError
from ftui.services.dataset_review import DROP, KEEP, Decision, Review
from ftui.services.plans import save_plan
from ftui.services.runs import Run
from ftui.tui.app import FtuiApp
from ftui.tui.screens.chat import ChatScreen
from ftui.tui.screens.compare import CompareScreen
from ftui.tui.screens.export import ExportScreen
from ftui.tui.screens.rate import RateScreen
from ftui.tui.screens.result import RunResultScreen
from ftui.tui.screens.review import ReviewScreen

SMALL, LARGE = (80, 24), (120, 40)
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


@pytest.mark.parametrize(("state", "keys", "size"), [
    ("row", (), SMALL), ("row", (), LARGE), ("editing", ("i",), SMALL), ("leaving", ("q",), SMALL),
])  # fmt: skip
def test_review(snap_compare: Compare, state: str, keys: tuple[str, ...], size: tuple[int, int]) -> None:
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


# -- results


@pytest.fixture
def runs() -> list[Run]:
    """Two scored runs with held-out answers."""
    made = []
    for number, name in enumerate(("20261122-040000-tickets", "20261122-060000-tickets-rank-32")):
        run = make_run(Path("runs"), name=name, status="finished", steps=300 - 60 * number)
        metrics = {
            "field_accuracy": (0.02, 0.91 + number / 100), "exact_match": (0.0, 0.7), "loss": (5.41, 0.44),
            "answer_tokens": (38.4, 43.6), "json_valid": (1.0, 1.0), "schema_valid": (0.0, 0.98),
        }  # fmt: skip
        verdict = {
            "schema_version": 1, "verdict": ("SHIP", "INCONCLUSIVE")[number], "primary": "field_accuracy",
            "reasons": ["field accuracy improved: 0.02 -> 0.91 on 64 rows (change +0.89, 95 % +0.83 to +0.94)",
                        "general ability: loss on general text +15.7%, margin 25%: kept"],
            "metrics": {
                key: {"base": base, "tuned": tuned, "delta": tuned - base, "ci_low": tuned - base - 0.06,
                      "ci_high": tuned - base + 0.05, "n": 64}
                for key, (base, tuned) in metrics.items()
            },
            "forgetting": 0.157, "groups": [{"reason": "no JSON", "base": 60, "tuned": 1}],
            "forgotten": [{"text": "What is a saw?", "base": 0.523, "tuned": 0.989},
                          {"text": "The capital of Hungary is Budapest.", "base": 0.8, "tuned": 1.182}],
        }  # fmt: skip
        (run.path / "eval" / "verdict.json").write_text(json.dumps(verdict))
        wanted = '{"topic": "delivery", "order": "4417", "urgent": true}'
        samples = [
            {"id": n, "prompt": f"Hello, my parcel {4400 + n} has not come. [INST] Where is it? [/INST]",
             "reference": wanted, "base": "I am sorry to hear that! Could you tell me more?",
             "tuned": wanted if n % 3 else wanted.replace("true", "false"), "base_score": 0.1 * (n % 3 == 2) * 8,
             "tuned_score": 1.0 if n % 3 else 0.67}
            for n in range(12)
        ]  # fmt: skip
        (run.path / "eval" / "samples.jsonl").write_text("".join(json.dumps(s) + "\n" for s in samples))
        made.append(run)
    save_plan(with_values(made[1].plan(), {"method.lora_rank": 32, "train.epochs": 2}), made[1].plan_file)
    return made


@pytest.mark.parametrize(("page", "keys", "size"), [
    ("verdict", (), SMALL), ("verdict", (), LARGE), ("rows", ("2",), SMALL), ("rows", ("2",), LARGE),
    ("forgetting", ("3",), SMALL), ("files", ("4",), SMALL),
])  # fmt: skip
def test_result_pages(
    snap_compare: Compare, runs: list[Run], page: str, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    app = program(lambda: RunResultScreen(Run(Path("runs") / runs[0].name)))
    assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))


@pytest.mark.parametrize(("page", "keys", "size"), [
    ("metrics", (), SMALL), ("curves", ("2",), SMALL), ("curves", ("2", "m"), LARGE), ("differences", ("3",), SMALL),
])  # fmt: skip
def test_compare(
    snap_compare: Compare, runs: list[Run], page: str, keys: tuple[str, ...], size: tuple[int, int]
) -> None:
    assert snap_compare(program(lambda: CompareScreen(runs)), terminal_size=size, run_before=pressing(*keys))


def test_compare_with_nothing(snap_compare: Compare, runs: list[Run]) -> None:
    assert snap_compare(program(lambda: CompareScreen(runs[:1])), terminal_size=(80, 24), run_before=pressing("escape"))


@pytest.mark.parametrize(("state", "keys", "size"), [
    ("asking", ("5", "w"), SMALL), ("asking", ("5", "w"), LARGE), ("rated", tuple("3333" * 12), SMALL),
])  # fmt: skip
def test_rate(snap_compare: Compare, runs: list[Run], state: str, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot, 0.3)
        await pilot.press(*keys)
        await settle(pilot, 0.3)

    app = program(lambda: RateScreen(runs[0], "anna"), ascii_only=state == "rated")
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_rate_without_answers(snap_compare: Compare) -> None:
    run = make_run(Path("runs"), status="failed")
    assert snap_compare(program(lambda: RateScreen(run)), terminal_size=(80, 24), run_before=pressing())


# -- chat and export


@pytest.mark.parametrize(("state", "size"), [
    ("loading", SMALL), ("ready", SMALL), ("ready", LARGE), ("answering", SMALL), ("failed", SMALL),
])  # fmt: skip
def test_chat(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, state: str, size: tuple[int, int]) -> None:
    chat = PlayedChat(answer="that it is on its way.\n[INST] Anything else? [/INST]", wait=state == "answering")
    failing = FtuiError("The run has no model yet", "tickets is failed", "Finish it: ftui runs resume tickets")
    play(monkeypatch, failing if state == "failed" else chat)
    if state == "loading":
        monkeypatch.setattr("ftui.tui.chat_thread.open_chat", lambda *_, **__: threading.Event().wait())
    run = make_run(Path("runs"), status="finished")

    async def before(pilot: Pilot[Any]) -> None:
        await pilot.pause(0.3)
        if state in ("ready", "answering"):
            await until(pilot, "ready")
            await pilot.press(*"Where is parcel 4417?", "enter")
            await until(pilot, "tuned says")
        if state == "ready":
            await until(pilot, "ready")
        await pilot.pause(0.3)

    assert snap_compare(program(lambda: ChatScreen(run)), terminal_size=size, run_before=before)


@pytest.mark.parametrize(("state", "size"), [
    ("choosing", SMALL), ("working", SMALL), ("done", SMALL), ("done", LARGE), ("failed", SMALL), ("refused", SMALL),
])  # fmt: skip
def test_export(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, state: str, size: tuple[int, int]) -> None:
    failed = {**DONE, "passed": False, "path": "/runs/x/export/gguf.failed", "check": {
        **DONE["check"], "same_text": 0.5, "differences": [{"wanted": '{"a": 1}', "got": "[INST] ..."}]}}  # fmt: skip
    refusal = FtuiError("The disk is too full", "/runs/x: 30.1 GiB are needed, 2.0 are free", "Use --out.")
    answer = {"failed": failed, "refused": refusal}.get(state, DONE)
    answering(monkeypatch, answer, wait=state == "working")
    run = make_run(Path("runs"), status="finished")
    (run.path / "export" / "adapter").mkdir()
    (run.path / "export" / "adapter" / "check.json").write_text('{"passed": true}')
    keys = ("down", "down") if state == "choosing" else ("down", "down", "enter")
    assert snap_compare(program(lambda: ExportScreen(run)), terminal_size=size, run_before=pressing(*keys))
