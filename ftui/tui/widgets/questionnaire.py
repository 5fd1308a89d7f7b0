"""The decision questionnaire: one question at a time, the verdict so far beside it, the whole verdict at the end.

Knows no files and no stages: it takes answers, and tells what was said with messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, OptionList

from ftui.core.decide.verdict import Verdict, to_document
from ftui.tui import decide_words
from ftui.tui.glyphs import Glyphs
from ftui.tui.interview import VERDICT, Interview
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.question_panel import Choices, QuestionPanel
from ftui.tui.widgets.text_pane import as_content

_SCROLLING = {
    "up": "up", "down": "down", "pageup": "page_up", "pagedown": "page_down", "home": "home", "end": "end"
}  # fmt: skip
"""Keys that move the verdict's page, also while a button has the focus."""


class Page(VerticalScroll):
    """The verdict, to be scrolled."""

    can_focus = True


class Questionnaire(Vertical):
    """Asks, shows, and tells; back never loses an answer."""

    BINDINGS = [
        Binding("w", "why", "Why?", id="decide.why", tooltip="Why this is asked, and what helps to answer it"),
        Binding("u", "unknown", "Don't know", id="decide.unknown", tooltip="Go on without an answer"),
        Binding("escape,b", "back", "Back", key_display="esc", id="decide.back", tooltip="Nothing is lost"),
        Binding("g", "go_on", "Go on", id="decide.go", tooltip="To the data; against the verdict it is noted as such"),
        Binding("c", "copy", "Copy template", id="decide.copy", tooltip="Also over SSH, where the terminal allows it"),
        Binding("m", "more", "More on the words", show=False, id="decide.more"),
        *(
            Binding(key, f"scroll('{how}')", f"Scroll {key}", show=False, id=f"decide.scroll-{key}")
            for key, how in _SCROLLING.items()
        ),
    ]

    @dataclass
    class AnswersChanged(Message):
        """Something was answered. answers: as `ftui decide --answers` takes them, null where "I do not know"."""

        answers: dict[str, Any]
        here: str

    @dataclass
    class DecisionMade(Message):
        """The person goes on from the verdict. verdict: as `ftui decide --json` prints it.

        overridden: they go on to train although the verdict is not to, or not yet.
        """

        answers: dict[str, Any]
        verdict: dict[str, Any]
        overridden: bool

    @dataclass
    class CopyAsked(Message):
        """The person wants this text for elsewhere."""

        title: str
        text: str

    def __init__(
        self, answers: Mapping[str, Any], glyphs: Glyphs, *, at: str = "", id: str | None = "questionnaire"
    ) -> None:
        """answers: what was said before, {} for a fresh start. at: the question to open, or "verdict"."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self.interview = Interview(answers, at)
        self._why = self._more = False

    def compose(self) -> ComposeResult:
        yield QuestionPanel(self._glyphs)
        with Page(id="page"):
            yield Plain("", id="verdict")
        with Horizontal(id="ends"):
            yield Button("Go on  g", id="go-on", compact=True)
            yield Button("Back to the questions  b", id="back-to", compact=True)

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # -- where one is

    @property
    def answers(self) -> dict[str, Any]:
        """What was said, ready to be given to a new Questionnaire."""
        return self.interview.answers

    @property
    def here(self) -> str:
        """The question that is shown, or "verdict"."""
        return self.interview.here

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on what was said so far."""
        return self.interview.verdict

    def missing(self) -> str:
        """What is needed before there is a verdict to go on from; empty where there is one."""
        return self.interview.missing()

    def _moved(self) -> None:
        """Another question is the present one: show it, and tell."""
        self._why = False
        self._show()
        self._tell()

    def _tell(self) -> None:
        self.post_message(self.AnswersChanged(self.answers, self.here))

    # -- answering

    def on_choices_confirmed(self, event: Choices.Confirmed) -> None:
        event.stop()
        interview, question = self.interview, self.interview.question
        if question is None:
            return
        if question.kind == "count" and interview.typed:
            interview.answer(int(interview.typed))
            self._moved()
        elif question.kind != "many":
            self._choose(self.query_one(Choices).highlighted)
        elif interview.value() or (question.nothing and interview.value() == ()):
            interview.advance()
            self._moved()
        else:
            more = f" {question.nothing} is one, too; u is: I do not know." if question.nothing else ""
            self.notify(f"Choose at least one with Space.{more}", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(event.option_index)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw()

    def on_key(self, event: events.Key) -> None:
        question, character = self.interview.question, event.character or ""
        if question is None:
            return
        if question.kind == "count":
            self._type(event)
        elif character in set("0123456789"):
            event.stop()
            self._choose((int(character) or 10) - 1)

    def on_paste(self, event: events.Paste) -> None:
        question, number = self.interview.question, re.search(r"[0-9][0-9,_']*", event.text[:40])
        if question is not None and question.kind == "count" and number:
            event.stop()
            self.interview.type_over(re.sub(r"[^0-9]", "", number[0]))
            self._draw()

    def _type(self, event: events.Key) -> None:
        """Digits make a number; the arrows go back to the suggestions."""
        interview = self.interview
        if event.character and event.character in "0123456789":
            interview.type_digit(event.character)
            event.stop()
        elif event.key == "backspace" and interview.typed:
            interview.type_over(interview.typed[:-1])
            event.stop()
        elif event.key in ("up", "down"):
            interview.type_over("")
        self._draw()

    def _choose(self, index: int | None) -> None:
        if index is None or index >= len(self.interview.choices):
            return
        if self.interview.choose(index):
            self._moved()
            return
        self._draw()
        self.query_one(Choices).highlighted = index
        self._tell()

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        at_verdict = self.here == VERDICT
        if action in ("go_on", "copy", "more", "scroll"):
            return at_verdict
        if action == "unknown":
            return not at_verdict and self.here != "needs"
        return not at_verdict if action == "why" else True

    def action_why(self) -> None:
        self._why = not self._why
        self._draw()
        self.call_after_refresh(self._draw)  # a list that got less room got a scrollbar, too

    def action_unknown(self) -> None:
        self.interview.answer(None)
        self._moved()

    def action_back(self) -> None:
        before = self.here
        if not self.interview.back():
            raise SkipAction
        if self.here == before:
            self._draw()  # only a number that was being typed was given up
        else:
            self._moved()

    def action_go_on(self) -> None:
        """Go on from the verdict; the host decides where to."""
        verdict = self.verdict
        if verdict is None or self.here != VERDICT:
            return
        overridden = not verdict.trains
        document = to_document(verdict, overridden=overridden)
        self.post_message(self.DecisionMade(self.answers, document, overridden))

    def action_copy(self) -> None:
        verdict = self.verdict
        if verdict is not None:
            template = verdict.templates[0]
            self.post_message(self.CopyAsked(template.title, template.body))

    def action_more(self) -> None:
        self._more = not self._more
        self._draw()

    def action_scroll(self, how: str) -> None:
        getattr(self.query_one(Page), f"scroll_{how}")(animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "go-on":
            self.action_go_on()
        else:
            self.action_back()

    # -- showing

    def _show(self) -> None:
        """Show the present place from scratch, and give it the keys."""
        at_verdict = self.here == VERDICT
        self.query_one(QuestionPanel).display = not at_verdict
        for name in ("#page", "#ends"):
            self.query_one(name).display = at_verdict
        self.interview.arrive()
        self.query_one(QuestionPanel).arrive(self.interview)
        self._draw()
        self._focus_target().focus()
        self.refresh_bindings()
        self.call_after_refresh(self._draw)

    def _focus_target(self) -> Widget:
        if self.here != VERDICT:
            return self.query_one(Choices)
        self.query_one(Page).scroll_home(animate=False)
        verdict = self.verdict
        return self.query_one("#go-on") if verdict is not None and verdict.trains else self.query_one(Page)

    def _draw(self) -> None:
        """Bring every text up to date; cheap enough for each key."""
        if self.here == VERDICT:
            self._draw_verdict()
        else:
            self.query_one(QuestionPanel).draw(self.interview, why=self._why)

    def _draw_verdict(self) -> None:
        verdict, page = self.verdict, self.query_one(Page)
        if verdict is None:
            return
        width = max(40, min(100, page.size.width - 4))
        rows = decide_words.page_rows(verdict, width, self._glyphs, more=self._more)
        self.query_one("#verdict", Plain).update(as_content(rows))
        label = "Go on to the data  g" if verdict.trains else "Go on anyway (noted in the run)  g"
        self.query_one("#go-on", Button).label = label
