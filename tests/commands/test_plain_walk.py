"""`ftui --plain`: the wizard's stages in lines; what is said is kept, and either of the two goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftui.commands import walk
from ftui.services.drafts import load_draft

ANSWERS = ["3", "1 2 3", "420", "1", "2", "1", ""]
"""A fixed format; prompt, examples and schema were tried; 420 reviewed rows; own machines; an evaluation set; on."""
MODELS = [
    {"id": "tiny", "title": "the tiny model", "verdict": "fits", "method": "lora", "peak_bytes": 50 << 20},
    {"id": "big/model", "title": "big/model", "verdict": "no", "method": "", "peak_bytes": 90 << 30},
]


class Terminal:
    """A person who types these lines, and commands that only note that they were run."""

    def __init__(self, *lines: str, codes: dict[str, list[int]] | None = None) -> None:
        self._lines: Iterator[str] = iter(lines)
        self.shown: list[str] = []
        self.commands: list[tuple[str, ...]] = []
        self._codes = codes or {}

    def read(self) -> str:
        line = next(self._lines, None)
        return "" if line is None else line + "\n"

    def command(self, *arguments: str) -> int:
        self.commands.append(arguments)
        codes = self._codes.get(arguments[0], [])
        return codes.pop(0) if codes else 0

    def run(self) -> int:
        return walk.run(self.read, self.shown.append, self.command)

    @property
    def text(self) -> str:
        return "\n".join(self.shown)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(walk.Walk, "_models", lambda self: MODELS)


def test_the_whole_walk_ends_in_a_started_run_that_keeps_the_answers() -> None:
    terminal = Terminal("", *ANSWERS, "rows.jsonl", "", "1", "train.epochs=2", "", "n")
    assert terminal.run() == 0
    names = [arguments[0] for arguments in terminal.commands]
    assert names == ["decide", "lint", "plan", "plan", "plan", "plan", "train"]
    assert "train.epochs=2" in terminal.commands[4] and terminal.commands[-1][2] == "--answers"
    assert '"examples": 420' in Path(terminal.commands[-1][3]).read_text()
    assert load_draft() is None  # its run is under way
    assert "$ ftui lint " in terminal.text and "Stage 5 of 5" in terminal.text


def test_another_word_than_yes_or_no_is_asked_again() -> None:
    terminal = Terminal("3", "n", "rows.jsonl", "what?", "y", "q")
    terminal.run()
    assert terminal.text.count("Shall I ask some questions?") == 2 and terminal.text.count("Go on with this file?") == 2


def test_general_rows_beside_the_rows_are_mixed_in(tmp_path: Path) -> None:
    row = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    for name in ("mine.jsonl", "general.jsonl"):
        (tmp_path / name).write_text(row)
    terminal = Terminal("n", str(tmp_path / "mine.jsonl"), "y", "1", "q")
    terminal.run()
    [new] = [command for command in terminal.commands if command[:2] == ("plan", "new")]
    assert new[new.index("--replay") + 1] == str(tmp_path / "general.jsonl")


def test_the_end_of_input_keeps_everything_and_the_next_walk_goes_on_with_it() -> None:
    first = Terminal("n", "rows.jsonl", "y")
    assert first.run() == 0 and "Kept. Go on with: ftui --plain" in first.text
    draft = load_draft()
    assert draft is not None and draft.state["data_file"].endswith("rows.jsonl") and draft.stage == "model"
    second = Terminal("n", "", "", "2", "q")
    second.run()
    assert "rows.jsonl]" in second.text and "big/model: does not fit" in second.text
    assert second.commands[-1][:5] == ("plan", "show", *second.commands[-1][2:5])
    again = load_draft()
    assert again is not None and again.state["model_id"] == "big/model"


def test_half_a_questionnaire_is_gone_on_with() -> None:
    first = Terminal("", *ANSWERS[:3])
    first.run()
    draft = load_draft()
    assert draft is not None and draft.state["answers"]["examples"] == 420
    second = Terminal("", *ANSWERS[3:], "q")
    second.run()
    assert "You stopped here last time" in second.text
    again = load_draft()
    assert again is not None and again.stage == "data" and again.state["verdict"]["approach"] == "fine_tuning"


def test_a_file_that_cannot_be_read_is_asked_for_again() -> None:
    terminal = Terminal("n", "gone.jsonl", "rows.jsonl", "n", "better.jsonl", "y", "q", codes={"lint": [2, 1, 0]})
    terminal.run()
    assert [arguments[1].rpartition("/")[2] for arguments in terminal.commands] == [
        "gone.jsonl", "rows.jsonl", "better.jsonl",
    ]  # fmt: skip


def test_a_change_that_the_plan_refuses_is_taken_back() -> None:
    terminal = Terminal("n", "rows.jsonl", "y", "1", "train.epoch=2", "q", codes={"plan": [0, 0, 2, 0, 0]})
    terminal.run()
    assert "train.epoch=2 was taken back." in terminal.text
    assert "train.epoch=2" not in terminal.commands[-2]


def test_against_the_advice_the_person_is_asked() -> None:
    terminal = Terminal("", "2", "", "", "", "", "n")
    terminal.run()
    assert "Go on to training all the same? It is noted in the run." in terminal.text
    assert [arguments[0] for arguments in terminal.commands] == ["decide"]


def test_nothing_but_a_number_of_the_list_or_a_name_is_a_model() -> None:
    terminal = Terminal("n", "rows.jsonl", "y", "7", "", "org/name", "q")
    terminal.run()
    draft = load_draft()
    assert draft is not None and draft.state["model_id"] == "org/name"
