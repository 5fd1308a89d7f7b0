"""One question with its choices, and beside or below it the verdict so far."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ftui.tui import decide_words
from ftui.tui.glyphs import Glyphs
from ftui.tui.interview import Interview
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.text_pane import as_content


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


class QuestionPanel(Vertical):
    """Draws an interview; what the keys mean is its parent's business."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        yield Lines(id="progress")
        yield Plain("", id="question")
        with Vertical(id="asking"):
            with Vertical(id="answering"):
                yield Choices(id="choices", markup=False, compact=True)
                yield Lines(id="how")
                yield Plain("", id="why")
            yield Plain("", id="so-far")

    def arrive(self, interview: Interview) -> None:
        """Another question: its choices, with the answer highlighted that was given before."""
        choices = self.query_one(Choices)
        choices.clear_options()
        count = len(interview.choices)
        if count:
            choices.add_options(Option("", id=f"choice-{number}") for number in range(1, count + 1))
            choices.styles.max_height = count
            choices.highlighted = interview.first_chosen()

    def draw(self, interview: Interview, *, why: bool) -> None:
        """Bring every text up to date; cheap enough for each key. why: say why it is asked, too."""
        question, choices = interview.question, self.query_one(Choices)
        if question is None:
            return
        progress = decide_words.progress_row(interview.shown, interview.answered, interview.here, self._glyphs)
        self.query_one("#progress", Lines).set_rows([progress])
        self.query_one("#question", Plain).update(question.text)
        width = max(30, choices.scrollable_content_region.width)
        for number in range(1, choices.option_count + 1):
            row = decide_words.choice_row(question, number, interview.said, width)
            choices.replace_option_prompt_at_index(number - 1, as_content([row]))
        how = decide_words.how_rows(question, choices.highlighted, interview.typed, width)
        self.query_one("#how", Lines).set_rows(how)
        because = self.query_one("#why", Plain)
        because.display = why
        if why:
            because.update(f"{question.why}\n{question.help}")
        panel = self.query_one("#so-far", Plain)
        width, height = max(20, panel.content_size.width), max(3, panel.content_size.height)
        panel.update(
            as_content(decide_words.so_far_rows(interview.verdict, interview.title_before, width, height, self._glyphs))
        )
