"""Talking to base and tuned side by side: one question, both answers, as they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from textual import events
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from ftui.core.text import clip, duration, safe
from ftui.errors import FtuiError
from ftui.services.chat import Piece
from ftui.services.runs import Run
from ftui.services.trained_system import trained_system
from ftui.tui.chat_thread import Answered, ChatThread, Loaded, Lost
from ftui.tui.chat_words import Talk, talk_rows, talk_text
from ftui.tui.screens.base import FtuiScreen, Plain
from ftui.tui.widgets.field import Field, PlainInput
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane

HEAR_SECONDS = 0.15
"""How often new words are painted: quick enough to read along, slow enough for a bad line."""
LEFT, RIGHT = 0, 1


class ChatScreen(FtuiScreen[None]):
    """Each question begins a new conversation unless ^g says otherwise. Escape stops an answer, then leaves."""

    HELP_TITLE = "Chat"
    CSS_PATH = "../styles/work.tcss"
    BINDINGS = [
        Binding("f1", "app.help", "Help", key_display="f1", id="chat.help"),
        Binding("enter", "send", "Ask", id="chat.send", priority=False),
        Binding("escape", "stop_or_leave", "Stop, leave", key_display="esc", id="chat.leave"),
        Binding(
            "ctrl+g", "keep", "Go on", key_display="^g", id="chat.keep", tooltip="Each question continues the last"
        ),
        Binding("ctrl+o", "system", "System", key_display="^o", id="chat.system", tooltip="The system prompt"),
        Binding("ctrl+t", "editor", "Editor", key_display="^t", id="chat.editor", tooltip="Write in $EDITOR"),
        Binding("ctrl+y", "copy", "Copy", key_display="^y", id="chat.copy", tooltip="The conversation, as text"),
        Binding("f2", "model", "Other model", show=False, id="chat.model", tooltip="On the right"),
        Binding("up", "recall", "The question before", show=False, id="chat.recall"),
        Binding("ctrl+p", "app.command_palette", "Commands", show=False, key_display="^p", id="chat.palette"),
    ]

    def __init__(
        self,
        run: Run,
        others: Mapping[str, Path] | None = None,
        *,
        system: str | None = None,
        max_new_tokens: int = 200,
        keep: bool = False,
    ) -> None:
        """system: None for the system prompt that the training rows have in common."""
        super().__init__()
        self.talked_run = run
        self._trained_system = trained_system(run)
        self._thread = ChatThread(run, others)
        self._system = self._trained_system if system is None else system
        self._max_new_tokens = max_new_tokens
        self._models: tuple[str, ...] = ()
        self._talks = [Talk("base"), Talk("tuned")]
        self._answering = False
        self._lost: FtuiError | None = None
        self._offered = ""
        self._keep = keep
        self._asked_at = 0.0

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        lost = Plain("", id="lost")
        lost.display = False
        yield lost
        with Horizontal(id="pair"):
            for side in (LEFT, RIGHT):
                pane = TextPane(empty="", id=f"said-{side}")
                pane.add_class("said")
                yield pane
        yield Vertical(id="system")
        yield PlainInput(placeholder="Ask both models something", id="ask")

    def on_mount(self) -> None:
        self._asked_at = self.ftui.monotonic()
        self.query_one("#ask").focus()
        self._show()
        self._thread.start()
        self.set_interval(HEAR_SECONDS, self._hear)

    def on_unmount(self) -> None:
        self._thread.close()

    # -- hearing

    def _hear(self) -> None:
        heard = self._thread.heard()
        for word in heard:
            if isinstance(word, Loaded):
                self._models = word.models
            elif isinstance(word, Lost):
                self._lost = word.error
                self._answering = False
                self._say_lost(word.error)
            elif isinstance(word, Answered):
                self._answering = False
                for talk in self._talks:
                    if talk.turns:
                        talk.turns[-1].ended = True
            else:
                self._piece(word)
        if heard or not self._models:
            self._show()

    def _piece(self, piece: Piece) -> None:
        for talk in self._talks:
            if talk.turns and piece.model in ("", talk.model):
                turn = talk.turns[-1]
                turn.error = piece.error or turn.error
                turn.answer += piece.text
                if piece.end:
                    turn.ended, turn.tokens, turn.seconds = True, piece.tokens, piece.seconds

    def _say_lost(self, error: FtuiError) -> None:
        """Why there are no models, in full."""
        lost = self.query_one("#lost", Plain)
        lost.update(f"{error}\n{error.hint}".strip())
        lost.display = True

    # -- showing

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        self.query_one("#headline", Lines).set_rows([self._headline(), *self._system_row()])
        for side, talk in enumerate(self._talks):
            pane = self.query_one(f"#said-{side}", TextPane)
            title = Content(clip(talk.model, 30))
            if str(pane.border_title or "") != title.plain:
                pane.border_title = title
            before = pane.plain
            pane.show(talk_rows(talk, self.ftui.glyphs))
            if pane.plain != before:
                pane.scroll_end(animate=False)
        self.query_one("#ask").set_class(self._answering or not self._models, "-waiting")

    def _headline(self) -> Row:
        name = clip(self.talked_run.name, 36)
        if self._lost is not None:
            return ((f"{name}  ", "strong"), (f"{self.ftui.glyphs.bad} no models", "fail"))
        if not self._models:
            waited = duration(max(0.0, self.ftui.monotonic() - self._asked_at))
            return ((f"{name}  ", "strong"), (f"loading base and tuned model ... {waited}", "accent"))
        state = "answering; esc stops it" if self._answering else "ready"
        mode = "each question goes on" if self._keep else "each question begins anew"
        return ((f"{name}  ", "strong"), (state, "accent" if self._answering else "ok"), (f"  {mode}", "dim"))

    def _system_row(self) -> list[Row]:
        """The system prompt that is sent, and that there is another one: tuned answers depend on it."""
        if not self._system:
            words = "system: none; the training rows had one (^o)" if self._trained_system else ""
            return [((words, "warn"),)] if words else []
        whose = " of the training rows" if self._system == self._trained_system else ""
        head = f"system{whose}: "
        return [((head, "dim"), (clip(self._system, max(20, self.size.width - 2 - len(head))), "text"))]

    # -- asking

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "ask":
            event.stop()
            self._ask(event.value)

    def action_send(self) -> None:
        self._ask(self.query_one("#ask", Input).value)

    def _ask(self, text: str) -> None:
        if not text.strip():
            return
        if self._lost is not None or not self._models or self._answering:
            why = (
                "The models are gone."
                if self._lost
                else "Wait for the models."
                if not self._models
                else "One at a time."
            )
            self.say(why, severity="warning")
            return
        messages = [{"role": "system", "content": self._system}] if self._system else []
        if self._keep:
            # Both models see what the right one said: the conversation is one.
            for turn in self._talks[RIGHT].turns:
                if turn.answer and not turn.error:
                    messages += [{"role": "user", "content": turn.question}]
                    messages += [{"role": "assistant", "content": turn.answer}]
        for talk in self._talks:
            talk.ask(text)
        self._answering = True
        models = tuple(dict.fromkeys(talk.model for talk in self._talks))
        self._thread.ask([*messages, {"role": "user", "content": text}], models, self._max_new_tokens)
        self.query_one("#ask", Input).value = ""
        self._show()

    def action_stop_or_leave(self) -> None:
        if self.query_one("#system").children:
            self._close_system()
        elif self._answering:
            self._thread.stop()
            for talk in self._talks:
                if talk.turns and not talk.turns[-1].ended:
                    talk.turns[-1].stopped = True
        else:
            self.leave()

    def action_keep(self) -> None:
        self._keep = not self._keep
        self._show()

    def action_model(self) -> None:
        """Put another model on the right; its talk begins anew."""
        others = [model for model in self._models if model != self._talks[LEFT].model]
        if self._answering or len(others) < 2:
            self.say("There is no other model: ftui chat RUN --help says how to add adapters." if others else "Wait.")
            return
        here = others.index(self._talks[RIGHT].model) if self._talks[RIGHT].model in others else -1
        self._talks = [Talk(self._talks[LEFT].model), Talk(others[(here + 1) % len(others)])]
        self._show()

    def action_recall(self) -> None:
        field = self.query_one("#ask", Input)
        if self._talks[LEFT].turns and not field.value:
            field.value = self._talks[LEFT].turns[-1].question
            field.cursor_position = len(field.value)

    # -- the system prompt, the editor, the copy

    async def action_system(self) -> None:
        holder = self.query_one("#system")
        if holder.children:
            return
        self._offered = self._system or self._trained_system
        field = Field("System prompt (Enter takes it, empty for none)", self._offered, id="prompt")
        await holder.mount(field)
        field.query_one(Input).focus()

    def on_field_confirmed(self, event: Field.Confirmed) -> None:
        # An input holds one line: a prompt of several lines that was left as it is must not become one.
        self._system = self._offered if event.value == safe(self._offered) else event.value.strip()
        self._close_system()

    def _close_system(self) -> None:
        self.query_one("#system").remove_children()
        self.query_one("#ask").focus()
        self._show()

    def action_editor(self) -> None:
        """Write a question of several lines, and ask it."""
        from ftui.tui.row_editor import text_from_editor

        try:
            text = text_from_editor(self.app, "question.txt", self.query_one("#ask", Input).value)
        except FtuiError as error:
            self.say(f"{error} {error.hint}".strip(), severity="error")
            return
        self._ask(text.strip("\n"))

    def action_copy(self) -> None:
        self.copy_out(talk_text(self._talks), self.talked_run.name, "chat.txt")

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.refresh_bindings()
