"""The result of a run, comparing runs, rating blind: what they show, what their keys do, what hostile text does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fake_runs import empty_run, make_run
from screens_kit import last_notice, settle, shown_text, welcome_app
from test_nasty_strings import LONG, NASTY, check, nasty_run

from ftui.services.compare import Comparison
from ftui.services.rating import Session, open_session, ratings_file
from ftui.services.runs import Run
from ftui.tui import compare_words, result_rows, result_words
from ftui.tui.app import FtuiApp
from ftui.tui.glyphs import UNICODE
from ftui.tui.screens.compare import CompareScreen
from ftui.tui.screens.pick_run import PickRunDialog
from ftui.tui.screens.rate import RateScreen
from ftui.tui.screens.result import ResultScreen, RunResultScreen
from ftui.tui.screens.train import TrainScreen
from ftui.tui.widgets.result_view import ResultView

SAMPLES = [
    {"id": 0, "prompt": "First", "reference": "a b", "base": "x", "tuned": "a b", "base_score": 0, "tuned_score": 1},
    {"id": 1, "prompt": "Second", "reference": "d, not e", "base": "d, not e", "tuned": "f, not e",
     "base_score": 1.0, "tuned_score": 0.5},
    {"id": 2, "prompt": "Third", "reference": "f", "base": "f", "tuned": "f", "base_score": 1, "tuned_score": 1},
]  # fmt: skip
VERDICT = {
    "verdict": "SHIP", "primary": "exact_match", "rows_needed": None, "forgetting": 0.157,
    "reasons": ["exact match improved: 0 -> 1 on 3 rows", "general ability: loss +15.7%, margin 25%: kept"],
    "metrics": {
        "loss": {"base": 2.0, "tuned": 1.0, "delta": -1.0, "ci_low": -1.2, "ci_high": -0.8, "n": 3},
        "exact_match": {"base": 0.0, "tuned": 1.0, "delta": 1.0, "ci_low": 0.9, "ci_high": 1.0, "n": 3},
    },
    "forgotten": [{"text": '{"messages": [{"content": "What is a saw?"}, {"content": "A tool."}]}',
                   "base": 0.5, "tuned": 0.9}],
}  # fmt: skip


def scored_run(folder: Path, name: str = "20261122-040000-tickets", **more: Any) -> Run:
    run = make_run(folder, name=name, status="finished", steps=60)
    (run.path / "eval" / "verdict.json").write_text(json.dumps({**VERDICT, **more}))
    (run.path / "eval" / "samples.jsonl").write_text("".join(json.dumps(sample) + "\n" for sample in SAMPLES))
    return run


def app_with(screen: Any, **options: Any) -> FtuiApp:
    return FtuiApp(lambda: screen, **options)


async def settled(pilot: Any) -> None:
    await settle(pilot, 0.1)
    await settle(pilot)


# -- the result


async def test_the_four_pages_of_a_result(tmp_path: Path) -> None:
    app = app_with(RunResultScreen(scored_run(tmp_path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        text = shown_text(app)
        assert "SHIP IT" in text and "* exact match" in text and "+0.90 to +1.00" in text
        assert "1 better, 1 worse, 1 the same" in text and "better" in text
        await pilot.press("2")
        await settled(pilot)
        text = shown_text(app)
        assert "✓ better  +1.00  First" in text and "✗ worse   -0.50  Second" in text and "as wanted" in text
        await pilot.press("down")
        await settled(pilot)
        assert "»f«, not e" in shown_text(app)
        await pilot.press("3")
        await settled(pilot)
        text = shown_text(app)
        assert "✓ The loss on general text rose by 15.7%" in text and "Against it" not in text
        assert "0.500 -> 0.900" in text and "What is a saw?  >  A tool." in text
        await pilot.press("4")
        await settled(pilot)
        assert "eval/samples.jsonl" in shown_text(app) and "ftui chat" in shown_text(app)


def test_a_change_that_may_be_chance_is_called_neither_better_nor_worse() -> None:
    def word(delta: float, low: float, high: float, name: str = "exact_match") -> str:
        metric = {"base": 0.5, "tuned": 0.5 + delta, "delta": delta, "ci_low": low, "ci_high": high, "n": 40}
        [_, row] = result_words.metric_rows({"metrics": {name: metric}}, 80)
        return row[-1][0]

    assert word(0.02, -0.1, 0.14) == "unclear" and word(-0.02, -0.1, 0.06) == "unclear"
    assert word(0.2, 0.1, 0.3) == "better" and word(-0.2, -0.3, -0.1) == "worse" and word(0.0, 0.0, 0.0) == "same"
    assert word(-0.2, -0.3, -0.1, "loss") == "better" and word(0.2, 0.1, 0.3, "loss") == "worse"


@pytest.mark.parametrize("width", [58, 78, 118])
def test_the_table_of_metrics_fits_its_room(width: int) -> None:
    metric = {"base": 12345.678, "tuned": 0.5, "delta": -0.123, "ci_low": -0.2, "ci_high": -0.1, "n": 123456}
    rows = result_words.metric_rows({"primary": "field_accuracy", "metrics": {"field_accuracy": metric}}, width)
    assert all(sum(len(part) for part, _ in row) <= width for row in rows) and rows[1][-1][0] == "worse"


def test_what_was_forgotten_too_far_is_no_good_news_and_says_what_helps() -> None:
    said = "general ability: loss on general text +12.5%, margin 5%: it fell too far"
    verdict = {"verdict": "DONT_SHIP", "forgetting": 0.125, "reasons": ["field accuracy improved", said]}
    text = "\n".join("".join(part for part, _ in row) for row in result_words.forgetting_rows(verdict, UNICODE))
    assert "✗ The loss on general text rose by 12.5%." in text and "--replay FILE" in text
    kept = {**verdict, "reasons": ["accuracy fell", said.replace("it fell too far", "kept")]}
    assert result_words.forgetting_rows(kept, UNICODE)[0][0] == ("✓ ", "ok")


async def test_rows_can_be_listed_by_what_happened_to_them(tmp_path: Path) -> None:
    app = app_with(RunResultScreen(scored_run(tmp_path)))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        seen = []
        for _ in result_rows.KINDS:
            await settled(pilot)
            seen.append([name for name in ("First", "Second", "Third") if f"  {name}" in shown_text(app)])
            await pilot.press("f")
        assert seen == [["First", "Second", "Third"], ["First"], ["Second"], ["First", "Second", "Third"],
                        ["First", "Second", "Third"]]  # fmt: skip


async def test_a_page_is_copied_to_a_file(tmp_path: Path, own_home: Path) -> None:
    app = app_with(RunResultScreen(scored_run(tmp_path)))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("c")
        await settled(pilot)
    [file] = own_home.rglob("result-verdict.txt")
    assert "SHIP IT" in file.read_text()


@pytest.mark.parametrize(("status", "said"), [
    ("failed", "The run failed"), ("running", "the verdict comes at its end"), ("finished", "No verdict"),
    ("stopped", "4 shows how to go on"),
])  # fmt: skip
async def test_a_run_without_a_verdict_says_why(tmp_path: Path, status: str, said: str) -> None:
    run = empty_run(tmp_path, status=status)
    app = app_with(RunResultScreen(run))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert said in shown_text(app)
        await pilot.press("2")
        await settled(pilot)
        assert "No held-out row was answered" in shown_text(app)
        await pilot.press("3")
        await settled(pilot)
        assert "Not known." in shown_text(app)


@pytest.mark.parametrize("text", ["{", "[]", '{"metrics": [1]}', '{"metrics": {"x": 3, "y": {"delta": "a"}}}',
                                  '{"verdict": 3, "reasons": 7, "groups": [2, {}], "forgetting": 1, "forgotten": [5]}',
                                  '{"speed": {"base": {}}, "noise": {}, "perplexity": 3}'])  # fmt: skip
async def test_a_verdict_of_another_shape_breaks_nothing(tmp_path: Path, text: str) -> None:
    run = scored_run(tmp_path)
    (run.path / "eval" / "verdict.json").write_text(text)
    (run.path / "eval" / "samples.jsonl").write_text('{"id": 3}\n3\n{\n{"prompt": 3, "base_score": "a"}\n')
    app = app_with(RunResultScreen(run))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for key in "2f34":
            await pilot.press(key)
            await settled(pilot)
        assert "Where everything lies" in shown_text(app)


async def test_keys_lead_to_the_other_screens_and_back(tmp_path: Path, own_home: Path) -> None:
    run = scored_run(own_home / "runs")
    app = welcome_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        app.wizard.state.run_path = str(run.path)
        app.wizard.open("result")
        await settled(pilot)
        for key, screen in (("r", RateScreen), ("w", TrainScreen), ("v", CompareScreen)):
            await pilot.press(key)
            await settled(pilot)
            if isinstance(app.screen, PickRunDialog):
                assert "no other run" in shown_text(app)
                await pilot.press("escape")
                await settled(pilot)
            assert isinstance(app.screen, screen)
            await pilot.press("q")
            await settled(pilot)
            assert isinstance(app.screen, ResultScreen)


def test_what_differs_from_the_wanted_text_is_marked_and_nothing_is_lost() -> None:
    rows = result_rows.marked_lines("one two\nthree", "one 2\nthree")
    text = "\n".join("".join(part for part, _ in row) for row in rows)
    assert text == "one »two«\nthree"
    assert result_words.metric_rows({}, 80) == []


# -- comparing


def comparison(**more: Any) -> Comparison:
    fields: dict[str, Any] = {
        "runs": ["a", "b"], "statuses": ["finished", "failed"], "verdicts": ["SHIP", ""],
        "metrics": {"tuned loss": [0.5, 0.4], "tuned exact_match": [0.9, None], "peak bytes": [2**30, 2**31]},
        "differences": {
            "train.epochs": [1.0, 3.0], "version torch": ["2.12", "2.13"], "data train fingerprint": ["1", "2"],
        },
        "curves": [[(0, 2.0), (30, 1.0)], []], "train_curves": [[(1, 2.0)], [(1, 3.0), (2, 2.0)]],
    }  # fmt: skip
    return Comparison(**{**fields, **more})


def test_the_better_value_is_marked_where_better_is_known() -> None:
    text = ["".join(part for part, _ in row) for row in compare_words.metric_rows(comparison(), 80, UNICODE)]
    assert text[1].split() == ["tuned", "loss", "0.5", "0.4", "✓"]
    assert text[2].split() == ["tuned", "exact", "match", "0.9", "-"]
    assert text[3].split() == ["peak", "memory", "1.0", "GiB", "✓", "2.0", "GiB"]


def test_differences_are_sorted_by_where_they_come_from() -> None:
    text = ["".join(part for part, _ in row).strip() for row in compare_words.difference_rows(comparison(), 80)]
    titles = [text.index(title) for title in ("Plan", "Data and model", "Versions")]
    assert titles == sorted(titles) and text[titles[2] + 1].split() == ["torch", "2.12", "2.13"]
    assert "are the same" in compare_words.difference_rows(comparison(differences={}), 80)[0][0][0]


def test_each_curve_has_its_letter_also_where_another_run_has_none() -> None:
    drawn = compare_words.curves(comparison(curves=[[], [(0, 1.0)]]), train=False)
    assert [(curve.ends, curve.look) for curve in drawn] == [("B", compare_words.LOOKS[1])]


async def test_runs_are_added_compared_and_taken_away(own_home: Path) -> None:
    first = scored_run(own_home / "runs", "20261122-040000-one")
    scored_run(own_home / "runs", "20261122-050000-two", verdict="INCONCLUSIVE")
    app = app_with(CompareScreen([first]))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, PickRunDialog) and "Compare with which run?" in shown_text(app)
        await pilot.press("enter")
        await settled(pilot)
        text = shown_text(app)
        assert "A 20261122-040000-one" in text and "B 20261122-050000-two" in text and "INCONCLUSIVE" in text
        assert "lowest held-out loss" in text
        await pilot.press("2")
        await settled(pilot)
        assert "m: held-out loss" in shown_text(app)
        await pilot.press("m", "3")
        await settled(pilot)
        assert "are the same" in shown_text(app)
        await pilot.press("c", "d")
        await settled(pilot)
        assert "Press a to choose" in shown_text(app)
    assert list(own_home.rglob("compare-differences.txt"))


async def test_a_run_with_a_broken_plan_is_said_and_can_be_taken_away(tmp_path: Path) -> None:
    runs = [scored_run(tmp_path, f"20261122-04000{n}-run") for n in range(2)]
    runs[1].plan_file.write_text("[")
    app = app_with(CompareScreen(runs))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "cannot be compared" in shown_text(app)
        await pilot.press("d")
        await settled(pilot)
        assert "Press a to choose" in shown_text(app)


# -- rating


def ratings(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ratings_file(run.path).read_text().splitlines()]


async def test_four_keys_rate_a_row_and_the_end_shows_the_results(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    app = app_with(RateScreen(run, "anna"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        text = shown_text(app)
        assert "Blind, by anna" in text and "0 of 2 rows" in text and "more correct" in text
        assert "tuned" not in text and "base" not in text
        await pilot.press("5", "4", "3")
        await settled(pilot)
        assert "accuracy 5" in shown_text(app) and not ratings_file(run.path).exists()
        await pilot.press("2")
        await settled(pilot)
        assert len(ratings(run)) == 1 and "1 of 2 rows" in shown_text(app)
        await pilot.press(*"3333")
        await settled(pilot)
        text = shown_text(app)
        assert "Everything is rated." in text and "tuned better" in text and "One rater" in text
    session: Session = open_session(run, "anna")
    assert session.done == 2


async def test_keys_and_rows_are_taken_back_and_rows_left_for_later(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    app = app_with(RateScreen(run, "anna"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("b")
        await settled(pilot)
        assert "Nothing was rated" in last_notice(app)
        await pilot.press("5", "b", *"1111")
        await settled(pilot)
        assert set(ratings(run)[0]["toward_tuned"].values()) in ({2.0}, {-2.0})
        await pilot.press("b")
        await settled(pilot)
        assert ratings(run)[-1]["undone"] and "0 of 2 rows" in shown_text(app)
        await pilot.press("s", "s")
        await settled(pilot)
        assert "2 rows were left for later" in shown_text(app)


async def test_a_comment_is_kept_and_the_wanted_answer_shown_on_request(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    app = app_with(RateScreen(run, "anna"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "wanted" not in shown_text(app)
        await pilot.press("w")
        await settled(pilot)
        assert "wanted" in shown_text(app)
        await pilot.press("m")
        await settled(pilot)
        await pilot.press(*"odd 5", "enter")
        await settled(pilot)
        await pilot.press(*"3333")
        await settled(pilot)
        assert ratings(run)[0]["comment"] == "odd 5"


async def test_a_run_that_was_never_scored_cannot_be_rated(tmp_path: Path) -> None:
    app = app_with(RateScreen(empty_run(tmp_path, status="finished")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "There are no answers to rate" in shown_text(app) and "ftui eval" in shown_text(app)
        await pilot.press("1", "s", "b", "w", "m")
        await settled(pilot)


async def test_half_a_row_is_not_left_without_a_word(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    app = app_with(RateScreen(run, "anna"))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("3", "3", "q")
        await settled(pilot)
        assert app.is_running and "This row has 2 of 4 answers" in last_notice(app)
        await pilot.press("3", "q")
        await settled(pilot)
        assert app.is_running and "This row has 3 of 4 answers" in last_notice(app)
        await pilot.press("q")
        await settled(pilot)
        assert not app.is_running
    assert not ratings_file(run.path).exists()


async def test_a_disk_that_refuses_keeps_the_row(tmp_path: Path) -> None:
    run = scored_run(tmp_path)
    app = app_with(RateScreen(run, "anna"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settled(pilot)
        ratings_file(run.path).mkdir()
        await pilot.press(*"3333")
        await settled(pilot)
        assert "cannot be kept" in last_notice(app) and "safety ▸" in shown_text(app)


# -- hostile text


@pytest.mark.parametrize(
    ("text", "size"), [(NASTY, (60, 18)), (NASTY, (120, 40)), (LONG[:50_000], (80, 24))], ids=["60", "120", "long-80"]
)
async def test_hostile_text_in_every_page(tmp_path: Path, text: str, size: tuple[int, int]) -> None:
    run = nasty_run(tmp_path, text.encode("utf-8", "ignore").decode())
    (run / "eval" / "verdict.json").write_text(json.dumps({
        **VERDICT, "verdict": text, "reasons": [text], "primary": text[:300],
        "metrics": {text[:300]: {"base": 0, "tuned": 1, "delta": 1, "ci_low": 0, "ci_high": 1, "n": text[:9]}},
        "groups": [{"reason": text, "base": text, "tuned": text}], "forgotten": [{"text": text, "base": 1, "tuned": 2}],
    }))  # fmt: skip
    sample = {"id": 0, "prompt": text, "reference": text, "base": text, "tuned": text + "!"}
    (run / "eval" / "samples.jsonl").write_text(json.dumps(sample) + "\n")
    screens: list[tuple[Any, str]] = [
        (RunResultScreen(Run(run)), "234"), (RateScreen(Run(run), text[:80]), "w"),
        (CompareScreen([Run(run), Run(run)]), "23"),
    ]  # fmt: skip
    for screen, keys in screens:
        app = app_with(screen)
        async with app.run_test(size=size, notifications=True) as pilot:
            await settled(pilot)
            check(shown_text(app), shows=not isinstance(screen, CompareScreen))
            for key in keys:
                await pilot.press(key)
                await settled(pilot)
                check(shown_text(app), shows=False)


async def test_the_result_of_a_run_that_was_removed_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, status="finished")
    app = app_with(RunResultScreen(run))
    async with app.run_test(size=(80, 24)) as pilot:
        shutil.rmtree(run.path)
        app.screen.query_one(ResultView).look()
        await settled(pilot)
        assert "folder is gone" in shown_text(app)
        await pilot.press("4")
        await pilot.pause()
        assert "ftui runs list" in shown_text(app) and "ftui runs stop" not in shown_text(app)
