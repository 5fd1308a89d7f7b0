"""The wizard in plain lines (`ftui --plain`): for screen readers, and for terminals that cannot show screens.

Each stage is one of the plain commands, printed before it runs, so that the walk can be repeated by hand. What was
said is kept as it is in the wizard: either of them goes on where the other one stopped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import join
from typing import Any

from ftui.core.decide.answers import Answers
from ftui.core.text import clip, gib, safe
from ftui.errors import EXIT_COULD_NOT, EXIT_OK, FtuiError

MOST_MODELS = 12
_INTRO = (
    "ftui in plain lines: five stages from the question to a running plan. Each runs a command that works by itself; "
    "it is printed first. Enter takes what stands in [brackets], q leaves, and nothing is lost."
)


class Left(Exception):
    """The person leaves, or there is no more input."""


def run(
    read: Callable[[], str] | None = None,
    write: Callable[[str], None] | None = None,
    command: Callable[..., int] | None = None,
) -> int:
    """Walk the stages; 0 when a run is under way or the walk was left.

    read: gives one line with its newline, "" at the end of input. write: takes a line. command: runs `ftui ARGUMENTS`
    on this terminal and gives its exit code.
    """
    walk = Walk(read or sys.stdin.readline, write or _write, command or _command)
    try:
        walk.go()
    except (Left, KeyboardInterrupt):
        walk.write("Kept. Go on with: ftui --plain (or ftui, then g).")
    return EXIT_OK


class Walk:
    """What was said so far, and how to say more."""

    def __init__(self, read: Callable[[], str], write: Callable[[str], None], command: Callable[..., int]) -> None:
        from ftui.services.drafts import load_draft
        from ftui.tui.state import WizardState

        self.read, self.write, self._run = read, write, command
        draft = load_draft()
        self.state = WizardState.from_mapping(draft.state) if draft else WizardState()

    def go(self) -> None:
        """All stages; those that the draft has settled are offered as they are."""
        self.write(_INTRO)
        self.decide()
        self.data()
        self.model()
        plan = self.plan()
        self.train(plan)

    # -- the stages

    def decide(self) -> None:
        """Stage 1: the questionnaire, or not."""
        self.write("\nStage 1 of 5, decide. Is fine-tuning what you need?")
        from ftui.commands.decide_ask import ask
        from ftui.core.decide.verdict import decide, to_document
        from ftui.tui.interview import Interview

        before = Interview(self.state.answers)
        if not before.missing():
            if not self.wants("Answer the questions again?", usual=False):
                return
        elif not before.answered and not self.wants("Shall I ask some questions?", usual=True):
            return
        answers = ask(read=self.read, write=self.write, start=(before.said, before.answered), keep=self.said)
        verdict = decide(answers)
        self.state.answers = answers.to_mapping()
        self.state.verdict = to_document(verdict)
        self.keep("data")
        self.command("decide", "--answers", str(self._beside("answers.json", json.dumps(self.state.answers))))
        if not verdict.trains and not self.wants(
            "Go on to training all the same? It is noted in the run.", usual=False
        ):
            raise Left

    def said(self, answers: Answers, answered: frozenset[str]) -> None:
        """An answer was given: keep it, here and for `ftui decide`."""
        from ftui.commands.decide_draft import keep

        self.state.answers = {**dict.fromkeys(answered), **answers.to_mapping()}
        self.keep("decide")
        keep(answers, answered)

    def data(self) -> None:
        """Stage 2: a file that can be read."""
        self.write("\nStage 2 of 5, data. Which rows shall the model learn from?")
        while True:
            path = self.line("A JSONL, JSON, CSV or Parquet file", self.state.data_file)
            if not path:
                continue
            path = str(Path(path).expanduser().absolute())
            if self.command("lint", path) != EXIT_COULD_NOT and self.wants("Go on with this file?", usual=True):
                break
        self.state.data_file = path
        self.keep("model")

    def model(self) -> None:
        """Stage 3: one of the list, a hub id, or a folder."""
        from ftui.tui.model_words import suggested

        self.write("\nStage 3 of 5, model. Sizing what is here and in the catalogue ...")
        every = self._models()
        usual = self.state.model_id or suggested(every)
        choices = [c for index, c in enumerate(every) if index < MOST_MODELS or c["id"] == usual]
        for number, choice in enumerate(choices, start=1):
            self.write(f"  {number:>2}  {model_line(choice)}")
        if len(every) > len(choices):
            self.write(f"      {len(every) - len(choices)} more: ftui models")
        said = self.line("A number, a hub id (org/name) or a folder", usual)
        while not said or (said.isdigit() and not 1 <= int(said) <= len(choices)):
            said = self.line("A number from the list, a hub id or a folder", usual)
        self.state.model_id = str(choices[int(said) - 1]["id"]) if said.isdigit() else said
        self.keep("plan")

    def plan(self) -> Path:
        """Stage 4: the proposed plan, changed until it is right; gives its file."""
        self.write("\nStage 4 of 5, plan. Every value has its reason.")
        from ftui.services.drafts import drafts_folder
        from ftui.services.paths import make_private
        from ftui.tui.plan_general import general_rows

        path = make_private(drafts_folder()) / "plan.yaml"
        changes: list[str] = []
        general = general_rows(self.state)
        while True:
            sets = [part for change in changes for part in ("--set", change)]
            path.unlink(missing_ok=True)
            made = self.command(
                "plan", "new", "--model", self.state.model_id, "--data", self.state.data_file,
                *(["--replay", general] if general else []), *sets, "--out", str(path),
            )  # fmt: skip
            if made == EXIT_OK:
                self.command("plan", "show", str(path))
                change = self.line("Enter starts it; field=value changes one", "")
            elif changes:
                self.write(f"{safe(changes.pop())} was taken back.")
                continue
            else:
                change = self.line("field=value mends it", "")
            if change:
                changes.append(change)
            elif made == EXIT_OK:
                return path

    def train(self, plan: Path) -> None:
        """Stage 5: the run, and its lines as long as one likes."""
        self.write("\nStage 5 of 5, train. It goes on when this terminal closes.")
        answers: list[str] = []
        if self.state.answers.get("needs"):
            answers = ["--answers", str(self._beside("answers.json", json.dumps(self.state.answers)))]
        if self.command("train", str(plan), *answers) != EXIT_OK:
            raise Left
        from ftui.services.drafts import remove_draft

        remove_draft()
        if self.wants("Print what happens, line by line? Ctrl+C leaves it running.", usual=True):
            self.command("watch", "last", "--plain")

    # -- talking

    def line(self, question: str, usual: str) -> str:
        """One answer; Enter takes `usual`."""
        self.write(f"{question}{f' [{safe(usual)}]' if usual else ''}:")
        said = self.read()
        if not said or said.strip().lower() in ("q", "quit"):
            raise Left
        return said.strip() or usual

    def wants(self, question: str, *, usual: bool) -> bool:
        """Yes or no."""
        said = ""
        while said[:1] not in ("y", "n"):
            said = self.line(f"{question} y or n", "y" if usual else "n").lower()
        return said[:1] == "y"

    def command(self, *arguments: str) -> int:
        """Run `ftui ARGUMENTS` here, and say so."""
        self.write(f"$ {safe(join(['ftui', *arguments]))}")
        return self._run(*arguments)

    def keep(self, stage: str) -> None:
        """Save the draft, as the wizard does."""
        from ftui.services.drafts import save_draft

        save_draft(stage, "", self.state.to_mapping())

    def _beside(self, name: str, text: str) -> Path:
        from ftui.services.drafts import drafts_folder
        from ftui.services.files import write_atomic
        from ftui.services.paths import make_private

        path = make_private(drafts_folder()) / name
        write_atomic(path, text)
        return path

    def _models(self) -> Sequence[dict[str, Any]]:
        from ftui.services.hardware import snapshot
        from ftui.services.model_choices import DEFAULT_SEQ_LEN, model_choices

        try:
            return [asdict(choice) for choice in model_choices(snapshot(), DEFAULT_SEQ_LEN)]
        except FtuiError as error:
            self.write(f"The list cannot be made: {safe(str(error))}")
            return []


def model_line(choice: dict[str, Any]) -> str:
    """One model: its name, whether it fits, and what it needs."""
    verdict = {"fits": "fits", "tight": "tight", "no": "does not fit"}.get(str(choice["verdict"]), "not known")
    peak = choice.get("peak_bytes")
    needs = f", needs about {gib(peak)}" if isinstance(peak, int) else ""
    method = f" with {choice['method']}" if choice.get("method") and verdict in ("fits", "tight") else ""
    return f"{clip(str(choice['title']), 50)}: {verdict}{method}{needs}"


def _command(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-P", "-m", "ftui", *arguments], check=False).returncode


def _write(text: str) -> None:
    print(text, flush=True)
