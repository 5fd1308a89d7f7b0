"""Rating blind: two answers to one prompt, four questions, one key each. Each rating is on the disk at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from textual import work
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Input

from ftui.core.rating import CRITERIA, SCALE, Criterion
from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.services.rating import Item, Session, open_session, summary
from ftui.services.runs import Run
from ftui.tui import rate_words
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.widgets.field import Field
from ftui.tui.widgets.lines import Lines, Row
from ftui.tui.widgets.text_pane import TextPane


class RateScreen(FtuiScreen[None]):
    """Which model wrote which is random and not shown. It can be left at any moment and gone on with later."""

    HELP_TITLE = "Rate"
    CSS_PATH = "../styles/work.tcss"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="rate.help"),
        *(Binding(str(key), f"press({key})", words, show=False, id=f"rate.{key}") for key, words in SCALE.items()),
        Binding("s", "skip", "Later", id="rate.skip", tooltip="Leave this row for another session"),
        Binding("b,backspace", "undo", "Take back", key_display="b", id="rate.undo", tooltip="The last key or row"),
        Binding("w", "wanted", "Wanted", id="rate.wanted", tooltip="Show or hide the answer that was wanted"),
        Binding("m", "comment", "Comment", id="rate.comment", tooltip="A note that is kept with this row"),
        Binding("q,escape", "close", "Leave", key_display="q", id="rate.leave", tooltip="Every rating is saved"),
        Binding("ctrl+p", "app.command_palette", "Commands", show=False, key_display="^p", id="rate.palette"),
    ]

    def __init__(self, run: Run, rater: str = "", *, seed: int | None = None, rows_max: int | None = None) -> None:
        super().__init__()
        self.rated_run = run
        self._asked = (rater, seed, rows_max)
        self._session: Session | None = None
        self._item: Item | None = None
        self._keys: dict[str, int] = {}
        self._leaves_half = False
        """Whether it was said that the answers to the present row are not saved yet."""
        self._comment = ""
        self._wanted = False
        self._skipped = 0

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield TextPane(empty="Reading the answers ...", id="prompt")
        with Horizontal(id="pair"):
            yield TextPane(empty="", id="left")
            yield TextPane(empty="", id="right")
        yield Vertical(id="editor")
        yield Lines(id="question")

    def on_mount(self) -> None:
        self.query_one("#left").border_title = "left"
        self.query_one("#right").border_title = "right"
        self.query_one("#prompt").focus()
        self._open()

    @work(exclusive=True, group="open")
    async def _open(self) -> None:
        rater, seed, rows_max = self._asked
        try:
            self._session = await asyncio.to_thread(open_session, self.rated_run, rater, seed=seed, rows_max=rows_max)
        except (FtuiError, OSError) as error:
            hint = error.hint if isinstance(error, FtuiError) else ""
            rows: list[Row] = [((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),), ((safe(hint), "dim"),)]
            self.query_one("#prompt", TextPane).show(rows)
            self.query_one("#pair").display = False
            return
        self._next()

    def _next(self) -> None:
        assert self._session is not None
        self._show_item(self._session.next_item())

    def _show_item(self, item: Item | None) -> None:
        self._item, self._keys, self._comment, self._wanted = item, {}, "", False
        for pane in self.query(TextPane):
            pane.scroll_home(animate=False)
        self._show()

    # -- showing

    @property
    def criterion(self) -> Criterion | None:
        """The question that is asked now."""
        return next((criterion for criterion in CRITERIA if criterion.name not in self._keys), None)

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        session, item = self._session, self._item
        if session is None:
            return
        width, glyphs = max(40, self.size.width - 2), self.ftui.glyphs
        head = rate_words.headline(session.rater, session.done, session.total, session.same, glyphs, width)
        self.query_one("#headline", Lines).set_rows([head])
        self.query_one("#pair").display = item is not None
        prompt, question = self.query_one("#prompt", TextPane), self.query_one("#question", Lines)
        prompt.set_class(item is None, "-whole")
        if item is None:
            result = summary(self.rated_run) if session.done else None
            prompt.show(rate_words.summary_rows(result, self._skipped, self.rated_run.name))
            question.set_rows([])
        else:
            rows: list[Row] = [((f"row {item.place} of {item.total}", "dim"),), *rate_words.text_rows(item.prompt)]
            if self._wanted:
                wanted = rate_words.text_rows(item.reference) if item.reference else [(("none is known", "dim"),)]
                rows += [(("wanted", "accent"),), *wanted]
            prompt.show(rows)
            self.query_one("#left", TextPane).show(rate_words.text_rows(item.left))
            self.query_one("#right", TextPane).show(rate_words.text_rows(item.right))
            question.set_rows(rate_words.question_rows(self._keys, self.criterion, glyphs, width))
        self.refresh_bindings()

    @property
    def editing(self) -> bool:
        """Whether a comment is being typed."""
        return bool(self.query_one("#editor").children)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self.editing and isinstance(self.focused, Input):
            return action in ("close",) and not parameters
        if action in ("press", "skip", "wanted", "comment"):
            return True if self._item is not None else None
        return True if action != "undo" or self._session is not None else None

    # -- what the keys do

    def action_press(self, key: int) -> None:
        session, item, criterion = self._session, self._item, self.criterion
        if session is None or item is None or criterion is None:
            return
        self._keys[criterion.name] = key
        self._leaves_half = False
        if self.criterion is not None:
            self._show()
            return
        try:
            session.rate(item, self._keys, self._comment)
        except FtuiError as error:
            del self._keys[criterion.name]
            self.say(f"{error} {error.hint}".strip(), severity="error")
            return
        self._next()

    def action_undo(self) -> None:
        if self._session is None:
            return
        if self._keys:
            self._keys.popitem()
            self._show()
            return
        try:
            item = self._session.undo()
        except FtuiError as error:
            self.say(f"{error} {error.hint}".strip(), severity="error")
            return
        if item is None:
            self.say("Nothing was rated in this session yet.")
        else:
            self._show_item(item)

    def action_skip(self) -> None:
        if self._session is not None and self._item is not None:
            self._session.skip(self._item)
            self._skipped += 1
            self._next()

    def action_wanted(self) -> None:
        self._wanted = not self._wanted
        self._show()

    async def action_comment(self) -> None:
        field = Field("Comment (Enter keeps it with this row)", self._comment, id="comment")
        await self.query_one("#editor").mount(field)
        field.query_one(Input).focus()
        self.refresh_bindings()

    async def on_field_confirmed(self, event: Field.Confirmed) -> None:
        self._comment = event.value.strip()
        await self._close_editor()

    async def _close_editor(self) -> None:
        await self.query_one("#editor").remove_children()
        self.query_one("#prompt").focus()
        self.refresh_bindings()

    async def action_close(self) -> None:
        if self.editing:
            await self._close_editor()
            return
        if self._keys and not self._leaves_half:
            self._leaves_half = True
            self.say(f"This row has {len(self._keys)} of {len(CRITERIA)} answers. q again leaves without them.")
            return
        if self._session is not None and self._item is not None and self._session.done:
            name = safe(self.rated_run.name)
            self.ftui.farewell.append(
                f"{self._session.done} of {self._session.total} rated. Go on any time: ftui rate {name}"
            )
        self.leave()
