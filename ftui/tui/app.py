"""The terminal program: which screens there are, and what is the same on all of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.filter import Monochrome, NoColor
from textual.message import Message
from textual.notifications import Notify
from textual.screen import Screen
from textual.theme import Theme
from textual.worker import NoActiveWorker, WorkerFailed, get_current_worker

from ftui.errors import FtuiError
from ftui.services.settings import save_theme, saved_theme
from ftui.services.terminal import WITHOUT_SCREENS
from ftui.tui.glyphs import ASCII, UNICODE, AsciiFilter, wants_ascii
from ftui.tui.hangup import end_with_terminal
from ftui.tui.screens.base import active_bindings, is_ours
from ftui.tui.wizard import Wizard

FTUI_THEME = Theme(
    name="ftui",
    primary="#4fa3e3",
    secondary="#7fb4d6",
    accent="#c79bf2",
    warning="#f2b661",
    error="#f2777a",
    success="#7fd08c",
    foreground="#d7dce2",
    background="#101418",
    surface="#171c22",
    panel="#1f262e",
    variables={
        "scrollbar": "#3a4b5c",
        "scrollbar-background": "#171c22",
        "block-cursor-background": "#284763",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1c2a37",
        "block-cursor-blurred-foreground": "#d7dce2",
    },
)


MOST_WAITING_KEYS = 2_000
FLOOD = "Too much at once: a part of what was pasted is left out. A file's path can be pasted instead."


class FtuiApp(App[int]):
    """Opens one first screen and stays until it is left."""

    TITLE = "ftui"
    CSS_PATH = "styles/global.tcss"
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit"),
        Binding("f1", "help", "Help", show=False, id="app.help"),
    ]

    def __init__(
        self,
        first: Callable[[], Screen[Any]],
        *,
        ascii_only: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.register_theme(FTUI_THEME)
        if os.environ.get("NO_COLOR"):
            self.theme = "ansi-dark"
            # Textual chose its filter for the theme that it began with: that one would paint black on black now.
            self._filters[:] = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]
        elif "TEXTUAL_THEME" not in os.environ:
            chosen = saved_theme()
            self.theme = chosen if chosen in self.available_themes else FTUI_THEME.name
        self._first = first
        self._flooded = False
        self.glyphs = ASCII if ascii_only or wants_ascii() else UNICODE
        self.clock, self.monotonic = clock, monotonic
        self.farewell: list[str] = []
        """Lines for stderr once the screen is the shell's again."""
        self.crash: Exception | None = None
        self.wizard = Wizard(self)

    def get_default_screen(self) -> Screen[Any]:
        """The first screen, at the bottom of the stack: an empty one below it would cost a tenth of the first paint."""
        screen = self._first()
        for path in screen.css_path:
            self.stylesheet.read(path)  # Textual does so for every screen but the default one
        return screen

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda theme: save_theme(theme.name))
        if self.glyphs.ascii:
            self.add_class("-ascii")
            self._filters.append(AsciiFilter())

    def open_run(self, path: Path) -> None:
        """Show the dashboard of a run over the present screen."""
        from ftui.tui.screens.train import TrainScreen

        self.push_screen(TrainScreen(path))

    def begin(self) -> None:
        """Open the wizard at its first stage, with nothing decided."""
        self.wizard.begin()

    def go_on(self) -> None:
        """Open the wizard where its draft was left."""
        self.wizard.go_on()

    def open_demo(self) -> None:
        """Run `ftui demo` in this terminal and come back."""
        with self.suspend():
            subprocess.run([sys.executable, "-m", "ftui", "demo"], check=False)
            sys.stderr.write("Enter goes back to ftui. ")
            with contextlib.suppress(EOFError, KeyboardInterrupt):
                input()

    def left_run(self, name: str, how: str, *, live: bool) -> None:
        """A dashboard was left: back to the screen below it, or out."""
        if live:
            verb = "is stopping and saves a checkpoint" if how == "stopped" else "goes on"
            self.farewell.append(f"The run {verb}. Come back with: ftui watch {name}")
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self.exit(0)

    def _on_notify(self, event: Notify) -> None:
        """Show a notice in the place of what it outdates: itself said before, and what was no warning.

        A key that is pressed ten times would cover the screen with ten times the same.
        """
        for standing in list(self._notifications):
            if standing.message == event.notification.message or standing.severity == "information":
                self._unnotify(standing, refresh=False)  # Textual's own handler comes next, adds and paints

    def action_help(self) -> None:
        from ftui.tui.screens.help import HelpDialog

        if not isinstance(self.screen, HelpDialog):
            self.push_screen(HelpDialog(getattr(self.screen, "HELP_TITLE", ""), active_bindings(self.screen)))

    async def action_quit(self) -> None:
        leave = getattr(self.screen, "action_leave", None)
        if leave is not None:
            leave()
        else:
            self.exit(0)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that works on the screen now, by name; then those that work everywhere."""
        seen: set[str] = set()
        for node, binding, enabled, tooltip in screen.active_bindings.values():
            if binding.description and enabled and is_ours(binding) and binding.description not in seen:
                seen.add(binding.description)
                run = partial(self.run_action, binding.action, default_namespace=node)
                yield SystemCommand(binding.description, tooltip or f"key {self.get_key_display(binding)}", run)
        yield SystemCommand("Theme", "Choose colours, those of your terminal among them", self.action_change_theme)
        yield SystemCommand("Screenshot", "Write this screen as an SVG file", self.deliver_screenshot)

    def post_message(self, message: Message) -> bool:
        """Leave keys out where thousands wait already: a paste into a terminal that cannot mark it as one.

        Each is typed letter by letter, and a megabyte of them would keep the screen busy for minutes.
        """
        if isinstance(message, events.Key) and message.is_printable and self._waiting_keys() > MOST_WAITING_KEYS:
            if not self._flooded:
                self._flooded = True
                self.call_later(self._say_flood)
            return False
        return super().post_message(message)

    def _waiting_keys(self) -> int:
        focused = self.focused if self._screen_stacks.get(self._current_mode) else None
        return self.message_queue_size + (focused.message_queue_size if focused is not None else 0)

    def _say_flood(self) -> None:
        self._flooded = False
        self.notify(FLOOD, severity="warning", markup=False)

    def _handle_exception(self, error: Exception) -> None:
        if isinstance(error, WorkerFailed) and _is_left_behind():
            return
        # Textual would print a traceback with local variables, and they may hold the user's data.
        self.crash = self.crash or error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = 1
        self._close_messages_no_wait()


def _is_left_behind() -> bool:
    """Whether the present worker belongs to a screen that was left: what it wanted to show has no place any more."""
    try:
        node = get_current_worker().node
    except NoActiveWorker:
        return False
    return not node.is_attached or node._pruning or not node.is_running


def run_watch(
    run_path: Path, *, ascii_only: bool, mouse: bool, exit_when_done: bool = False, bell: bool = False
) -> int:
    """Show the dashboard of a run until it is left (or until the run is over); the exit code.

    bell: ring the terminal's bell at alerts and at the run's end.
    """

    def first() -> Screen[Any]:
        from ftui.tui.screens.train import TrainScreen

        return TrainScreen(run_path, exit_when_done=exit_when_done, bell=bell)

    return run_screen(
        first, ascii_only=ascii_only, mouse=mouse, instead="ftui watch RUN --plain prints the same in lines."
    )


def run_wizard(*, ascii_only: bool, mouse: bool) -> int:
    """Open the wizard with the list of runs; the exit code."""

    def first() -> Screen[Any]:
        from ftui.tui.screens.welcome import WelcomeScreen

        return WelcomeScreen()

    return run_screen(first, ascii_only=ascii_only, mouse=mouse, instead="ftui --plain walks the same stages in lines.")


def run_screen(first: Callable[[], Screen[Any]], *, ascii_only: bool = False, mouse: bool = True, instead: str) -> int:
    """Open the program at a screen until it is left; the exit code.

    instead: what to say where the terminal cannot show screens.
    """
    if os.environ.get("TERM", "") in WITHOUT_SCREENS:
        raise FtuiError("This terminal cannot show screens", f"TERM is {os.environ.get('TERM') or 'not set'}", instead)
    _give_size()
    app = FtuiApp(first, ascii_only=ascii_only)
    end_with_terminal()
    code = app.run(mouse=mouse)
    for line in [*app.farewell[-1:], app.wizard.farewell()]:
        sys.stderr.write(line + "\n" if line else "")
    if app.crash is not None:
        raise app.crash
    return code or 0


def _give_size() -> None:
    """Call a terminal that does not know its size (a serial line) 80x24: Textual would swing between two guesses."""
    with contextlib.suppress(OSError, AttributeError):
        if 0 in os.get_terminal_size(sys.__stdout__.fileno()):  # type: ignore[union-attr]
            os.environ.update(COLUMNS="80", LINES="24")
