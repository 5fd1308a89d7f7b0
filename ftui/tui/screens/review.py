"""Review: one row after another, keep, drop or edit; every decision is on the disk before the next row is shown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textual import work
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input

from ftui.core.text import safe
from ftui.errors import FtuiError
from ftui.services.dataset_review import DROP, EDIT, KEEP, Decision
from ftui.tui import review_words
from ftui.tui.review_walk import Walk, count
from ftui.tui.row_editor import edited_row
from ftui.tui.screens.base import FtuiScreen
from ftui.tui.screens.confirm import Answer
from ftui.tui.screens.review_write import LEAVE, NOT_NOW, STAY, ask_and_write
from ftui.tui.widgets.field import Field
from ftui.tui.widgets.lines import Lines
from ftui.tui.widgets.review_editor import ReviewEditor
from ftui.tui.widgets.text_pane import TextPane

_TEXT_KEYS = ("keep", "drop", "edit", "skip", "write", "quit", "back", "open", "editor", "note", "as_json")
"""Actions whose keys are letters: they work where no text is being typed."""


class ReviewScreen(FtuiScreen[Path | None]):
    """Gives the file that was written, or None where none was. It can be left at any moment and gone on with later."""

    CSS_PATH = "../styles/review.tcss"
    HELP_TITLE = "Review"
    BINDINGS = [
        Binding("question_mark", "app.help", "Help", key_display="?", id="review.help"),
        Binding("k", "keep", "Keep", id="review.keep", tooltip="The row is good; on to the next open one"),
        Binding("d", "drop", "Drop", id="review.drop", tooltip="Leave the row out"),
        Binding("i", "edit", "Edit", id="review.edit", tooltip="Write the answer anew, here"),
        Binding("space,right", "skip", "Skip", key_display="space", id="review.skip", tooltip="Decide later"),
        Binding("x", "write", "Write", id="review.write", tooltip="Kept and edited rows into a new file"),
        Binding("q,escape", "quit", "Leave", key_display="q", id="review.quit", tooltip="Every decision is saved"),
        Binding("left", "back", "Row before", show=False, id="review.back"),
        Binding("g", "open", "First open row", show=False, id="review.open"),
        Binding("e", "editor", "The whole row in $EDITOR", show=False, id="review.editor"),
        Binding("m", "note", "Keep with a note", show=False, id="review.note"),
        Binding("v", "as_json", "As JSON", show=False, id="review.json"),
        Binding("ctrl+p", "app.command_palette", "Commands", show=False, key_display="^p", id="review.palette"),
    ]

    def __init__(
        self,
        path: Path,
        only: Collection[int] = (),
        about: str = "",
        notes: Mapping[int, Sequence[str]] | None = None,
        *,
        everything: bool = False,
    ) -> None:
        """only: the numbers of the rows to walk, with `about` in words; empty for all. notes: row -> what the check
        said about it. everything: also the rows that were decided before."""
        super().__init__()
        self._path, self._only, self._about, self._notes = path, only, about, notes or {}
        self._everything = everything
        self._walk: Walk | None = None
        self._counts: Counter[str] = Counter()
        self._counting, self._moving, self._left = True, True, False
        self._looked_at = False
        self._as_json = False

    def compose_body(self) -> Iterator[Widget]:
        yield Lines(id="headline")
        yield Lines(id="counts")
        yield TextPane(empty="Reading ...", id="row")
        yield ReviewEditor(id="editor")

    def on_mount(self) -> None:
        self.query_one("#row").focus()
        self._open()
        self._count()

    def on_unmount(self) -> None:
        self._left = True

    # -- reading

    @work(exclusive=True, group="walk")
    async def _open(self) -> None:
        try:
            self._walk = await asyncio.to_thread(Walk, self._path, self._only)
        except (FtuiError, OSError) as error:
            hint = error.hint if isinstance(error, FtuiError) else ""
            why = ((f"{self.ftui.glyphs.bad} {safe(str(error))}", "fail"),)
            self.query_one("#row", TextPane).show([why, ((safe(hint), "dim"),)])
            self._counting = False
            return
        await self._go(to_open=not self._everything)

    async def _go(self, *, to_open: bool) -> None:
        """On to the next (open) row; keys wait meanwhile, in a long file that may take a moment."""
        assert self._walk is not None
        self._moving = True
        found = await asyncio.to_thread(self._walk.forward, to_open=to_open, stop=lambda: self._left)
        self._looked_at = self._looked_at or found
        self._moving = False
        self._show()

    @work(exclusive=True, group="walk")
    async def _forward(self, *, to_open: bool) -> None:
        await self._go(to_open=to_open)

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        try:
            counted = await asyncio.to_thread(count, self._path, self._only, lambda: self._left)
        except (FtuiError, OSError):
            return
        self._counts, self._counting = counted, False
        self._show()

    # -- showing

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._walk is None or not self.is_mounted:
            return
        row, decision, width = self._walk.row, self._walk.decision, max(40, self.size.width - 2)
        head = review_words.headline(self._path.name, row, decision, self._about)
        self.query_one("#headline", Lines).set_rows([head])
        bar = review_words.count_row(self._counts, self._counting, self.ftui.glyphs, width)
        self.query_one("#counts", Lines).set_rows([bar])
        pane = self.query_one("#row", TextPane)
        if row is None:
            looked_at = self._looked_at or self._counts.total() > 0
            pane.show(review_words.end_rows(self._counts, looked_at=looked_at, only=bool(self._only)))
        else:
            notes = self._notes.get(row.index, ())
            pane.show(review_words.row_rows(self._shown(), notes, self.ftui.glyphs, as_json=self._as_json))
        self.refresh_bindings()

    def _shown(self) -> dict[str, Any]:
        """The present row, as it was edited where it was."""
        assert self._walk is not None and self._walk.row is not None
        decision = self._walk.decision
        return decision.row if decision and decision.row is not None else self._walk.row.data

    @property
    def editing(self) -> bool:
        """Whether a text is being typed."""
        return self._editor.is_open

    @property
    def _editor(self) -> ReviewEditor:
        return self.query_one(ReviewEditor)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in _TEXT_KEYS:
            return True
        if self.editing:
            return action == "quit" and isinstance(self.focused, Input)
        if action in ("keep", "drop", "edit", "editor", "note", "as_json", "skip"):
            return True if self._walk is not None and self._walk.row is not None else None
        return True if action == "quit" or self._walk is not None else None

    # -- deciding

    def action_keep(self) -> None:
        self._decide(Decision(KEEP))

    def action_drop(self) -> None:
        self._decide(Decision(DROP))

    def _decide(self, decision: Decision) -> None:
        if self._walk is None or self._walk.row is None or self._moving:
            return
        try:
            before = self._walk.decide(decision)
        except FtuiError as error:
            self.say(str(error), severity="error")
            return
        if not self._counting:
            self._counts[before] -= 1
            self._counts[decision.decision] += 1
        self._moving = True
        self._forward(to_open=not self._everything)
        self.query_one("#row", TextPane).scroll_home(animate=False)

    def action_skip(self) -> None:
        if self._walk is not None and not self._moving:
            self._moving = True
            self._forward(to_open=False)

    def action_back(self) -> None:
        if self._walk is None or self._moving:
            return
        if self._walk.back():
            self._show()
        else:
            self.say("This is the first row.")

    @work(exclusive=True, group="walk")
    async def action_open(self) -> None:
        if self._moving:
            return
        self._moving = True
        self._walk = await asyncio.to_thread(Walk, self._path, self._only)
        await self._go(to_open=True)

    def action_as_json(self) -> None:
        self._as_json = not self._as_json
        self._show()

    # -- editing

    async def action_edit(self) -> None:
        if self._moving:
            return
        if problem := await self._editor.open_answer(self._shown()):
            self.say(problem)
        self.refresh_bindings()

    async def on_text_field_taken(self, event: Any) -> None:
        await self._close_editor()
        row = self._shown()
        place = review_words.answer_place(row)
        if place is not None:
            self._take(review_words.with_text(row, place, event.text))

    async def on_text_field_given_up(self) -> None:
        await self._close_editor()

    async def action_note(self) -> None:
        if not self._moving:
            await self._editor.open_note()
            self.refresh_bindings()

    async def on_field_confirmed(self, event: Field.Confirmed) -> None:
        await self._close_editor()
        decision = self._walk.decision if self._walk else None
        edited = decision.row if decision else None
        self._decide(Decision(EDIT if edited else KEEP, edited, event.value.strip()))

    async def _close_editor(self) -> None:
        await self._editor.close()
        self.query_one("#row").focus()
        self.refresh_bindings()

    def action_editor(self) -> None:
        """The whole row as JSON in $EDITOR."""
        if self._moving:
            return
        try:
            self._take(edited_row(self.app, self._shown()))
        except FtuiError as error:
            self.say(f"{error} {error.hint}".strip(), severity="error")

    def _take(self, edited: dict[str, Any]) -> None:
        assert self._walk is not None and self._walk.row is not None
        if edited == self._walk.row.data:
            self.say("Nothing was changed; the row stays as it was.")
        else:
            self._decide(Decision(EDIT, edited))

    # -- writing and leaving

    @work(exclusive=True, group="leave")
    async def action_write(self) -> None:
        if self._counting:
            self.say("What was decided before is still being counted: a moment.")
        elif self._walk is not None:
            await self._ask_and_write([NOT_NOW])

    @work(exclusive=True, group="leave")
    async def action_quit(self) -> None:
        if self.editing:
            await self._close_editor()
            return
        answer = ""
        if self._counts[DROP] + self._counts[EDIT]:
            answer = await self._ask_and_write([LEAVE, STAY])
        if answer in ("", "leave"):
            self.leave()

    async def _ask_and_write(self, others: Sequence[Answer]) -> str:
        """Ask, write, leave with the new file; the answer, or "failed"."""
        assert self._walk is not None
        answer, made = await ask_and_write(self, self._path, self._walk.review, self._counts, others)
        if made is not None:
            self.leave(made)
        return answer
