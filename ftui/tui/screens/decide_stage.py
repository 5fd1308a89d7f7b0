"""The decide stage: the questionnaire as the wizard's first stage."""

from __future__ import annotations

from collections.abc import Iterator

from textual import events
from textual.widget import Widget

from ftui.core.decide.verdict import to_document
from ftui.tui.screens.stage import StageScreen
from ftui.tui.widgets.questionnaire import Questionnaire

ASKS = "Is fine-tuning what you need? A few questions; ^n skips them if you know."


class DecideStage(StageScreen):
    """Every answer is kept at once; the verdict may be overruled, and that is noted."""

    STAGE = "decide"
    HELP_TITLE = "Decide"
    CSS_PATH = ["../styles/stage.tcss", "../styles/decide.tcss"]

    def compose_stage(self) -> Iterator[Widget]:
        yield Questionnaire(self.state.answers, self.ftui.glyphs, at=self._field)

    def on_mount(self) -> None:
        self.tell(ASKS)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The place to come back to is the question, not the widget that has the focus."""

    def on_questionnaire_answers_changed(self, event: Questionnaire.AnswersChanged) -> None:
        self.state.answers = event.answers
        self._field = event.here
        self._take_verdict()
        self.keep_soon()

    def on_questionnaire_decision_made(self, event: Questionnaire.DecisionMade) -> None:
        self.state.answers, self.state.verdict = event.answers, event.verdict
        self.keep()
        self.ftui.wizard.next_after(self.STAGE)

    def on_questionnaire_copy_asked(self, event: Questionnaire.CopyAsked) -> None:
        self.copy_out(event.text, "decide", f"{event.title}.txt")

    def action_next(self) -> None:
        # Leaving forward is going on to train: where the verdict is not to, that is noted.
        verdict = self.query_one(Questionnaire).verdict
        self._take_verdict(overridden=verdict is not None and not verdict.trains)
        super().action_next()

    def _take_verdict(self, *, overridden: bool = False) -> None:
        verdict = self.query_one(Questionnaire).verdict
        self.state.verdict = to_document(verdict, overridden=overridden) if verdict is not None else {}
