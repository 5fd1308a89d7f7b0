"""`ftui decide` as a person and as a script meet it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ftui.cli import main
from ftui.commands.decide_ask import ask, parse_reply
from ftui.commands.decide_draft import forget, keep, kept
from ftui.core.decide.answers import Answers, parse_answers
from ftui.core.decide.questions import BY_ID

SCENARIOS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "core" / "decide_scenarios.json").read_text(encoding="utf-8")
)
SCHEMAS = Path(__file__).parents[2] / "ftui" / "schemas"
TONE = {"needs": ["style_tone"], "tried": ["prompting", "few_shot"], "examples": 900, "example_quality": "reviewed"}


@pytest.fixture
def need(tmp_path: Path) -> Path:
    """A file of answers."""
    file = tmp_path / "need.json"
    file.write_text(json.dumps(TONE), encoding="utf-8")
    return file


def test_json_has_what_the_contract_names(need: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "--answers", str(need), "--json"]) == 0
    out, err = capsys.readouterr()
    verdict = json.loads(out)
    assert (verdict["approach"], verdict["technique"], verdict["cost"]) == ("fine_tuning", "sft", "high")
    assert verdict["reasons"] and verdict["next_steps"] and verdict["flips"]
    assert err == ""


@pytest.mark.parametrize("scenario", SCENARIOS[::4], ids=[scenario["id"] for scenario in SCENARIOS[::4]])
def test_answers_and_verdicts_match_their_schemas(
    scenario: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jsonschema.validate(scenario["answers"], json.loads((SCHEMAS / "answers.json").read_text()))
    file = tmp_path / "need.json"
    file.write_text(json.dumps({"schema_version": 1, **scenario["answers"]}), encoding="utf-8")
    assert main(["decide", "--answers", str(file), "--json"]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), json.loads((SCHEMAS / "decide.json").read_text()))


def test_the_answers_schema_refuses_what_the_reader_refuses() -> None:
    schema = json.loads((SCHEMAS / "answers.json").read_text())
    for wrong in ({}, {"needs": []}, {"needs": ["x"]}, {**TONE, "examples": -1}, {**TONE, "mood": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_text_is_for_people(need: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "--answers", str(need)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Fine-tune: supervised fine-tuning (SFT).")
    for heading in ("Why", "Next", "What would change it", "Risks", "Method"):
        assert f"\n{heading}\n" in out
    assert "--explain" in err


def run_ftui(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "ftui", "decide", *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )


def test_answers_can_come_through_a_pipe() -> None:
    done = run_ftui("--answers", "-", "--json", stdin=b'\xef\xbb\xbf{"needs": ["fresh_knowledge"]}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["approach"] == "rag"


def test_without_terminal_and_answers_it_says_so() -> None:
    done = run_ftui()
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not a terminal" in done.stderr
    assert b"--answers" in done.stderr


def test_the_json_path_imports_nothing_heavy(need: Path) -> None:
    script = (
        "import sys; from ftui.cli import main; main(['decide', '--answers', sys.argv[1], '--json']);"
        "heavy = {'yaml', 'jsonschema', 'orjson', 'textual', 'rich', 'torch', 'numpy', 'platformdirs', 'pathlib',"
        "'dataclasses', 'shutil',"
        "'ftui.core.text', 'ftui.core.decide.glossary_terms', 'ftui.core.decide.questions'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}", str(need)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not json"),
        (b"needs: [style_tone]", "not json"),
        (b"\xff\xfe\x00", "not utf-8"),
        (b"[]", "one json object, not a list"),
        (b'{"needs": []}', "at least one of private_knowledge"),
        (b'{"needs": ["tone"]}', "needs must be a list of private_knowledge"),
        (b'{"needs": ["latency"], "tires": 1}', "allowed keys are needs, tried"),
        (b'{"needs": ["latency"], "examples": "10"}', "examples must be a whole number from 0 to"),
        (b" " * 1_000_001, "larger than 1 mb"),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else "",
)
def test_a_bad_file_is_one_sentence_and_exit_code_2(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "need.json"
    file.write_bytes(content)
    assert main(["decide", "--answers", str(file), "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.lower()
    assert str(file) in err
    assert "Traceback" not in err and err.count("\n") <= 2


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in [(str(tmp_path / "no.json"), "No such file"), (str(tmp_path), "is a folder"), ("\0", "null")]:
        assert main(["decide", "--answers", name]) == 2
        assert words in capsys.readouterr().err


# The report


def test_the_report_is_written_and_replaced(need: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "team.md"
    for _ in range(2):
        assert main(["decide", "--answers", str(need), "--report", str(page)]) == 0
    assert page.read_text().startswith("# Should we fine-tune?\n\n**Fine-tune.**")
    assert f"Report: {page}" in capsys.readouterr().err


def test_another_file_is_never_overwritten(need: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "notes.md"
    page.write_text("mine")
    assert main(["decide", "--answers", str(need), "--report", str(page)]) == 2
    assert page.read_text() == "mine"
    assert "is no report" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_a_sentence(
    need: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (str(tmp_path / "no" / "team.md"), str(tmp_path)):
        assert main(["decide", "--answers", str(need), "--report", name]) == 2
        assert "cannot be written" in capsys.readouterr().err


def test_the_report_can_go_to_stdout_but_not_beside_json(need: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "--answers", str(need), "--report", "-"]) == 0
    assert capsys.readouterr().out.startswith("# Should we fine-tune?")
    assert main(["decide", "--answers", str(need), "--report", "-", "--json"]) == 2
    assert main(["decide", "--explain", "lora", "--report", "x.md"]) == 2


# Glossary and table


def test_a_term_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "--explain", "llm", "as", "a", "judge"]) == 0
    assert capsys.readouterr().out.startswith("LLM as a judge\n")
    assert main(["decide", "--explain", "qlaro"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("QLoRA\n")
    assert "Nearest to that: QLoRA" in err
    assert main(["decide", "--explain"]) == 0
    assert "catastrophic forgetting" in capsys.readouterr().out
    assert main(["decide", "--explain", "dpo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "DPO"
    assert main(["decide", "--explain", "--json"]) == 0
    assert "LoRA" in json.loads(capsys.readouterr().out)
    assert main(["decide", "--explain", "\x1b[31mxyzzy"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_the_rules_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "--rules"]) == 0
    text = capsys.readouterr().out
    assert "structured_untried" in text and "fine_tuning_and_rag" in text and "nothing has been tried yet" in text
    assert max(len(line) for line in text.split("\n")) <= 100
    assert main(["decide", "--rules", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["approach"] == "rag"


# The questionnaire


class Person:
    """Types prepared lines; what is said to them is in `heard`."""

    def __init__(self, *lines: str) -> None:
        self.lines: Iterator[str] = iter(lines)
        self.heard: list[str] = []

    def read(self) -> str:
        line = next(self.lines, None)
        return "" if line is None else line + "\n"

    def ask(self) -> Answers:
        return ask(self.read, self.heard.append)

    def told(self, words: str) -> bool:
        return any(words in line for line in self.heard)


def test_a_whole_conversation() -> None:
    person = Person("4", "1 2", "1,200", "1", "2", "n", "")
    assert person.ask() == parse_answers({**TONE, "examples": 1200, "deployment": "local", "eval_set": False})
    assert person.told("So far: Fine-tune (sft), cost high.")
    assert person.told("6 of 6. Do you have an evaluation set")


def test_back_keeps_the_answers_and_enter_keeps_the_old_one() -> None:
    person = Person("4", "1", "900", "b", "", "1", "2", "y", "")
    assert person.ask() == parse_answers(
        {
            "needs": ["style_tone"],
            "tried": ["prompting"],
            "examples": 900,
            "example_quality": "reviewed",
            "deployment": "local",
            "eval_set": True,
        }
    )
    assert person.told("Now: 900; Enter keeps it.")


def test_back_from_the_end_and_past_the_beginning() -> None:
    person = Person("b", "2", "", "4", "n", "b", "y", "")
    assert person.ask() == parse_answers({"needs": ["fresh_knowledge"], "change_rate": "daily", "eval_set": True})
    assert person.told("This is the first question.")


def test_going_back_and_changing_the_need_asks_what_now_matters() -> None:
    person = Person("2", "b", "3", "0", "1", "y", "")
    assert person.ask() == parse_answers(
        {"needs": ["output_format"], "tried": [], "deployment": "api", "eval_set": True}
    )


def test_why_and_nonsense() -> None:
    person = Person("", "w", "12", "style", "4 4", "0", "maybe", "?", "y", "")
    assert person.ask() == parse_answers({"needs": ["style_tone"], "tried": [], "eval_set": True})
    assert person.told("At least one need, please")
    assert person.told("Why: Each need has its own best tool")
    assert person.told("'12' is not among the choices: 1 to 10.")
    assert person.told("'style' is not among")
    assert person.told("'maybe' is not among the choices: 1 to 2.")


@pytest.mark.parametrize("lines", [["4", "1"], ["4", "1", "q"]])
def test_stopping_says_how_to_go_on(lines: list[str]) -> None:
    person = Person(*lines)
    with pytest.raises(KeyboardInterrupt):
        person.ask()
    taken_up = person.heard[-1].split("echo '")[1].split("'")[0]
    assert parse_answers(json.loads(taken_up)) == Answers(needs=("style_tone",), tried=("prompting",))


def test_ctrl_c_at_once_is_no_trouble() -> None:
    person = Person()

    def interrupt() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(interrupt, person.heard.append)
    assert person.told("before anything was said")


def test_a_word_is_explained_where_it_appears() -> None:
    person = Person("? LoRA", "2", "? xyzzy", "1", "4", "y", "?rag", "nonsense", "")
    assert person.ask().needs == ("fresh_knowledge",)
    assert person.told("W' = W + BA") and person.told("More: ftui decide --explain LoRA")
    assert person.told("nothing like 'xyzzy'")
    assert person.told("RAG searches your documents")
    assert person.told("  Enter: the verdict, b: back.")


def test_an_earlier_questionnaire_is_taken_up_or_begun_anew(capsys: pytest.CaptureFixture[str]) -> None:
    stopped = Person("4", "1 2", "")
    with pytest.raises(KeyboardInterrupt):
        ask(stopped.read, stopped.heard.append, kept(), keep)
    answers, answered = kept()
    assert (answers, answered) == (
        Answers(needs=("style_tone",), tried=("prompting", "few_shot")),
        {"needs", "tried", "examples"},
    )

    person = Person("what", "", "b", "900", "1", "2", "y", "")
    taken_up = ask(person.read, person.heard.append, (answers, answered), keep)
    assert taken_up == parse_answers({**TONE, "deployment": "local", "eval_set": True})
    assert person.told("What should the model do better than it does now? a style or tone")
    assert person.told("Enter or n, please.")
    assert kept()[0] == taken_up

    anew = Person("n", "2", "1", "4", "y", "")
    assert ask(anew.read, anew.heard.append, kept(), keep).needs == ("fresh_knowledge",)
    forget()
    forget()
    assert kept() == (Answers(), frozenset())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"answered": ["needs"]}', '{"answered": 1, "answers": {}}', '{"answered": [], "answers": 3}',
     '{"answered": ["needs"], "answers": {"needs": ["x"]}}', '{"answered": [], "answers": {}, "schema_version": 9}'],
)  # fmt: skip
def test_a_draft_that_cannot_be_read_is_none(text: str, home: Path) -> None:
    keep(Answers(needs=("latency",)), frozenset({"needs"}))
    (home / "drafts" / "decide.json").write_text(text)
    assert kept() == (Answers(), frozenset())


def test_a_disk_that_refuses_a_draft_stops_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.write_text("a file where the folder should be")
    keep(Answers(needs=("latency",)), frozenset({"needs"}))
    assert "Not kept for later" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("question", "line", "value"),
    [
        ("needs", "1, 4", ("private_knowledge", "style_tone")),
        ("needs", "style_tone 9", ("style_tone", "latency")),
        ("tried", "none", ()),
        ("tried", "", None),
        ("examples", "1_500", 1500),
        ("examples", "2'000", 2000),
        ("eval_set", "no", False),
        ("eval_set", "1", True),
        ("change_rate", "weekly", "weekly"),
    ],
)
def test_what_a_typed_line_means(question: str, line: str, value: object) -> None:
    assert parse_reply(BY_ID[question], line) == value


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("needs", ""),
        ("needs", "0"),
        ("needs", "\x1b[31m"),
        ("examples", "-3"),
        ("examples", "many"),
        ("examples", "9" * 4000),
        ("examples", "²"),
        ("change_rate", "1 2"),
        ("eval_set", "perhaps"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(question: str, line: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as caught:
        parse_reply(BY_ID[question], line)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 120


HANG_UP = b""


def in_terminal(*typed: bytes) -> tuple[int, bytes]:
    """Exit code and screen of `ftui decide --json` in a real pseudo-terminal; each of `typed` answers one prompt.

    `HANG_UP` closes the terminal, as a lost connection does.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
        os.execv(sys.executable, [sys.executable, "-m", "ftui", "decide", "--json"])
    waiting, screen = list(typed), b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side has left
            break
        screen += part
        if waiting and screen.endswith(b"> "):
            if waiting[0] == HANG_UP:
                break
            os.write(terminal, waiting.pop(0))
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), screen


def test_in_a_real_terminal() -> None:
    code, screen = in_terminal(b"2\n", b"1\n", b"4\n", b"y\n", b"\n")
    assert code == 0
    assert b"What should the model do better" in screen
    assert b'"approach": "rag"' in screen


def test_a_lost_terminal_loses_nothing() -> None:
    code, screen = in_terminal(b"4\n", b"1 2\n", HANG_UP)
    assert code != 0
    code, screen = in_terminal(b"\n", b"700\n", b"1\n", b"2\n", b"y\n", b"\n")
    assert code == 0
    assert b"You stopped here last time" in screen
    assert b'"approach": "fine_tuning"' in screen
    code, screen = in_terminal(b"q\n")
    assert b"You stopped" not in screen  # it came to its verdict


@pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["end of input", "Ctrl+C"])
def test_stopping_in_a_real_terminal(key: bytes) -> None:
    code, screen = in_terminal(b"2\n", key)
    assert code == 130
    assert b'{"needs": ["fresh_knowledge"]}' in screen
    assert b"Traceback" not in screen
