"""Text from outside, at its worst, through every screen and pane: nothing is obeyed, and chat templates survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_answers import CHECK, MODELS, PREVIEW, fake_ask, plan
from fake_runs import append, empty_run
from screens_kit import answer_with, settle, shown_text, watch_app, welcome_app

from ftui.core.events import Alert, Attempt, Checkpoint, Failed, Phase, Sample, Step
from ftui.core.plan import to_mapping, with_values
from ftui.errors import FtuiError
from ftui.services.drafts import save_draft
from ftui.tui.screens.confirm import leave_dialog
from ftui.tui.state import WizardState

MARKUP = "[INST] a [/INST] [/] [bold [/path] [@click=app.quit]x[/]"
ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m"
INVISIBLE = "\u202egnp.exe\u202c \u200b\u2066 \x00\x07\x08 \ud800 \U000e0041"
NASTY = f"{MARKUP} {ESCAPES} {INVISIBLE} 日本語 e\u0301 👩\u200d👩\u200d👧"
LONG = MARKUP + " " + "x" * 1_000_000
FORBIDDEN = "\x1b\x9b\x07\x08\x00\u202e\u202c\u2066\ud800\U000e0041"
SIZES = [(80, 24), (120, 40)]


def check(text: str, *, shows: bool = True) -> None:
    """Nothing that a terminal would obey, and the template as it was."""
    for character in FORBIDDEN:
        assert character not in text, repr(character)
    if shows:
        assert "[INST] a [/INST]" in " ".join(text.split()), text


def nasty_run(folder: Path, text: str) -> Path:
    """A run all of whose texts are `text`."""
    run = empty_run(folder, name="20261122-040000-nasty", status="running")
    state = json.loads(run.state_file.read_text())
    run.state_file.write_text(json.dumps({**state, "reason": text}))
    cut = text[:200_000]
    append(
        run.trainer_events,
        [
            (0, Phase(cut, cut)),
            (1, Step(1, 10, 0.1, 10, {"loss": 1.0, cut[:60]: 2.0, "[/]": 3.0})),
            (1, Sample(1, cut, cut, cut, cut)),
            (1, Checkpoint(1, cut, 10, best=True)),
            (2, Alert("warning", cut, cut, cut, 1)),
            (2, Alert(cut, "x", cut)),
            (3, Failed(cut, cut, cut, "error")),
        ],
    )
    append(run.supervisor_events, [(0, Attempt(2, cut, changes={cut[:60]: cut}))])
    run.log.write_bytes((cut + "\n").encode("utf-8", "surrogatepass") * 3)
    return run.path


@pytest.mark.parametrize(
    ("text", "size"),
    [(NASTY, SIZES[0]), (NASTY, SIZES[1]), (LONG, SIZES[1])],
    ids=["nasty-80", "nasty-120", "long-120"],
)
async def test_every_pane_of_the_dashboard(tmp_path: Path, text: str, size: tuple[int, int]) -> None:
    app = watch_app(nasty_run(tmp_path, text))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        check(shown_text(app), shows=False)
        for key in "123456789":
            await pilot.press(key, "f")
            await settle(pilot)
            check(shown_text(app), shows=key in "789")
            await pilot.press("f")
        await pilot.press("slash")
        await pilot.press(*"[/]")
        await settle(pilot)
        check(shown_text(app))


async def test_exports_and_copies_of_every_pane(tmp_path: Path, own_home: Path) -> None:
    app = watch_app(nasty_run(tmp_path, NASTY))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in "123456789":
            await pilot.press(key)
            await settle(pilot)
            await pilot.press("e", "c")
            await settle(pilot)
        for path in (own_home / "exports").rglob("*.*"):
            check(path.read_text(), shows=False)


def nasty_group(group: dict[str, Any], index: int) -> dict[str, Any]:
    """A group of findings all of whose texts are nasty; the first even by its code."""
    finding = {**group["findings"][0], "message": NASTY, "excerpt": NASTY, "pointer": NASTY, "mark": [3, 40]}
    example = {"row": 0, "line": 1, "dropped": bool(index % 2), "places": [[NASTY, NASTY, NASTY]]}
    texts = {"summary": NASTY, "explanation": NASTY, "code": NASTY if not index else group["code"]}
    fix = {"safety": "safe", "description": NASTY} if index < 3 else None
    return {**group, **texts, "fix": fix, "findings": [finding], "examples": [example]}


async def nasty_answers(*arguments: str, module: str = "ftui", **_: Any) -> Any:
    """What the commands would say of nasty data and models."""
    if module == "ftui.services.preview":
        pieces = [[NASTY, False, True], [NASTY, True, False]]
        row = {**PREVIEW["rows"][0], "pieces": pieces, "notes": [NASTY], "dropped": NASTY}
        return {**PREVIEW, "tokenizer": NASTY, "rows": [row], "refused": [NASTY]}
    if module == "ftui.services.model_choices":
        model = {**MODELS["models"][0], "id": MARKUP, "title": NASTY, "license": NASTY, "reason": NASTY}
        return {**MODELS, "device": NASTY, "models": [model]}
    if module == "ftui.services.data_check":
        return {**CHECK, "format": NASTY, "groups": [nasty_group(CHECK["groups"][index], index) for index in range(4)]}
    if arguments[:2] == ("plan", "new"):
        reasons = {"train.learning_rate": NASTY.encode("utf-8", "ignore").decode()}
        return to_mapping(with_values(plan(), {"run.name": MARKUP, "run.notes": MARKUP}, reasons))
    return await fake_ask(*arguments, module=module)


@pytest.mark.parametrize("size", SIZES)
async def test_every_stage_of_the_wizard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    answer_with(monkeypatch, nasty_answers)
    monkeypatch.chdir(tmp_path)
    name = "[INST] a [-INST] [bold x\x1b[2J.jsonl"
    (tmp_path / name).write_text("{}\n")
    run = nasty_run(tmp_path / "runs", NASTY.encode("utf-8", "ignore").decode())
    (run / "eval" / "verdict.json").write_text(
        json.dumps({"verdict": NASTY, "reasons": [NASTY], "forgotten": [NASTY], "primary": "x",
                    "metrics": {NASTY: {"base": 0, "tuned": 1, "delta": 1, "ci_low": 0, "ci_high": 1, "n": 3}}})
    )  # fmt: skip
    (run / "eval" / "samples.jsonl").write_text(json.dumps({"prompt": NASTY, "base": NASTY, "tuned": NASTY}) + "\n")
    app = welcome_app()
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        app.wizard.open("data")
        await settle(pilot)
        check(shown_text(app), shows=False)
        assert "[INST] a [-INST] [bold x" in shown_text(app)  # the file's name in the picker
        await pilot.press("enter")
        await settle(pilot)
        for _ in range(8):
            await settle(pilot)
            check(shown_text(app))
            await pilot.press("up")
        app.wizard.open("model")
        await settle(pilot)
        check(shown_text(app))
        await pilot.press("enter")
        await settle(pilot)
        check(shown_text(app), shows=False)
        await pilot.press("end", "enter")
        await settle(pilot)
        check(shown_text(app))
        await pilot.press("escape", "escape")
        app.wizard.state.run_path = str(run)
        app.wizard.open("result")
        await settle(pilot)
        check(shown_text(app))
        app.screen.say(NASTY)  # type: ignore[attr-defined]
        await settle(pilot)
        check(shown_text(app))


@pytest.mark.parametrize("size", SIZES)
async def test_errors_notices_dialogs_and_the_list_of_runs(
    own_home: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async def refuses(*arguments: str, **_: Any) -> Any:
        raise FtuiError(NASTY, NASTY, NASTY)

    answer_with(monkeypatch, refuses)
    nasty_run(own_home / "runs", MARKUP)
    (own_home / "runs" / "20261122-040000-nasty").rename(own_home / "runs" / "[INST] a [-INST] [bold [x")
    save_draft("[/]", "[/]", WizardState(data_file="/" + MARKUP).to_mapping())
    app = welcome_app()
    async with app.run_test(size=size, notifications=True) as pilot:
        await settle(pilot)
        assert "[INST] a [-INST] [bold [x" in shown_text(app)
        app.push_screen(leave_dialog(NASTY))
        await settle(pilot)
        check(shown_text(app))
        await pilot.press("escape")
        app.wizard.state = WizardState(data_file="/x/" + MARKUP, model_id=MARKUP)
        for stage in ("data", "model", "plan"):
            app.wizard.open(stage)
            await settle(pilot)
            check(shown_text(app))
