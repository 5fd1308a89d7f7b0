"""What is asked before the data stage is left, and the writing of a mended file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ftui.core.text import clip, duration, plural, safe
from ftui.errors import FtuiError
from ftui.services.data_check import fixed_file
from ftui.tui.ask import ask
from ftui.tui.data_words import KEEP, Group
from ftui.tui.screens.confirm import Answer, AskDialog

if TYPE_CHECKING:
    from ftui.tui.screens.data import DataScreen

_MOST_NAMED = 6
_SAY_SECONDS = 0.5


async def settled(screen: DataScreen, chosen: Sequence[Group], groups: Sequence[Group]) -> bool:
    """Whether the file is good to go on with. Asks about fixes that were chosen and not applied, then about errors
    that nobody accepted."""
    if chosen:
        answer = await screen.app.push_screen_wait(fix_dialog(screen, chosen, go_on=True))
        if answer == "fix":
            await write(screen, chosen, go_on=True)
            return False
        if answer != "leave":
            return False
        screen.state.data_choices |= {group.code: KEEP for group in chosen}
    hurting = [g for g in groups if g.severity == "error" and screen.state.data_choices.get(g.code) != KEEP]
    if hurting:
        if await screen.app.push_screen_wait(errors_dialog(hurting)) != "accept":
            return False
        screen.state.data_choices |= {group.code: KEEP for group in hurting}
    return True


async def apply(screen: DataScreen, chosen: Sequence[Group]) -> None:
    """Ask, then write the chosen fixes into a new file."""
    if await screen.app.push_screen_wait(fix_dialog(screen, chosen, go_on=False)) == "fix":
        await write(screen, chosen, go_on=False)


async def write(screen: DataScreen, chosen: Sequence[Group], *, go_on: bool) -> None:
    """Write the mended rows into a new file by `ftui lint --fix` and let the screen go on with it."""
    source, made = screen.state.data_file, fixed_file(screen.state.data_file)
    options = ["--select", ",".join(group.code for group in chosen), "--output", str(made), "--fail-on", "never"]
    if any(group.safety == "unsafe" for group in chosen):
        options.append("--unsafe-fixes")
    if screen.state.model_path:
        options += ["--model", screen.state.model_path]
    began = screen.ftui.monotonic()

    def say_writing() -> None:
        seconds = screen.ftui.monotonic() - began
        screen.say_working(f"Writing {clip(made.name, 50)} ... {duration(seconds) if seconds > 1 else ''}")

    say_writing()
    ticking = screen.set_interval(_SAY_SECONDS, say_writing)
    try:
        answer = await ask("lint", source, "--fix", *options)
        fixes = answer.get("fixes") if isinstance(answer, dict) else None
        done = fixes[0] if fixes else {}
    except FtuiError as error:
        screen.say(f"Nothing was written. {error} {error.hint}".strip(), severity="error")
        return
    finally:
        ticking.stop()
        if screen.is_attached:
            screen.say_found()
    if not made.is_file():
        screen.say("Nothing was left to fix.", severity="warning")
        return
    changed, dropped = (int(done.get(key) or 0) for key in ("changed", "dropped"))
    screen.say(
        f"{plural(changed, 'row')} changed, {plural(dropped, 'row')} left out, in {made.name}. "
        f"What was done to each row: {made.name}.changes.jsonl"
    )
    screen.fixed(made, go_on=go_on)


def fix_dialog(screen: DataScreen, chosen: Sequence[Group], *, go_on: bool) -> AskDialog:
    """Shall the chosen fixes be applied?"""
    source = Path(screen.state.data_file)
    lines = [_line(group) for group in chosen[:_MOST_NAMED]]
    if len(chosen) > _MOST_NAMED:
        lines.append(f"and {len(chosen) - _MOST_NAMED} more")
    unreadable = screen.report.get("unreadable")
    if unreadable and isinstance(unreadable, int) and any(group.safety == "unsafe" for group in chosen):
        lines.append(f"Left out as well: {plural(unreadable, 'line')} that cannot be read")
    lines.append(f"Into {safe(fixed_file(str(source)).name)}; {safe(source.name)} stays as it is.")
    answers = [Answer("fix", "y", "Fix and go on" if go_on else "Fix")]
    if go_on:
        answers.append(Answer("leave", "n", "Go on without"))
    return AskDialog(
        f"Apply {plural(len(chosen), 'kind')} of fixes?",
        "\n".join(lines),
        [*answers, Answer("look", "l", "Look again")],
    )


def errors_dialog(hurting: Sequence[Group]) -> AskDialog:
    """Go on with rows that will hurt?"""
    lines = [_line(group) for group in hurting[:_MOST_NAMED]]
    lines.append("They make training fail, or teach what you do not want. r walks the rows of one kind.")
    return AskDialog(
        f"Go on with {plural(sum(group.count for group in hurting), 'error')}?",
        "\n".join(lines),
        [Answer("accept", "g", "Go on, I accept them"), Answer("look", "l", "Look again")],
        focus=1,
    )


def _line(group: Group) -> str:
    return f"{clip(group.code, 8):<8} {group.count:>6,}  {clip(group.title, 52)}"
