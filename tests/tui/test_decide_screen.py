"""The questionnaire on the screen: answering, back, why, the verdict so far, the page, going on against it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from screens_kit import last_notice, settle, shown_text, welcome_app
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widget import Widget

import ftui.tui.app
from ftui.core.decide.answers import parse_answers
from ftui.core.decide.questions import QUESTIONS
from ftui.core.decide.verdict import decide
from ftui.services.drafts import load_draft, save_draft
from ftui.tui import decide_words
from ftui.tui.app import FtuiApp
from ftui.tui.glyphs import ASCII, UNICODE
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.widgets.question_panel import Choices
from ftui.tui.widgets.questionnaire import Questionnaire

TRAINS = {
    "needs": ["style_tone"],
    "tried": ["prompting"],
    "examples": 900,
    "example_quality": "reviewed",
    "deployment": "local",
    "eval_set": False,
}
TRAINS_NOT = {"needs": ["output_format"], "tried": ["prompting"], "deployment": "local", "eval_set": False}


STYLES = Path(ftui.tui.app.__file__).parent / "styles"


class Asking(FtuiScreen[None]):
    """The questionnaire and nothing around it."""

    CSS_PATH = str(STYLES / "decide.tcss")
    BINDINGS = [
        Binding("f1", "app.help", "Help", id="asking.help"),
        Binding("escape", "leave", "Back", show=False, id="asking.leave"),
    ]

    def __init__(self, answers: dict[str, Any] | None, at: str) -> None:
        super().__init__()
        self._answers, self._at = answers or {}, at

    def compose_body(self) -> Iterator[Widget]:
        yield Questionnaire(self._answers, self.ftui.glyphs, at=self._at)

    def action_leave(self) -> None:
        cast("Host", self.app).left += 1


class Host(FtuiApp):
    """The program with the questionnaire as its first screen; keeps what it is told."""

    CSS_PATH = str(STYLES / "global.tcss")

    def __init__(self, answers: dict[str, Any] | None = None, at: str = "", **options: Any) -> None:
        super().__init__(lambda: Asking(answers, at), **options)
        self.changes: list[dict[str, Any]] = []
        self.places: list[str] = []
        self.decisions: list[tuple[dict[str, Any], dict[str, Any], bool]] = []
        self.left = 0

    def on_questionnaire_answers_changed(self, event: Questionnaire.AnswersChanged) -> None:
        self.changes.append(event.answers)
        self.places.append(event.here)

    def on_questionnaire_copy_asked(self, event: Questionnaire.CopyAsked) -> None:
        cast(FtuiScreen[None], self.screen).copy_out(event.text, "decide", f"{event.title}.txt")

    def on_questionnaire_decision_made(self, event: Questionnaire.DecisionMade) -> None:
        self.decisions.append((event.answers, event.verdict, event.overridden))

    @property
    def asking(self) -> Questionnaire:
        return self.screen.query_one(Questionnaire)


async def press(pilot: Pilot[Any], *keys: str) -> str:
    """Press keys, wait, and give what is shown."""
    await pilot.press(*keys)
    await settle(pilot)
    app = pilot.app
    assert isinstance(app, FtuiApp)
    if app.crash:
        raise app.crash
    return shown_text(app)


async def test_the_verdict_so_far_changes_with_each_answer() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        assert "Name a need" in await press(pilot)
        assert "So far ◆ Use retrieval (RAG)" in await press(pilot, "1")
        text = await press(pilot, "1", "4")
        assert "So far ◆ Start with a prompt" in text and "before: " not in text.split("So far")[0]
        text = await press(pilot, "enter", "1", "2")
        assert "So far ◆ Get the data ready first" in text and "before: Start with a prompt" in text
        text = await press(pilot, "enter", *"900", "enter")
        assert "So far ✓ Fine-tune (sft)" in text and "Has a person looked" in text


async def test_a_whole_walk_ends_with_the_verdict_and_a_decision() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot, "4", "enter", "1", "enter", *"900", "enter", "1", "2", "2")
        text = shown_text(app)
        assert app.asking.here == "verdict"
        assert "Training is right for this." in text and "Go on to the data" in text
        await press(pilot, "enter")  # the button has the focus
        (answers, verdict, overridden) = app.decisions[0]
        assert answers == TRAINS and not overridden
        assert (verdict["approach"], verdict["technique"]) == ("fine_tuning", "sft")
        assert "overridden" not in verdict
        assert app.changes[-1] == TRAINS


async def test_when_it_is_not_training_the_page_says_so_and_going_on_is_noted() -> None:
    app = Host(TRAINS_NOT, "verdict")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        text = await press(pilot)
        assert "Do not train for this, or not yet" in text and "Use structured output (JSON mode)" in text
        assert "Go on anyway (noted in the run)" in text
        pages = [await press(pilot, "pagedown") for _ in range(3)]
        assert any("response_format" in page for page in pages)
        await press(pilot, "enter")
        assert app.decisions == []  # Enter scrolls nothing and decides nothing
        await press(pilot, "g")
        (_, verdict, overridden) = app.decisions[0]
        assert overridden and verdict["overridden"] is True and verdict["approach"] == "structured_output"


async def test_the_mouse_answers_too() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.click(Choices, offset=(6, 2))
        await settle(pilot)
        assert app.asking.answers == {"needs": ["output_format"]}
        await press(pilot, "enter")
        await pilot.click(Choices, offset=(6, 4))
        await settle(pilot)
        assert app.asking.answers["tried"] == []
        await press(pilot, "enter")
        await pilot.click(Choices, offset=(6, 1))
        await settle(pilot)
        assert app.asking.answers["deployment"] == "local" and app.asking.here == "eval_set"


async def test_back_loses_nothing_and_an_answer_can_be_changed() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot, "4", "enter", "1", "enter", *"900", "enter", "1")
        assert app.asking.here == "deployment"
        text = await press(pilot, "escape", "b")
        assert app.asking.here == "examples" and "Number: 900" in text
        await press(pilot, "escape", "escape")
        assert app.asking.here == "needs" and "[x] 4 Write in a certain voice" in shown_text(app)
        await press(pilot, "enter")
        assert app.asking.here == "tried" and "[x] 1 A good prompt" in shown_text(app)
        await press(pilot, "1", "5", "enter")  # nothing yet, after all
        assert app.asking.answers["tried"] == [] and app.asking.answers["examples"] == 900


async def test_from_the_verdict_back_to_the_last_question() -> None:
    app = Host(TRAINS, "verdict")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot)
        await pilot.click("#back-to")
        await settle(pilot)
        assert app.asking.here == "eval_set" and "(o) 2 No" in shown_text(app)
        await press(pilot, "enter")
        assert app.asking.here == "verdict" and app.asking.answers == TRAINS


async def test_escape_on_the_first_question_is_left_to_the_screen_around() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot, "4", "enter", "escape")
        assert app.left == 0
        await press(pilot, "escape")
        assert app.left == 1


async def test_nothing_is_gone_on_with_that_was_not_answered() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot, "enter")
        await settle(pilot, 0.3)
        assert "Choose at least one" in shown_text(app)
        assert app.asking.here == "needs"
        assert "at least one need" in app.asking.missing()
        await press(pilot, "4", "enter", "enter")
        await settle(pilot, 0.3)
        assert app.asking.here == "tried" and "Nothing yet is one, too" in shown_text(app)
        assert "What have you tried" in app.asking.missing()
        await press(pilot, "u")
        assert app.asking.here == "examples" and app.asking.answers["tried"] is None
        assert app.changes[-1] == {"needs": ["style_tone"], "tried": None}


async def test_why_do_you_ask() -> None:
    app = Host()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot)
        for question in QUESTIONS[:2]:
            text = " ".join((await press(pilot, "w")).replace("▌", " ").split())
            assert " ".join(question.why.split())[:60] in text
            assert question.why[:30] not in await press(pilot, "w")
            await press(pilot, "4", "enter")


async def test_a_number_is_typed_mended_pasted_or_taken_from_the_list() -> None:
    from textual.events import Paste

    app = Host({"needs": ["style_tone"], "tried": ["prompting"]})
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        assert "Number: 1,204_" in await press(pilot, *"01204")
        assert "Number: 120_" in await press(pilot, "backspace")
        assert "Type a number" in await press(pilot, "escape")
        assert app.asking.here == "examples"
        assert app.focused is not None
        app.focused.post_message(Paste("about 12,345 rows" + "9" * 1_000_000))
        assert "Number: 12,345_" in await press(pilot)
        assert "Type a number" in await press(pilot, "down")
        await press(pilot, "down", "enter")
        assert app.asking.answers["examples"] == 75
        await press(pilot, "escape", *"9" * 14, "enter")
        assert app.asking.answers["examples"] == 10**12 - 1
        assert "Number: 0_" in await press(pilot, "escape", "0", "0")


async def test_a_draft_opens_where_it_was_left() -> None:
    app = Host({**TRAINS, "tried": None}, "example_quality")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        text = await press(pilot)
        assert app.asking.here == "example_quality" and "(o) 1 Yes, reviewed" in text
        assert app.asking.answers == {**TRAINS, "tried": None}


@pytest.mark.parametrize(
    ("draft", "at", "here"),
    [
        ({}, "verdict", "needs"),
        ({}, "examples", "needs"),
        ({"needs": []}, "", "needs"),
        ({"needs": ["nonsense"]}, "tried", "needs"),
        ({"examples": "\x1b[31m[INST]"}, "", "needs"),
        ({"needs": ["style_tone"], "tried": []}, "no such question", "eval_set"),
        ({**TRAINS, "schema_version": 1}, "", "verdict"),
    ],
)
async def test_a_draft_that_cannot_be_read_is_an_empty_one(draft: dict[str, Any], at: str, here: str) -> None:
    app = Host(draft, at)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot)
        assert app.asking.here == here


async def test_the_template_is_copied_and_the_words_are_explained(own_home: Path) -> None:
    app = Host(TRAINS_NOT, "verdict")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "c")
        await settle(pilot, 0.3)
        assert "Copied, where your terminal allows it" in last_notice(app)
        (file,) = (own_home / "exports" / "decide").iterdir()
        assert file.name.startswith("The-same-request") and file.read_text().strip() == app.clipboard.strip()
        assert "response_format" in app.clipboard
        assert "m: more on each" in await press(pilot, "end")
        assert "guarantees form, not truth" in " ".join((await press(pilot, "m", "end")).split())


async def test_every_key_and_every_widget_can_be_reached() -> None:
    app = Host(TRAINS, "verdict")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot)
        seen = set()
        for _ in range(4):
            seen.add(app.focused.id if app.focused else None)
            await press(pilot, "tab")
        assert {"page", "go-on", "back-to"} <= seen
        assert "Copy the template" not in shown_text(app)
        await press(pilot, "shift+tab", "f1")
        assert "Copy template" in shown_text(app)


async def test_a_resize_loses_nothing() -> None:
    app = Host({"needs": ["style_tone"], "tried": ["prompting"]})
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await press(pilot, "1", "2")
        for size in ((120, 40), (60, 18), (30, 8), (200, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
        assert "Number: 12_" in shown_text(app) and "So far" in shown_text(app)


ALL_NINE = {
    "needs": ["private_knowledge", "style_tone", "preference_alignment"],
    "tried": ["prompting"],
    "examples": 900,
    "example_quality": "reviewed",
    "preference_pairs": 12,
    "feedback": "thumbs",
    "change_rate": "monthly",
    "deployment": "local",
    "eval_set": True,
}


@pytest.mark.parametrize("size", [(60, 18), (80, 21), (120, 40)], ids=str)
async def test_every_question_shows_its_choices_and_the_verdict_and_enter_keeps_the_answer(
    size: tuple[int, int],
) -> None:
    app = Host(ALL_NINE, "needs")
    async with app.run_test(size=size) as pilot:
        text = await press(pilot)
        for question in QUESTIONS:
            assert app.asking.here == question.id
            assert question.text[:40] in text
            assert "So far" in text and "cost" in text
            least = min(len(question.choices), size[1] - 14)
            assert sum(choice.label in text for choice in question.choices) >= least
            text = await press(pilot, "enter")
        assert app.asking.here == "verdict"
        assert app.asking.answers == ALL_NINE


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("rows", [3, 6, 11, 12, 20, 40])
def test_the_panel_never_takes_more_than_its_room(rows: int, glyphs: Any) -> None:
    for data in (TRAINS, TRAINS_NOT, {"needs": ["private_knowledge", "style_tone", "latency"], "tried": []}):
        verdict = decide(parse_answers(data))
        found = decide_words.so_far_rows(verdict, "Something else", 38, rows, glyphs)
        assert len(found) <= rows
        assert all(sum(len(text) for text, _ in row) <= 60 for row in found)


# Looks


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("answers", "at", "keys"),
    [
        ({}, "", []),
        ({"needs": ["private_knowledge", "style_tone"]}, "tried", ["1", "2", "w"]),
        ({"needs": ["style_tone"], "tried": ["prompting"]}, "examples", ["1", "2", "0", "0"]),
        (TRAINS_NOT, "verdict", []),
        (TRAINS, "verdict", []),
    ],
    ids=["first", "why", "number", "not-training", "training"],
)
def test_look(snap_compare: Any, answers: dict[str, Any], at: str, keys: list[str], size: tuple[int, int]) -> None:
    assert snap_compare(Host(answers, at), press=keys, terminal_size=size)


def test_look_in_ascii(snap_compare: Any) -> None:
    assert snap_compare(Host({"needs": ["style_tone"]}, "tried", ascii_only=True), press=["1"], terminal_size=(80, 24))


# As the wizard's first stage


async def test_the_stage_keeps_each_answer_and_notes_going_on_against_the_verdict(own_home: Path) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.3)
        await press(pilot, "n", "3", "enter")
        await pilot.pause(0.6)
        draft = load_draft()
        assert draft is not None
        assert (draft.stage, draft.field) == ("decide", "tried")
        assert draft.state["answers"] == {"needs": ["output_format"]}
        assert draft.state["verdict"]["approach"] == "structured_output"
        assert "overridden" not in draft.state["verdict"]
        await press(pilot, "ctrl+n")
        assert app.wizard.stage == "data"
        assert app.wizard.state.verdict["overridden"] is True


async def test_the_stage_opens_at_the_question_that_was_left_and_escape_leaves_it(own_home: Path) -> None:
    save_draft("decide", "examples", {"answers": {"needs": ["style_tone"], "tried": ["prompting"]}})
    app = welcome_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.3)
        assert "How many examples" in await press(pilot, "g")
        await press(pilot, *"900", "enter", "1", "1", "1", "enter")
        assert app.wizard.stage == "data"
        assert app.wizard.state.answers["examples"] == 900
        assert app.wizard.state.verdict["technique"] == "sft"
        assert "overridden" not in app.wizard.state.verdict
        await press(pilot, "alt+1", "escape", "escape", "escape", "escape", "escape", "escape")
        await press(pilot, "escape")
        assert app.wizard.stage == ""
