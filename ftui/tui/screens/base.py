"""What every screen has: a footer of few keys, help from the bindings, one sentence where the terminal is too small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from ftui.core.text import safe
from ftui.tui.lean import LeanCompositor
from ftui.tui.widgets.key_bar import PALETTE_WORD, KeyBar

if TYPE_CHECKING:
    from ftui.tui.app import FtuiApp

LEAST_CELLS, LEAST_ROWS = 60, 18
MOST_CLIPBOARD_CHARACTERS = 60_000
"""Terminals drop longer OSC 52 sequences, and a bad line should not carry them."""
Result = TypeVar("Result")


class ClosedOnce(Screen[Result]):
    """A screen that closes itself only: over a slow line keys come in bunches, and the second of two Escapes, which was
    meant for this screen too, must not close the one below."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()


class FtuiScreen(ClosedOnce[Result]):
    """A full screen. Subclasses give their widgets in `compose_body`."""

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (LEAST_CELLS, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (LEAST_ROWS, "-low"), (30, "-tall")]
    HELP_TITLE = ""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = LeanCompositor()

    @property
    def ftui(self) -> FtuiApp:
        """The program, by its own type."""
        return cast("FtuiApp", self.app)

    def compose(self) -> ComposeResult:
        yield from self.compose_body()
        yield KeyBar()
        yield Static(
            f"This needs a terminal of at least {LEAST_CELLS} by {LEAST_ROWS}; yours is smaller. Make it larger, or "
            "leave with ctrl+q: what runs goes on.",
            id="too-small",
            markup=False,
        )

    def compose_body(self) -> Iterator[Widget]:
        """The screen's own widgets."""
        return iter(())

    def leave(self, result: Result | None = None) -> None:
        """Back to the screen below with this result, or out of the program where there is none."""
        if self.app.screen is not self:
            return
        if len(self.app.screen_stack) > 1:
            self.dismiss(result)
        else:
            self.app.exit(0)

    def copy_out(self, text: str, folder: str, file_name: str) -> None:
        """Give the text to the terminal's clipboard (OSC 52) and write it to a file, since many terminals refuse."""
        from ftui.services.exports import write_export

        small = len(text) <= MOST_CLIPBOARD_CHARACTERS
        if small:
            self.app.copy_to_clipboard(text)
        try:
            path = write_export(folder, file_name, text + "\n")
        except OSError as error:
            self.say(f"Copied, where your terminal allows it. Not written: {error.strerror}", severity="warning")
            return
        words = "Copied, where your terminal allows it (OSC 52)" if small else "Too long for a clipboard"
        self.say(f"{words}; also in {path}")

    def say(self, text: str, *, severity: str = "information") -> None:
        """Show a short notice. The text may come from outside."""
        self.notify(safe(text, newlines=True), severity=cast("Any", severity), markup=False)


class Dialog(ClosedOnce[Result], ModalScreen[Result]):
    """A box over a screen that wants an answer."""

    HORIZONTAL_BREAKPOINTS = FtuiScreen.HORIZONTAL_BREAKPOINTS
    VERTICAL_BREAKPOINTS = FtuiScreen.VERTICAL_BREAKPOINTS

    @property
    def ftui(self) -> FtuiApp:
        """The program, by its own type."""
        return cast("FtuiApp", self.app)


class Plain(Static):
    """A Static that parses no markup and lets no control character through, whatever is put into it."""

    def __init__(self, text: str | Content = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(_harmless(text), markup=False, id=id, classes=classes)

    def update(self, content: Any = "", *, layout: bool = True) -> None:
        super().update(_harmless(content), layout=layout)


def _harmless(text: Any) -> Any:
    return safe(text, newlines=True) if isinstance(text, str) else text


class KeyHelp(NamedTuple):
    """A key as help lists it. ours: of ftui itself, not what Textual's widgets bring along (cursor keys, editing)."""

    key: str
    description: str
    tooltip: str
    enabled: bool
    ours: bool


def active_bindings(screen: Screen[Any]) -> list[KeyHelp]:
    """Every binding that works now, without doubles: keys of one action stand together."""
    found: dict[tuple[str, str], KeyHelp] = {}
    for _, binding, enabled, tooltip in screen.active_bindings.values():
        palette = binding.action == "command_palette"
        if not binding.description or (binding.system and not palette):
            continue
        shown = screen.app.get_key_display(binding)
        description = PALETTE_WORD if palette else binding.description
        key = (binding.action, description)
        if key in found and shown not in found[key].key.split():
            shown = f"{found[key].key} {shown}"
        words = "Find every action by name" if palette else tooltip or binding.tooltip
        found[key] = KeyHelp(shown, description, words, enabled, ours=palette or is_ours(binding))
    return list(found.values())


def is_ours(binding: Binding) -> bool:
    """Whether ftui bound it: those of Textual's widgets have no id."""
    return bool(binding.id)
