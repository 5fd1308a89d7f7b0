"""The data stage with real files: groups, what a fix would change, the new file, the walk that goes on with it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from fake_answers import CHECK, PREVIEW, fake_ask
from screens_kit import answer_with, last_notice, settle, shown_text, welcome_app
from test_nasty_strings import check as nasty
from textual.widgets import Input, OptionList

from ftui.errors import FtuiError
from ftui.services.data_check import check, fixed_file
from ftui.tui.app import FtuiApp
from ftui.tui.data_words import FIX, KEEP, Group, group_detail, group_line, groups_of, headline
from ftui.tui.glyphs import ASCII, UNICODE
from ftui.tui.review_walk import Walk
from ftui.tui.review_words import row_rows
from ftui.tui.screens.data import DataScreen
from ftui.tui.screens.model import ModelScreen
from ftui.tui.screens.review import ReviewScreen
from ftui.tui.token_words import length_rows, token_rows
from ftui.tui.widgets.lines import Row


def chat(user: str, answer: str | None) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]}


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve rows: an invisible character, a turn after the last answer, an exact repeat, a line that is no JSON."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    rows = [chat(f"Question number {n} about parcel {n * 37}?", f"Parcel {n * 37} left on day {n}.") for n in range(12)]
    rows[2] = chat("Where is my par\u200bcel 74?", "Parcel 74 left on day 2.")
    rows[4]["messages"].append({"role": "user", "content": "thanks"})
    rows[7] = rows[6]
    file = folder / "tickets.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows) + "\n{broken\n")
    return file


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The screen gets fixed answers; here is what it asked the commands. `lint --fix` writes an empty row."""
    asked: list[tuple[str, ...]] = []

    async def ask(*arguments: str, module: str = "ftui", **_: Any) -> Any:
        if arguments[0] != "lint":
            return await fake_ask(*arguments, module=module)
        asked.append(arguments)
        Path(arguments[arguments.index("--output") + 1]).write_text("{}\n")
        return {"fixes": [{"changed": 11, "dropped": 2}]}

    answer_with(monkeypatch, ask)
    return asked


async def opened(pilot: Any, path: Path) -> DataScreen:
    app: FtuiApp = pilot.app
    app.wizard.state.data_file = str(path)
    app.wizard.open("data")
    await settle(pilot)
    screen = app.screen
    assert isinstance(screen, DataScreen)
    return screen


# -- the check


def test_the_check_counts_groups_and_shows_what_each_fix_would_change(tickets: Path) -> None:
    report = check(str(tickets))
    groups = {group.code: group for group in groups_of(report)}
    assert report["rows"] == 12 and report["unreadable"] == 1
    assert groups["JSN201"].weight == "" and groups["JSN201"].findings[0]["line"] == 13
    turn = groups["MSG405"]
    assert (turn.weight, turn.proposed, list(turn.rows)) == ("necessary", FIX, [4])
    place, before, after = turn.examples[0]["places"][0]
    assert place == "/messages" and "thanks" in before and "thanks" not in after
    hidden = groups["TXT404"].examples[0]["places"][0]
    assert "\\u{200b}" in hidden[1] and "parcel" in hidden[2]
    assert groups["DUP701"].examples[0]["dropped"] and "number 6" in groups["DUP701"].examples[0]["places"][0][1]


def test_secrets_are_masked_in_what_a_fix_would_change(tmp_path: Path) -> None:
    key = "sk-proj-" + "Ab3dEf6hIj9kLm2nOp5qRs8t" * 2
    file = tmp_path / "keys.jsonl"
    rows = [chat(f"My key is {key} and the number is {n}\u200b.", "Thank you, that helps a lot.") for n in range(3)]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    report = json.dumps(check(str(file)))
    assert "SEC901" in report and "TXT404" in report and key not in report


def test_an_unsafe_fix_of_a_warning_is_optional() -> None:
    [_, safe_warning, unsafe_warning, note] = groups_of(CHECK)
    assert (safe_warning.weight, safe_warning.proposed) == ("recommended", FIX)
    assert (unsafe_warning.weight, unsafe_warning.proposed) == ("optional", KEEP)
    assert (note.weight, note.proposed) == ("", "")


