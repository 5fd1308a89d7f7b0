"""Krippendorff's alpha against published values, and its limits."""

from __future__ import annotations

import random

import pytest

from ftui.core.agreement import alpha_ordinal, in_words

# K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): four observers, twelve units, 0 = not rated.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
]


def test_the_published_example() -> None:
    units = [[float(row[unit]) for row in OBSERVERS if row[unit]] for unit in range(12)]
    assert alpha_ordinal(units) == pytest.approx(0.815, abs=0.0005)


def test_perfect_agreement_is_one_and_the_opposite_is_below_zero() -> None:
    assert alpha_ordinal([[1, 1], [5, 5], [3, 3]]) == pytest.approx(1.0)
    opposite = alpha_ordinal([[1, 5], [5, 1], [1, 5], [5, 1]])
    assert opposite is not None
    assert opposite < -0.1


def test_ratings_by_chance_agree_by_chance() -> None:
    noise = random.Random(3)
    alpha = alpha_ordinal([[noise.randint(1, 5), noise.randint(1, 5)] for _ in range(2000)])
    assert alpha == pytest.approx(0.0, abs=0.05)


def test_near_misses_cost_less_than_far_ones() -> None:
    near = alpha_ordinal([[1, 2], [2, 2], [3, 3], [4, 5], [5, 5]])
    far = alpha_ordinal([[1, 5], [2, 2], [3, 3], [4, 1], [5, 5]])
    assert near is not None
    assert far is not None
    assert near > far


@pytest.mark.parametrize("units", [[], [[3]], [[1], [2]], [[3, 3], [3, 3]]])
def test_nothing_to_compare_is_not_a_number(units: list[list[float]]) -> None:
    assert alpha_ordinal(units) is None
    assert in_words(None) == "cannot be told"
