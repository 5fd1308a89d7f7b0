import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.events import Alert, Checkpoint, Failed, Phase, Step
from ftui.core.metrics import Column, downsample, ema, eta_seconds, settled, tokens_per_second

numbers = st.floats(-1e6, 1e6, allow_nan=False)


def test_ema_starts_at_the_first_value_and_follows() -> None:
    assert ema([4.0], 0.1) == [pytest.approx(4.0)]
    smooth = ema([0.0] * 5 + [1.0] * 200, 0.1)
    assert smooth[4] == 0.0
    assert smooth[-1] == pytest.approx(1.0, abs=1e-6)


def test_ema_steps_over_what_is_not_a_number() -> None:
    assert ema([None, 2.0, math.nan, math.inf, 2.0], 0.5) == [None, 2.0, 2.0, 2.0, 2.0]


@given(st.lists(numbers, min_size=1), st.floats(0.01, 1.0))
def test_ema_stays_between_the_extremes(values: list[float], alpha: float) -> None:
    for index, value in enumerate(ema(values, alpha)):
        assert value is not None
        seen = values[: index + 1]
        assert min(seen) - 1e-6 <= value <= max(seen) + 1e-6


@pytest.mark.parametrize("alpha", [0.0, -1.0, 1.5, math.nan])
def test_ema_refuses_a_wrong_alpha(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        ema([1.0], alpha)


def test_eta_of_steady_steps_is_their_product() -> None:
    low, expected, high = eta_seconds([9.0] + [2.0] * 30, 100) or (0, 0, 0)
    assert expected == pytest.approx(200.0)
    assert low == pytest.approx(190.0) and high == pytest.approx(210.0)


def test_eta_follows_a_run_that_became_slow() -> None:
    estimate = eta_seconds([1.0] * 500 + [3.0] * 60, 10)
    assert estimate is not None and estimate[1] == pytest.approx(30.0)


def test_eta_without_times_or_steps() -> None:
    assert eta_seconds([], 10) is None
    assert eta_seconds([None, math.nan], 10) is None
    assert eta_seconds([1.0], 0) == (0.0, 0.0, 0.0)
    assert eta_seconds([1.0, 1.0], 10) == (5.0, 10.0, 20.0)


@given(st.lists(st.floats(0.001, 100.0), min_size=2), st.integers(1, 10_000))
def test_eta_is_ordered(times: list[float], left: int) -> None:
    low, expected, high = eta_seconds(times, left) or (math.nan,) * 3
    assert 0 <= low <= expected <= high


def test_throughput_over_the_window() -> None:
    assert tokens_per_second([100] * 30, [1.0] * 10 + [0.5] * 20, window=20) == pytest.approx(200.0)
    assert tokens_per_second([], []) is None


def test_downsample_keeps_a_single_spike() -> None:
    xs = list(range(100_000))
    ys: list[float | None] = [1.0] * len(xs)
    ys[55_555] = 99.0
    columns = downsample(xs, ys, 80)
    assert len(columns) == 80
    assert max(c.high for c in columns if c) == 99.0
    assert columns[0] == Column(1.0, 1.0, 1.0, 1.0)


def test_downsample_leaves_gaps_where_nothing_is() -> None:
    columns = downsample([0, 1, 10], [1.0, 2.0, 3.0], 10)
    assert columns[0] == Column(1.0, 1.0, 1.0, 1.0)
    assert columns[1] == Column(2.0, 2.0, 2.0, 2.0)
    assert columns[2:9] == [None] * 7
    assert columns[9] == Column(3.0, 3.0, 3.0, 3.0)


def test_downsample_of_little() -> None:
    assert downsample([], [], 3) == [None, None, None]
    assert downsample([5], [math.nan], 2) == [None, None]
    assert downsample([5], [2.0], 2) == [Column(2.0, 2.0, 2.0, 2.0), None]
    with pytest.raises(ValueError, match="columns"):
        downsample([1], [1.0], 0)
    with pytest.raises(ValueError, match="ys"):
        downsample([1], [], 1)


@given(st.lists(numbers, min_size=1, max_size=300), st.integers(1, 40))
def test_downsample_loses_no_extreme(ys: list[float], columns: int) -> None:
    buckets = [b for b in downsample(list(range(len(ys))), ys, columns) if b]
    assert min(b.low for b in buckets) == min(ys)
    assert max(b.high for b in buckets) == max(ys)
    assert (buckets[0].first, buckets[-1].last) == (ys[0], ys[-1])


def test_settled_takes_back_what_a_resume_does_again() -> None:
    def step(number: int, loss: float) -> Step:
        return Step(number, 4, 0.0, number, {"loss": loss})

    first = [Phase("training"), step(1, 3.0), step(2, 2.0), Checkpoint(2, "checkpoints/step-2", 1), step(3, 9.0)]
    again = [Failed("nan", "", step=3), Alert("info", "resumed", "Going on from step 2.", step=2), step(3, 1.5)]
    assert settled([*first, *again]) == [*first[:4], *again]
    assert settled(first) == first