@pytest.mark.parametrize("report", [{}, {"groups": None}, {"groups": [1, {}, {"code": 3, "fix": 7, "rows": "x"}]}])
def test_a_check_of_another_shape_is_read_as_far_as_it_can_be(report: dict[str, Any]) -> None:
    assert all(isinstance(group, Group) for group in groups_of(report))


def test_a_new_file_never_takes_a_name_that_exists(tmp_path: Path) -> None:
    source = tmp_path / "train.data.jsonl.gz"
    source.write_text("")
    first = fixed_file(str(source))
    assert first.name == "train.fixed.jsonl"
    first.write_text("")
    assert fixed_file(str(source)).name == "train.fixed-2.jsonl"


# -- choosing and applying


async def test_a_real_file_is_mended_into_a_new_one_and_the_walk_goes_on_with_it(tickets: Path) -> None:
    before = tickets.read_bytes()
    app = welcome_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await opened(pilot, tickets)
        for _ in range(300):  # real child processes
            await pilot.pause(0.1)
            if screen.report:
                break
        await settle(pilot)
        text = shown_text(app)
        assert "12 rows" in text and "MSG405" in text and "[x]" in text
        await pilot.press("a")
        await settle(pilot)
        assert "Apply" in shown_text(app) and "tickets.fixed.jsonl" in shown_text(app)
        await pilot.press("y")
        for _ in range(300):
            await pilot.pause(0.1)
            if app.wizard.state.data_original and screen.report:
                break
        await settle(pilot)
        assert app.wizard.state.data_file == str(tickets.with_name("tickets.fixed.jsonl"))
        assert "made from tickets.jsonl" in shown_text(app)
        assert "MSG405" not in shown_text(app)
        await pilot.press("u")
        await settle(pilot)
        assert app.wizard.state.data_file == str(tickets) and app.wizard.state.data_original == ""
    assert tickets.read_bytes() == before
    fixed = [json.loads(line) for line in tickets.with_name("tickets.fixed.jsonl").read_text().splitlines()[:11]]
    assert len(fixed[4]["messages"]) == 2 and "\u200b" not in json.dumps(fixed, ensure_ascii=False)


async def test_y_and_n_decide_a_group_and_move_on(tickets: Path, told: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await opened(pilot, tickets)
        assert "drop the row? [Y/n]" in shown_text(app) and "will be fixed" in shown_text(app)
        await pilot.press("n", "n", "y")
        await settle(pilot)
        assert app.wizard.state.data_choices == {"SCH212": KEEP, "TXT404": KEEP, "SEC901": FIX}
        choices = screen.query_one("#findings", OptionList)
        assert choices.highlighted == 5 and "[x] SEC901" in shown_text(app)
        await pilot.press("a")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert told[0][:3] == ("lint", str(tickets), "--fix") and told[0][told[0].index("--select") + 1] == "SEC901"
        assert "--unsafe-fixes" in told[0]


async def test_only_safe_fixes_need_no_leave_to_change_meaning(tickets: Path, told: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, tickets)
        await pilot.press("n")
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert told[0][told[0].index("--select") + 1] == "TXT404" and "--unsafe-fixes" not in told[0]


async def test_going_on_asks_about_fixes_and_then_about_errors(tickets: Path, told: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, tickets)
        await pilot.press("enter")
        await settle(pilot)
        assert "Apply 2 kinds of fixes?" in shown_text(app)
        await pilot.press("l")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen) and not told
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(app.screen, ModelScreen) and app.wizard.state.data_file == str(tickets)
        assert app.wizard.state.data_choices["SCH212"] == KEEP


async def test_errors_without_a_fix_have_to_be_accepted_once(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*arguments: str, module: str = "ftui", **_: Any) -> Any:
        if module == "ftui.services.data_check":
            return {**CHECK, "groups": [{**CHECK["groups"][0], "fix": None, "fixable": 0}]}
        return await fake_ask(*arguments, module=module)

    answer_with(monkeypatch, ask)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, tickets)
        await pilot.press("ctrl+n")
        await settle(pilot)
        assert "Go on with 2 errors?" in shown_text(app)
        await pilot.press("g")
        await settle(pilot)
        assert isinstance(app.screen, ModelScreen)
        app.wizard.open("data")
        await settle(pilot)
        await pilot.press("ctrl+n")
        await settle(pilot)
        assert isinstance(app.screen, ModelScreen)


