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
from textual.widgets.option_list import Option

from ftui.core.decide.answers import LARGEST_COUNT, Answers, parse_answers, with_answer
from ftui.core.decide.flow import next_question, questionnaire
from ftui.core.decide.questions import BY_ID, Question
from ftui.core.decide.verdict import Verdict, provisional, to_document
from ftui.errors import FtuiError
from ftui.tui import decide_words
from ftui.tui.glyphs import Glyphs
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.text_pane import as_content

VERDICT = "verdict"
"""The place after the last question."""
_MOST_DIGITS = len(str(LARGEST_COUNT)) - 1


_SCROLLING = {
    "up": "up", "down": "down", "pageup": "page_up", "pagedown": "page_down", "home": "home", "end": "end"
}  # fmt: skip
"""Keys that move the verdict's page, also while a button has the focus."""


class Choices(OptionList):
    """A list whose Enter goes on and whose click chooses."""

    BINDINGS = [
        Binding("enter", "confirm", "Answer", key_display="enter", id="decide.answer"),
        Binding("space", "choose", "Choose", show=False, id="decide.choose"),
    ]

    @dataclass
    class Confirmed(Message):
        """Enter was pressed."""

    def action_confirm(self) -> None:
        self.post_message(self.Confirmed())

    def action_choose(self) -> None:
        self.action_select()


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

    def __init__(
        self, answers: Mapping[str, Any], glyphs: Glyphs, *, at: str = "", id: str | None = "questionnaire"
    ) -> None:
        """answers: what was said before, {} for a fresh start. at: the question to open, or "verdict"."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self._answers, self._answered = _read(answers)
        self._here = at if at in BY_ID or (at == VERDICT and self._answers.needs) else ""
        if not self._here or (self._here != VERDICT and self._here != "needs" and not self._answers.needs):
            self._here = self._next_open()
        self._typed, self._untouched = "", True
        """The digits of a number; untouched as long as they are an earlier answer, which the first digit replaces."""
        self._why = self._more = False
        self._title_before = ""
        """The verdict before the last question that was answered."""
        self._arrived = True
        """Nothing was changed yet since this question came up."""

    def compose(self) -> ComposeResult:
        yield Lines(id="progress")
        yield Plain("", id="question")
        with Vertical(id="asking"):
            with Vertical(id="answering"):
                yield Choices(id="choices", markup=False, compact=True)
                yield Lines(id="how")
                yield Plain("", id="why")
            yield Plain("", id="so-far")
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
        said = self._answers.to_mapping()
        return {**{key: None for key in BY_ID if key in self._answered and key not in said}, **said}

    @property
    def here(self) -> str:
        """The question that is shown, or "verdict"."""
        return self._here

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on what was said so far."""
        return provisional(self._answers)

    def missing(self) -> str:
        """What is needed before there is a verdict to go on from; empty where there is one."""
        if not self._answers.needs:
            return "Choose at least one need: there is no verdict without one."
        open_question = next_question(self._answers, self._answered)
        return f"One more question: {open_question.text}" if open_question else ""

    @property
    def _question(self) -> Question | None:
        return BY_ID.get(self._here)

    def _next_open(self) -> str:
        question = next_question(self._answers, self._answered)
        return question.id if question else VERDICT

    def _shown(self) -> tuple[Question, ...]:
        """The questions on the way; the present one always among them."""
        return questionnaire(self._answers, self._answered | ({self._here} & BY_ID.keys()))

    def _go(self, place: str) -> None:
        self._here, self._why, self._arrived = place, False, True
        self._show()
        self._tell()

    def _tell(self) -> None:
        self.post_message(self.AnswersChanged(self.answers, self._here))

    # -- answering

    def on_choices_confirmed(self, event: Choices.Confirmed) -> None:
        event.stop()
        question = self._question
        if question is None:
            return
        if question.kind == "count" and self._typed:
            self._answer(int(self._typed))
        elif question.kind != "many":
            self._answer_with(self.query_one(Choices).highlighted)
        elif getattr(self._answers, question.id) or (question.nothing and getattr(self._answers, question.id) == ()):
            self._advance()
        else:
            more = f" {question.nothing} is one, too; u is: I do not know." if question.nothing else ""
            self.notify(f"Choose at least one with Space.{more}", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._answer_with(event.option_index)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._draw()

    def on_key(self, event: events.Key) -> None:
        question, character = self._question, event.character or ""
        if question is None:
            return
        if question.kind == "count":
            self._type(event)
        elif character in set("0123456789"):
            event.stop()
            self._answer_with((int(character) or 10) - 1)

    def on_paste(self, event: events.Paste) -> None:
        number = re.search(r"[0-9][0-9,_']*", event.text[:40])
        if self._question is not None and self._question.kind == "count" and number:
            event.stop()
            self._set_typed(re.sub(r"[^0-9]", "", number[0]))

    def _type(self, event: events.Key) -> None:
        """Digits make a number; the arrows go back to the suggestions."""
        if event.character and event.character in "0123456789":
            self._set_typed(("" if self._untouched else self._typed) + event.character)
        elif event.key == "backspace" and self._typed:
            self._set_typed(self._typed[:-1])
        elif event.key in ("up", "down"):
            self._set_typed("")
            return
        else:
            return
        event.stop()

    def _set_typed(self, digits: str) -> None:
        self._typed = digits.lstrip("0")[:_MOST_DIGITS] or digits[:1]
        self._untouched = False
        self._draw()

    def _answer_with(self, index: int | None) -> None:
        """Take the choice at `index`: with several answers it is put in or taken out, otherwise it is the answer."""
        question = self._question
        if question is None or index is None or index >= len(decide_words.options_of(question)):
            return
        value = decide_words.options_of(question)[index].value
        if question.kind != "many":
            self._answer(value)
            return
        now = getattr(self._answers, question.id)
        if value == ():
            changed: tuple[str, ...] | None = None if now == () else ()
        else:
            changed = tuple(v for v in now or () if v != value) if value in (now or ()) else (*(now or ()), value)
            changed = changed or (None if question.nothing else ())
        self._set(changed)
        self.query_one(Choices).highlighted = index
        self._tell()

    def _answer(self, value: Any) -> None:
        self._set(value)
        self._advance()

    def _set(self, value: Any) -> None:
        before = self.verdict
        if self._arrived:
            self._title_before = before.title if before else ""
            self._arrived = False
        self._answers = with_answer(self._answers, self._here, value)
        self._draw()

    def _advance(self) -> None:
        """The present question is answered: on to the one behind it, or to what is still open."""
        here = self._here
        self._answered |= {here}
        shown = [question.id for question in self._shown()]
        behind = shown[shown.index(here) + 1 :]
        self._go(behind[0] if behind else self._next_open())

    # -- what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        at_verdict = self._here == VERDICT
        if action in ("go_on", "copy", "more", "scroll"):
            return at_verdict
        if action == "unknown":
            return not at_verdict and self._here != "needs"
        return not at_verdict if action == "why" else True

    def action_why(self) -> None:
        self._why = not self._why
        self._draw()

    def action_unknown(self) -> None:
        self._answer(None)

    def action_back(self) -> None:
        if self._typed != self._said_count():
            self._set_typed(self._said_count())
            return
        shown = [question.id for question in self._shown()]
        place = len(shown) if self._here == VERDICT else shown.index(self._here)
        if place == 0:
            raise SkipAction
        self._title_before = ""
        self._go(shown[place - 1])

    def action_go_on(self) -> None:
        """Go on from the verdict; the host decides where to."""
        verdict = self.verdict
        if verdict is None or self._here != VERDICT:
            return
        overridden = not verdict.trains
        document = to_document(verdict, overridden=overridden)
        self.post_message(self.DecisionMade(self.answers, document, overridden))

    def action_copy(self) -> None:
        verdict = self.verdict
        if verdict is not None:
            self.app.copy_to_clipboard(verdict.templates[0].body)
            self.notify(f"Copied: {verdict.templates[0].title}. If your terminal refuses: ftui decide", markup=False)

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
        at_verdict = self._here == VERDICT
        for name in ("#progress", "#question", "#asking"):
            self.query_one(name).display = not at_verdict
        for name in ("#page", "#ends"):
            self.query_one(name).display = at_verdict
        choices = self.query_one(Choices)
        choices.clear_options()
        self._typed, self._untouched = self._said_count(), True
        question = self._question
        if question is not None:
            count = len(decide_words.options_of(question))
            choices.add_options(Option("", id=f"choice-{number}") for number in range(1, count + 1))
            choices.styles.max_height = count
            choices.highlighted = self._first_highlight(question)
        self._draw()
        self._focus_target().focus()
        self.refresh_bindings()
        self.call_after_refresh(self._draw)

    def _focus_target(self) -> Widget:
        if self._here != VERDICT:
            return self.query_one(Choices)
        self.query_one(Page).scroll_home(animate=False)
        verdict = self.verdict
        return self.query_one("#go-on") if verdict is not None and verdict.trains else self.query_one(Page)

    def _first_highlight(self, question: Question) -> int:
        chosen = [
            index
            for index, choice in enumerate(decide_words.options_of(question))
            if decide_words.is_chosen(question, choice, self._answers)
        ]
        return chosen[0] if chosen else 0

    def _draw(self) -> None:
        """Bring every text up to date; cheap enough for each key."""
        if self._here == VERDICT:
            self._draw_verdict()
        else:
            self._draw_question()

    def _draw_question(self) -> None:
        question, choices = self._question, self.query_one(Choices)
        if question is None:
            return
        self.query_one("#progress", Lines).set_rows(
            [decide_words.progress_row(self._shown(), self._answered, self._here, self._glyphs)]
        )
        self.query_one("#question", Plain).update(question.text)
        width = max(30, choices.scrollable_content_region.width)
        for number in range(1, choices.option_count + 1):
            row = decide_words.choice_row(question, number, self._answers, width)
            choices.replace_option_prompt_at_index(number - 1, as_content([row]))
        self.query_one("#how", Lines).set_rows(decide_words.how_rows(question, choices.highlighted, self._typed, width))
        why = self.query_one("#why", Plain)
        why.display = self._why
        if self._why:
            why.update(f"{question.why}\n{question.help}")
        panel = self.query_one("#so-far", Plain)
        size = panel.content_size
        panel.update(
            as_content(
                decide_words.so_far_rows(
                    self.verdict, self._title_before, max(20, size.width), max(3, size.height), self._glyphs
                )
            )
        )

    def _said_count(self) -> str:
        """The number that is the present answer, as digits; empty where there is none."""
        question = self._question
        value = getattr(self._answers, question.id) if question is not None and question.kind == "count" else None
        return "" if value is None else str(value)

    def _draw_verdict(self) -> None:
        verdict, page = self.verdict, self.query_one(Page)
        if verdict is None:
            return
        width = max(40, min(100, page.size.width - 4))
        rows = decide_words.page_rows(verdict, width, self._glyphs, more=self._more)
        self.query_one("#verdict", Plain).update(as_content(rows))
        label = "Go on to the data  g" if verdict.trains else "Go on anyway (noted in the run)  g"
        self.query_one("#go-on", Button).label = label


def _read(answers: Mapping[str, Any]) -> tuple[Answers, frozenset[str]]:
    """A draft's answers and which questions they answer; a draft that cannot be read is an empty one."""
    try:
        read = parse_answers(dict(answers), draft=True)
    except FtuiError:
        return Answers(), frozenset()
    return read, frozenset(key for key in answers if key in BY_ID and (key != "needs" or read.needs))
