"""Rows that resend only what changed."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.geometry import Region

from ftui.tui.glyphs import ASCII, UNICODE, to_ascii
from ftui.tui.widgets.fact_table import Fact, FactTable
from ftui.tui.widgets.lines import Lines, changed_spans
from ftui.tui.widgets.meter import Gauge, gauge_rows


def spans(before: str, after: str) -> list[tuple[int, int]]:
    return list(changed_spans(((before, "text"),), ((after, "text"),)))


def test_changed_spans_are_as_small_as_they_can_be() -> None:
    assert spans("step 120 of 300", "step 121 of 300") == [(7, 8)]
    assert spans("same", "same") == []
    assert spans("abc", "abcde") == [(3, 5)]
    assert spans("abcde", "abc") == [(3, 5)]


def test_distant_changes_are_painted_apart_and_near_ones_together() -> None:
    assert spans("1" + "." * 40 + "1", "2" + "." * 40 + "2") == [(0, 1), (41, 42)]
    assert spans("1...1", "2...2") == [(0, 5)]


def test_a_change_of_look_is_a_change() -> None:
    assert list(changed_spans((("ok", "ok"),), (("ok", "fail"),))) == [(0, 2)]


def test_rows_with_wide_characters_are_painted_whole() -> None:
    assert spans("日本語 1", "日本語 2") == [(0, 8)]


async def test_only_changed_cells_are_refreshed() -> None:
    painted: list[Region] = []

    class Probe(Lines):
        def refresh(self, *regions: Region, **options: bool) -> Probe:
            painted.extend(regions)
            return super().refresh(*regions, **options)  # type: ignore[return-value]

    class Host(App[None]):
        CSS = "Lines { height: 3; }"

        def compose(self) -> ComposeResult:
            yield Probe()

    async with Host().run_test() as pilot:
        lines = pilot.app.query_one(Probe)
        lines.set_rows([(("loss 1.25", "text"),), (("epoch 1", "text"),)])
        await pilot.pause()
        painted.clear()
        lines.set_rows([(("loss 1.26", "text"),), (("epoch 1", "text"),)])
        assert painted == [Region(8, 0, 1, 1)]
        assert lines.plain == "loss 1.26\nepoch 1"


async def test_facts_go_into_columns_where_there_is_room() -> None:
    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield FactTable(columns=3)

    facts = [Fact("a", "1"), Fact("b", "2"), Fact("c", "3")]
    async with Host().run_test(size=(100, 10)) as pilot:
        table = pilot.app.query_one(FactTable)
        table.show(facts)
        assert len(table.plain.splitlines()) == 1
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert [line.split() for line in table.plain.splitlines()] == [["a", "1"], ["b", "2"], ["c", "3"]]


def test_a_meter_marks_the_predicted_peak_in_its_column() -> None:
    gib = 2**30
    bar, mark = gauge_rows(Gauge("GPU 0", 6 * gib, 24 * gib, 9 * gib, 12 * gib), 5, 100, ASCII)
    drawn, marked = "".join(text for text, _ in bar), "".join(text for text, _ in mark)
    cells = drawn.count("#") + drawn.count("-")
    assert marked.index("^") == 6 + cells // 2
    assert "predicted peak 12.0 GiB, measured 9.0 GiB" in marked
    assert "6.0 GiB of 24.0 GiB" in drawn


def test_a_meter_says_when_more_is_predicted_than_there_is() -> None:
    gib = 2**30
    _, mark = gauge_rows(Gauge("GPU 0", gib, 8 * gib, None, 12 * gib), 5, 100, UNICODE)
    assert "more than there is" in "".join(text for text, _ in mark)


def test_ascii_keeps_every_width() -> None:
    assert to_ascii("─│█░▲● 日本 é") == "-|#-^* ???? ?"