async def test_a_fix_that_cannot_be_written_is_said(tickets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*arguments: str, module: str = "ftui", **_: Any) -> Any:
        if arguments[0] == "lint":
            raise FtuiError("The file cannot be written", "/work: No space left on device", "Make room.")
        return await fake_ask(*arguments, module=module)

    answer_with(monkeypatch, ask)
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, tickets)
        await pilot.press("a")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert "Nothing was written" in last_notice(app) and app.wizard.state.data_file == str(tickets)


async def test_another_file_forgets_the_choices(tickets: Path, told: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, tickets)
        await pilot.press("n")
        await settle(pilot)
        await pilot.press("ctrl+f")
        app.screen.query_one("#path", Input).value = str(tickets)
        await pilot.press("enter")
        await settle(pilot)
        assert app.wizard.state.data_choices == {}


async def test_the_rows_of_a_group_are_walked(tickets: Path, told: list[tuple[str, ...]]) -> None:
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot, tickets)
        await pilot.press("r")
        await settle(pilot, 0.2)
        assert isinstance(app.screen, ReviewScreen)
        text = shown_text(app)
        assert "only SCH212" in text and "row 3 (line 4)" in text and "! SCH212: the content is null" in text
        await pilot.press("q")
        await settle(pilot)
        assert isinstance(app.screen, DataScreen)


# -- tokens


def test_every_token_has_its_borders_and_trained_ones_their_brackets() -> None:
    row = PREVIEW["rows"][0]
    shown = "".join(text for line in token_rows(row, UNICODE, borders=True) for text, _ in line)
    assert '│<|assistant|>│↵⟦{"topic":│ "delivery"│, "order"' in shown and "<|end|>⟧↵" in shown
    assert shown.count("⟦") == shown.count("⟧") == 1
    assert "Hello│, my│ parcel" in shown and "↵" in shown
    plain = "".join(text for line in token_rows(row, ASCII, borders=False) for text, _ in line)
    assert "Hello, my parcel" in plain
    looks = {look for line in token_rows(row, UNICODE, borders=True) for _, look in line}
    assert {"special", "trained special", "ok"} <= looks


@pytest.mark.parametrize("row", [{}, {"pieces": None}, {"pieces": [3, [], ["a", True], ["\n\n", True]]}])
def test_token_rows_of_another_shape(row: dict[str, Any]) -> None:
    text = "".join(text for line in token_rows(row, UNICODE, borders=True) for text, _ in line)
    assert text.count("⟦") == text.count("⟧")


def test_the_histogram_begins_at_the_shortest_row_and_counts_every_row() -> None:
    rows = length_rows([150] * 5 + [230] * 7, 200, 60, UNICODE)
    text = "\n".join("".join(part for part, _ in row) for row in rows)
    assert "7 rows are longer than 200 tokens" in text
    bars = [line for line in text.splitlines() if "█" in line]
    assert [int(line.split()[-1]) for line in bars] == [5, 7] and bars[0].split()[0] == "150"


BROKEN = sorted((Path(__file__).parents[2] / "sample_data" / "broken").iterdir())


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.name)
def test_every_broken_file_is_checked_shown_and_walked(file: Path) -> None:
    report = check(str(file))
    rows: list[Row] = [headline(report, groups_of(report))]
    for group in groups_of(report):
        rows += [group_line(group, group.proposed, UNICODE, 76), *group_detail(group, group.proposed)]
    with contextlib.suppress(FtuiError):  # nothing in it is a row
        walk = Walk(file)
        while walk.forward(to_open=False):
            assert walk.row is not None
            rows += row_rows(walk.row.data, (), UNICODE, as_json=False)
    nasty("\n".join("".join(text for text, _ in row) for row in rows), shows=False)
