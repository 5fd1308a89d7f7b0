"""Choose a data file: type a part of its name, or pick a recent one. What is in it is said below."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from ftui.core.text import clip, clip_start, gib, pad, safe
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.field import PickInput

GLANCE_AFTER_SECONDS = 0.15


@dataclass(frozen=True)
class Offer:
    """One line of the list. kind: recent, sample, folder, file or below (in a folder further down).

    shown: the path as people write it, which is also put into the input.
    """

    path: Path
    kind: str
    size_bytes: int
    shown: str


class FilePicker(Vertical):
    """The input keeps the focus; the arrows move in the list below it. Enter picks, Tab completes."""

    BINDINGS = [
        Binding("down", "move(1)", "Next file", show=False, id="picker.down"),
        Binding("up", "move(-1)", "Previous file", show=False, id="picker.up"),
        Binding("pagedown", "move(8)", "Further down", show=False, id="picker.pagedown"),
        Binding("pageup", "move(-8)", "Further up", show=False, id="picker.pageup"),
        Binding("right", "complete", "Complete the name", show=False, id="picker.complete"),
    ]

    @dataclass
    class Picked(Message):
        """A file was chosen (or a glob, which is taken as it was typed)."""

        path: str

    @dataclass
    class Offered(Message):
        """The files that fit what was typed were found."""

        typed: str
        offers: list[Offer]

    @dataclass
    class Glanced(Message):
        """A file was looked into."""

        path: Path
        words: str

    def __init__(
        self,
        find: Callable[[str], Sequence[Offer]],
        glance: Callable[[Path], str],
        *,
        value: str = "",
        shown: str = "",
        id: str | None = None,
    ) -> None:
        """find: typed text -> offers; glance: path -> what is in it. Both may take a while: they run in threads.

        value: the file that is chosen already; shown: its path as people write it.
        """
        super().__init__(id=id)
        self._find, self._glance = find, glance
        self._offers: list[Offer] = []
        self._searching = False
        self._listed_for = ""
        self._enter_waits = False
        self._chosen, self._shown = value, shown or value

    def compose(self) -> ComposeResult:
        yield PickInput(self._shown, placeholder="path, or part of a file's name", id="path")
        yield OptionList(markup=False, compact=True, classes="offers")
        yield Plain("", classes="glance")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._search(self._shown)

    def take(self, path: str, shown: str) -> None:
        """Show this file as the chosen one."""
        self._chosen, self._shown = path, shown
        self.query_one(PickInput).value = shown

    @property
    def is_settled(self) -> bool:
        """Whether what stands in the input is the chosen file, as it was taken."""
        return self.query_one(PickInput).value == safe(self._shown)

    def on_descendant_focus(self) -> None:
        self.add_class("-open")

    def on_descendant_blur(self) -> None:
        self.remove_class("-open")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._enter_waits = False
        self._search(event.value)

    # Looking things up: in threads, since a folder may lie on a slow disk.

    def _search(self, typed: str) -> None:
        # One search at a time: keys may come faster than a disk answers.
        if not self._searching:
            self._searching = True
            self._look_for(typed)

    @work(thread=True, group="search")
    def _look_for(self, typed: str) -> None:
        offers: list[Offer] = []
        with contextlib.suppress(OSError, ValueError):
            offers = list(self._find(typed))
        self.post_message(self.Offered(typed, offers))

    def on_file_picker_offered(self, event: Offered) -> None:
        self._searching = False
        now = self.query_one(PickInput).value
        if event.typed != now:
            self._search(now)
            return
        self._offers, self._listed_for = event.offers, event.typed
        self._list_offers(0)
        if self._enter_waits:
            self._enter_waits = False
            self._take_highlighted(now.strip())
        elif not event.offers:
            self._say(_without_offers(event.typed.strip()))

    def _list_offers(self, highlighted: int | None) -> None:
        choices = self.query_one(OptionList)
        choices.clear_options()
        width = max(20, self.content_size.width - 2)
        choices.add_options(Option(_line(offer, width)) for offer in self._offers)
        choices.highlighted = highlighted if self._offers else None

    def on_resize(self) -> None:
        self._list_offers(self.query_one(OptionList).highlighted)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        offer = self._highlighted()
        if offer is None:
            return
        if offer.kind == "folder":
            self._say("a folder: right or Enter opens it")
            return
        self._say(gib(offer.size_bytes))
        self.set_timer(GLANCE_AFTER_SECONDS, lambda: self._look_into(offer.path))

    def _look_into(self, path: Path) -> None:
        offer = self._highlighted()
        if offer is not None and offer.path == path:
            self._look(path)

    @work(thread=True, exclusive=True, group="glance")
    def _look(self, path: Path) -> None:
        self.post_message(self.Glanced(path, self._glance(path)))

    def on_file_picker_glanced(self, event: Glanced) -> None:
        offer = self._highlighted()
        if offer is not None and offer.path == event.path:
            self._say(event.words)

    def action_move(self, by: int) -> None:
        choices = self.query_one(OptionList)
        if choices.option_count:
            here = choices.highlighted if choices.highlighted is not None else 0
            choices.highlighted = max(0, min(choices.option_count - 1, here + by))

    def action_complete(self) -> None:
        field = self.query_one(PickInput)
        offer = self._highlighted()
        if field.cursor_position < len(field.value) or offer is None:
            field.action_cursor_right()
            return
        field.value = offer.shown + ("/" if offer.kind == "folder" else "")
        field.cursor_position = len(field.value)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._pick(self._offers[event.option_index])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        typed = event.value.strip()
        if typed and typed == safe(self._shown):
            self.post_message(self.Picked(self._chosen))
        elif typed and (Path(typed).expanduser().is_file() or set(typed) & set("*?[")):
            self._chosen = self._shown = typed
            self.post_message(self.Picked(typed))
        elif event.value == self._listed_for:
            self._take_highlighted(typed)
        else:
            # Keys come in bunches over a slow line, and a slow disk answers late: the list is still that of an earlier
            # text, and its first line is not what was meant.
            self._enter_waits = True
            self._say("Looking ...")

    def _take_highlighted(self, typed: str) -> None:
        offer = self._highlighted()
        if offer is not None:
            self._pick(offer)
        else:
            self._say(f"There is no {clip(typed, 60)} here." if typed else "Type a path, or a part of a name.")

    def _pick(self, offer: Offer) -> None:
        field = self.query_one(PickInput)
        if offer.kind == "folder":
            field.value = offer.shown + "/"
        else:
            self.take(str(offer.path), offer.shown)
            self.post_message(self.Picked(self._chosen))
        field.cursor_position = len(field.value)

    def _highlighted(self) -> Offer | None:
        index = self.query_one(OptionList).highlighted
        return self._offers[index] if index is not None and index < len(self._offers) else None

    def _say(self, words: str) -> None:
        self.query_one(".glance", Plain).update(clip(words, 200))


def _without_offers(typed: str) -> str:
    if not typed:
        return "No data here: type a path."
    path = Path(typed).expanduser()
    if path.is_file():
        return "a file, though not by its name: Enter checks it all the same"
    return "No data in this folder." if path.is_dir() else "Nothing fits. A glob (data/*.jsonl) may be typed."


def _line(offer: Offer, width: int) -> Content:
    match offer.kind:
        case "folder":
            name, note = f"{offer.path.name}/", "folder"
        case "sample":
            name, note = "/".join(offer.path.parts[-2:]), "ships with ftui"
        case "recent":
            name, note = offer.shown, "used lately"
        case "below":
            name, note = os.path.relpath(offer.path), gib(offer.size_bytes)
        case _:
            name, note = offer.path.name, gib(offer.size_bytes)
    room = width - 18
    return Content.assemble(pad(clip_start(name, room), room), ("  " + note, "dim"))
