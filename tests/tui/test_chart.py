"""Axes, raster and the chart widget."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from ftui.tui.glyphs import ASCII, UNICODE
from ftui.tui.widgets.axes import linear_ticks, log_ticks, nice_end, nice_range, nice_step, short_number
from ftui.tui.widgets.braille_chart import BrailleChart, Curve
from ftui.tui.widgets.chart_files import as_csv, as_svg
from ftui.tui.widgets.raster import Canvas, buckets


@given(st.floats(1e-9, 1e12), st.integers(1, 12))
def test_a_nice_step_is_round_and_gives_at_most_the_ticks(span: float, ticks: int) -> None:
    step = nice_step(span, ticks)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - round_one) for round_one in (1, 2, 2.5, 5, 10)) < 1e-6
    assert span / step <= ticks * (1 + 1e-6)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_nice_range_holds_its_values(low: float, width: float) -> None:
    bottom, top = nice_range(low, low + width, 5)
    slack = 1e-6 * max(1, abs(low), width)
    assert bottom <= low + slack and top >= low + width - slack and top > bottom


@given(st.floats(0, 1e7))
def test_an_x_axis_leaves_at_most_a_third_empty(last: float) -> None:
    end = nice_end(last, None)
    assert end >= last and (end <= 20 or end <= last * 1.5)


def test_an_x_axis_never_goes_beyond_the_last_step_of_the_run() -> None:
    assert nice_end(290, 300) == 300
    assert nice_end(12, 300) == 20
    assert nice_end(120, 300) == 300
    assert nice_end(100, 300) == 100
    assert nice_end(310, 300) >= 310


def test_ticks_are_round() -> None:
    assert linear_ticks(0, 3, 3) == [0, 1, 2, 3]
    assert log_ticks(0.1, 10, 5) == pytest.approx([0.1, 0.3, 1, 3, 10])
    assert len(log_ticks(0.9, 1.1, 5)) > 1


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [
        (2e-4, 1e-4, "2e-4"),
        (0, 1, "0"),
        (1.5, 0.5, "1.5"),
        (4000, 500, "4000"),
        (1.2e6, 2e5, "1.2M"),
        (12000, 2000, "12k"),
    ],
)
def test_tick_labels_are_short(value: float, step: float, text: str) -> None:
    assert short_number(value, step) == text


def test_every_extreme_survives_the_buckets() -> None:
    ys = [1.0] * 1000
    ys[637] = 50.0
    found = buckets(range(1000), ys, 0, 999, 40)
    assert max(bucket.high for bucket in found if bucket) == 50.0
    assert sum(bucket is not None for bucket in found) == 40


def test_points_outside_the_window_are_left_out_and_the_last_is_in() -> None:
    found = buckets([0, 5, 10, 15], [1, 2, 3, 4], 5, 10, 5)
    assert found[0] is not None and found[0].low == 2
    assert found[-1] is not None and found[-1].high == 3


def test_a_rising_line_rises() -> None:
    canvas = Canvas(10, 5, 0, 9, ascii_only=True, log=False)
    canvas.line(buckets(range(10), range(10), 0, 9, 10), "bright")
    rows = ["".join(text for text, _ in row) for row in canvas.rows()]
    assert rows[-1].startswith("*") and rows[0].rstrip().endswith("*") and rows[0].startswith(" ")


def test_braille_dots_are_where_they_belong() -> None:
    canvas = Canvas(1, 1, 0, 3, ascii_only=False, log=False)
    canvas.line(buckets([0, 1], [0, 3], 0, 1, 2), "bright")
    character = canvas.rows()[0][0][0]
    assert ord(character) - 0x2800 & 0x40 and ord(character) - 0x2800 & 0x08


def chart_app(chart: BrailleChart) -> App[None]:
    class Host(App[None]):
        CSS = "BrailleChart { height: 1fr; }"

        def compose(self) -> ComposeResult:
            yield chart

    return Host()


async def test_the_cursor_reads_values_and_the_keys_zoom() -> None:
    chart = BrailleChart(glyphs=UNICODE)
    xs, ys = list(range(1, 101)), [100 / (1 + i) for i in range(100)]
    async with chart_app(chart).run_test(size=(80, 20)) as pilot:
        chart.show([Curve("train", xs, ys)], 100)
        chart.focus()
        assert "train 1" in chart.plain.splitlines()[0]
        await pilot.press("home")
        assert chart.cursor == 1 and "train 100" in chart.plain and "step 1" in chart.plain
        await pilot.press("right")
        assert chart.cursor is not None and 2 <= chart.cursor <= 3
        before = chart.plain
        await pilot.press("plus")
        assert "zoom" in chart.plain and chart.plain != before
        await pilot.press("0")
        assert chart.cursor is None and "zoom" not in chart.plain
        await pilot.press("y")
        assert " log" in chart.plain.splitlines()[0]


async def test_values_that_cannot_be_logged_do_not_break_a_log_axis() -> None:
    chart = BrailleChart(glyphs=UNICODE, log=True)
    async with chart_app(chart).run_test(size=(60, 12)):
        chart.show([Curve("margin", [1, 2, 3], [-1.0, 0.0, 2.0])])
        assert "margin" in chart.plain


@pytest.mark.parametrize("size", [(17, 5), (60, 4), (30, 3), (200, 60)])
async def test_any_size_can_be_drawn(size: tuple[int, int]) -> None:
    chart = BrailleChart(glyphs=ASCII)
    async with chart_app(chart).run_test(size=size):
        chart.show([Curve("a", [1], [1.0]), Curve("b", [1, 2, 3], [1.0, 1.0, 1.0], points=True)], 10)
        assert chart.plain.isascii()


async def test_without_points_the_chart_says_so() -> None:
    chart = BrailleChart(empty="No loss yet.")
    async with chart_app(chart).run_test():
        chart.show([])
        assert chart.plain == "No loss yet."


def test_exports_hold_the_points_and_no_markup_of_the_names() -> None:
    curve = Curve("<b>&train", [1, 2], [0.5, 0.25])
    assert as_csv([curve], "step").splitlines() == ["series,step,value", "<b>&train,1,0.5", "<b>&train,2,0.25"]
    svg = as_svg([curve], "a & b", "step")
    assert "&lt;b&gt;&amp;train" in svg and svg.startswith("<svg") and "polyline" in svg
